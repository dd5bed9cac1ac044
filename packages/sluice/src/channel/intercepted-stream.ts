// The responses of a streaming call with interceptors, as its caller iterates over them.
// Invariants: the call begins at once, as without interceptors; leaving the iteration ends every
// attempt, even while interceptors are still at work. Not here: the chain (intercepted-call.ts).

import type { Metadata } from '../grpc/metadata.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { Messages } from '../transport/message-pump.ts';
import { DONE } from '../transport/message-queue.ts';
import type { InterceptedCall } from './intercepted-call.ts';
import type { StreamCallResponse } from './interceptor.ts';
import { RequestMessages } from './request-messages.ts';

interface Opened {
  readonly response: StreamCallResponse;
  readonly iterator: AsyncIterator<unknown>;
}

/** Messages in order, as the outermost interceptor gives them. */
export class InterceptedStream implements AsyncIterableIterator<unknown> {
  private readonly call: InterceptedCall;
  private readonly opened: Promise<Opened>;
  private isOpen: boolean;
  private done: boolean;

  constructor(call: InterceptedCall, requests: Messages<unknown>) {
    this.call = call;
    this.isOpen = false;
    this.done = false;
    this.opened = this.open(new RequestMessages(requests, call.path));
    // Told to whoever asks for messages; a caller that never does is no unhandled rejection.
    this.opened.catch(() => {});
  }

  private async open(requests: RequestMessages): Promise<Opened> {
    try {
      const response = await this.call.stream(requests);
      if (!this.done) this.call.options.onHeader?.(response.header);
      this.isOpen = true;
      return { response, iterator: response.message[Symbol.asyncIterator]() };
    } catch (error) {
      this.call.end('an interceptor or onHeader threw');
      throw error;
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.done) return DONE;
    let trailer: Metadata | undefined;
    try {
      const { iterator, response } = await this.opened;
      trailer = response.trailer;
      const result = await iterator.next();
      if (result.done !== true) return this.done ? DONE : { value: result.value, done: false };
      this.finish(trailer);
      return DONE;
    } catch (error) {
      if (this.done) return DONE;
      this.finish(error instanceof StatusError ? error.metadata : trailer);
      throw error;
    }
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    if (this.done) return DONE;
    this.done = true;
    this.call.end('the caller left the iteration');
    if (!this.isOpen) return DONE;
    const { iterator } = await this.opened;
    try {
      await iterator.return?.();
    } catch (error) {
      // The end of the call is no news; what an interceptor throws as it is left is its own.
      if (!(error instanceof StatusError)) throw error;
    }
    return DONE;
  }

  private finish(trailer: Metadata | undefined): void {
    if (this.done) return;
    this.done = true;
    this.call.end('the call was answered without it');
    if (trailer !== undefined) this.call.options.onTrailer?.(trailer);
  }
}

/** The one message of a client-streaming call. */
export async function onlyMessage(responses: InterceptedStream): Promise<unknown> {
  const first = await responses.next();
  if (first.done === true) {
    throw new StatusError(Status.INTERNAL, 'the server sent status OK without a message');
  }
  const second = await responses.next();
  if (second.done === true) return first.value;
  await responses.return();
  throw new StatusError(Status.INTERNAL, 'the server sent more than one response message');
}
