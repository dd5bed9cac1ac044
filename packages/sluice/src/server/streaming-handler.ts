// Serves calls whose requests are a stream: the handler iterates over them.
// Invariants: nothing is read ahead of the handler's iteration; a client that goes away ends it with
// an error.

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { WriteRoom } from '../transport/message-pump.ts';
import { DONE, MessageQueue } from '../transport/message-queue.ts';
import type { ServerStream, ServerStreamListener } from '../transport/server-stream.ts';
import type { ServerContext } from './context.ts';
import type { HandlerSlot } from './handler-slot.ts';
import { type ResponseWriter, sendAll } from './response-pump.ts';

/** Many requests, one response. */
export type ClientStreamingHandler = (
  requests: AsyncIterable<Buffer>,
  context: ServerContext,
) => Uint8Array | Promise<Uint8Array>;

/** Many requests, many responses. */
export type BidiStreamingHandler = (
  requests: AsyncIterable<Buffer>,
  context: ServerContext,
) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** The requests of a call as an async iterable, and the handler that iterates over them. */
export class RequestStreamListener
  implements ServerStreamListener, ResponseWriter, AsyncIterableIterator<Buffer, undefined>
{
  private readonly stream: ServerStream;
  private readonly messages: MessageQueue;
  private slot: HandlerSlot | undefined;
  private left: boolean;
  room: WriteRoom | undefined;

  constructor(stream: ServerStream) {
    this.stream = stream;
    this.messages = new MessageQueue();
    this.slot = undefined;
    this.left = false;
    this.room = undefined;
  }

  runClientStreaming(slot: HandlerSlot, handler: ClientStreamingHandler): void {
    this.slot = slot;
    void this.answerOnce(slot, handler);
  }

  runBidi(slot: HandlerSlot, handler: BidiStreamingHandler): void {
    this.slot = slot;
    sendAll(() => handler(this, slot.context), slot, this);
  }

  private async answerOnce(slot: HandlerSlot, handler: ClientStreamingHandler): Promise<void> {
    try {
      const answer = await handler(this, slot.context);
      this.stream.send(answer);
      slot.succeed();
    } catch (error) {
      slot.fail(error);
    }
  }

  // The requests.

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.messages.ended || this.left) return Promise.resolve(DONE);
    if (this.slot?.context.cancelled === true) return Promise.reject(this.gone());
    return this.messages.next(this.stream);
  }

  /** The handler reads no further; what the client still sends is dropped when the call ends. */
  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.left = true;
    return Promise.resolve(DONE);
  }

  private gone(): StatusError {
    return StatusError.refusal(Status.CANCELLED, 'the client is gone');
  }

  onMessage(message: Buffer): void {
    this.messages.push(message);
  }

  onHalfClose(): void {
    this.messages.end(undefined);
  }

  onWritable(): void {
    this.room?.open();
  }

  onCancel(reason: string): void {
    this.slot?.cancelled(reason);
  }

  /** The call ended without its handler: whoever waits is told. */
  over(): void {
    this.room?.open();
    this.messages.fail(this.gone());
  }
}
