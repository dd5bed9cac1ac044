// What became of a call on the published client: all that its callback and its events say, once it is over.
// Listens from the moment it is asked, and leaves the call to its caller, who may cancel it.

import type { ClientReadableStream, Metadata, ServiceError, StatusObject } from '@grpc/grpc-js';

/** What every kind of call of a client emits. */
interface Call {
  on(event: 'metadata', listener: (metadata: Metadata) => void): unknown;
  on(event: 'status', listener: (status: StatusObject) => void): unknown;
}

interface Outcome {
  readonly error: ServiceError | null;
  readonly headers: Metadata | undefined;
  readonly status: StatusObject;
}

/** A call with one reply; `reply` is undefined when `error` is not null. */
export interface ReplyOutcome<T> extends Outcome {
  readonly reply: T | undefined;
}

export interface StreamOutcome<T> extends Outcome {
  readonly messages: readonly T[];
}

/** Runs a method whose last argument is a callback: `ended((done) => client.get(request, done))`. */
export function ended<T>(
  start: (done: (error: ServiceError | null, reply?: T) => void) => Call,
): Promise<ReplyOutcome<T>> {
  return new Promise((resolve) => {
    let headers: Metadata | undefined;
    let called: { error: ServiceError | null; reply: T | undefined } | undefined;
    let status: StatusObject | undefined;
    const over = () => {
      if (called !== undefined && status !== undefined) resolve({ ...called, headers, status });
    };
    const call = start((error, reply) => {
      called = { error, reply };
      over();
    });
    call.on('metadata', (metadata) => {
      headers = metadata;
    });
    call.on('status', (seen) => {
      status = seen;
      over();
    });
  });
}

/** Reads a stream of replies to its end. */
export function drained<T>(call: ClientReadableStream<T>): Promise<StreamOutcome<T>> {
  return new Promise((resolve) => {
    const messages: T[] = [];
    let headers: Metadata | undefined;
    let status: StatusObject | undefined;
    let error: ServiceError | null = null;
    let closed = false;
    const over = () => {
      if (closed && status !== undefined) resolve({ messages, error, headers, status });
    };
    call.on('metadata', (metadata) => {
      headers = metadata;
    });
    call.on('data', (message: T) => {
      messages.push(message);
    });
    // The published type says Error; what a client emits is a ServiceError.
    call.on('error', (thrown: Error) => {
      error = thrown as ServiceError;
      closed = true;
      over();
    });
    call.on('end', () => {
      closed = true;
      over();
    });
    call.on('status', (seen) => {
      status = seen;
      over();
    });
  });
}
