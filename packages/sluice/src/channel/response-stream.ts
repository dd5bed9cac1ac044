// The response messages of a streaming call, as an async iterable.
// Invariants: a message is asked for only when the consumer asks, so what nobody reads stays in the
// stream's window; leaving the iteration early cancels the call.

import type { Metadata } from '../grpc/metadata.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { CallListener, CallOptions, ClientCall } from './call.ts';

interface Waiter {
  readonly resolve: (result: IteratorResult<Buffer, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorResult<Buffer, undefined> = Object.freeze({ value: undefined, done: true });

/** Messages in order; ends with the call, throws its StatusError unless it ended with OK. */
export class ResponseStream implements CallListener, AsyncIterableIterator<Buffer> {
  private readonly options: CallOptions;
  private call: ClientCall | undefined;
  private readonly waiters: Waiter[];
  private ready: Buffer | undefined;
  private ended: boolean;
  private error: unknown;
  private wake: (() => void) | undefined;
  /** An error of the caller's own requests or callbacks, to be thrown instead of the status. */
  failure: { readonly error: unknown } | undefined;

  constructor(options: CallOptions) {
    this.options = options;
    this.call = undefined;
    this.waiters = [];
    this.ready = undefined;
    this.ended = false;
    this.error = undefined;
    this.wake = undefined;
    this.failure = undefined;
  }

  begin(call: ClientCall, request: Uint8Array | undefined): void {
    this.call = call;
    call.start(request);
  }

  /** Resolves when the call can be written to again, or is over. */
  writable(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.ended) return this.finished();
    if (this.waiters.length === 0) {
      // A message that is here already comes from inside `request`.
      this.call?.request(1);
      const ready = this.ready;
      if (ready !== undefined) {
        this.ready = undefined;
        return Promise.resolve({ value: ready, done: false });
      }
      if (this.ended) return this.finished();
      return new Promise((resolve, reject) => {
        this.waiters.push({ resolve, reject });
      });
    }
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject });
      this.call?.request(1);
    });
  }

  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.call?.cancel('the caller left the iteration');
    this.error = undefined;
    return Promise.resolve(DONE);
  }

  private finished(): Promise<IteratorResult<Buffer, undefined>> {
    const error = this.error;
    this.error = undefined;
    return error === undefined ? Promise.resolve(DONE) : Promise.reject(error);
  }

  onHeader(header: Metadata): void {
    try {
      this.options.onHeader?.(header);
    } catch (error) {
      this.failure = { error };
      this.call?.cancel('onHeader threw');
    }
  }

  onMessage(message: Buffer): void {
    const waiter = this.waiters.shift();
    if (waiter === undefined) this.ready = message;
    else waiter.resolve({ value: message, done: false });
  }

  onWritable(): void {
    this.wake?.();
    this.wake = undefined;
  }

  onEnd(code: Status, details: string, trailer: Metadata): void {
    this.ended = true;
    this.onWritable();
    try {
      this.options.onTrailer?.(trailer);
    } catch (error) {
      this.failure ??= { error };
    }
    if (this.failure !== undefined) this.error = this.failure.error;
    else if (code !== Status.OK) this.error = StatusError.ended(code, details, trailer);
    const first = this.waiters.shift();
    if (first !== undefined) void this.finished().then(first.resolve, first.reject);
    for (const waiter of this.waiters) waiter.resolve(DONE);
    this.waiters.length = 0;
  }
}
