// The response messages of a streaming call, as an async iterable.
// Invariants: nothing is read ahead of the iteration; leaving it early cancels the call.

import type { Metadata } from '../grpc/metadata.ts';
import type { Status } from '../grpc/status.ts';
import type { WriteRoom } from '../transport/message-pump.ts';
import { DONE, MessageQueue } from '../transport/message-queue.ts';
import type { CallListener, CallOptions, ClientCall } from './call.ts';
import { type Caller, type Failure, tellHeader, tellTrailer } from './caller-callbacks.ts';
import type { RequestListener } from './request-pump.ts';

/** Messages in order; ends with the call, throws its StatusError unless it ended with OK. */
export class ResponseStream
  implements CallListener, Caller, RequestListener, AsyncIterableIterator<Buffer>
{
  readonly options: CallOptions;
  call: ClientCall | undefined;
  room: WriteRoom | undefined;
  failure: Failure | undefined;
  private readonly messages: MessageQueue;

  constructor(options: CallOptions) {
    this.options = options;
    this.call = undefined;
    this.room = undefined;
    this.failure = undefined;
    this.messages = new MessageQueue();
  }

  begin(call: ClientCall, request: Uint8Array | undefined): void {
    this.call = call;
    call.start(request);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    return this.call === undefined ? Promise.resolve(DONE) : this.messages.next(this.call);
  }

  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.call?.cancel('the caller left the iteration');
    this.messages.forgive();
    return Promise.resolve(DONE);
  }

  onHeader(header: Metadata): void {
    tellHeader(this, header);
  }

  onMessage(message: Buffer): void {
    this.messages.push(message);
  }

  onWritable(): void {
    this.room?.open();
  }

  onEnd(code: Status, details: string, trailer: Metadata): void {
    this.room?.open();
    this.messages.end(tellTrailer(this, code, details, trailer)?.error);
  }
}
