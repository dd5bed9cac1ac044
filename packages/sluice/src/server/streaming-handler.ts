// Serves calls whose requests are a stream: the handler iterates over them.
// Invariants: nothing is read ahead of the handler's iteration; a client that goes away, or sends
// what cannot be decoded, ends it with an error.

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { Messages, WriteRoom } from '../transport/message-pump.ts';
import { DONE, type MessageDecoder, MessageQueue } from '../transport/message-queue.ts';
import type { ServerStream, ServerStreamListener } from '../transport/server-stream.ts';
import type { ServerContext } from './context.ts';
import { isGenerator, noMessage, responsesOf } from './handler-answers.ts';
import { handlerScopes } from './handler-scope.ts';
import type { HandlerSlot, SlotListener } from './handler-slot.ts';
import { type ResponseWriter, sendAll } from './response-pump.ts';

/** Many requests, one response. */
export type ClientStreamingHandler<I = Buffer, O = Uint8Array> = (
  requests: AsyncIterable<I>,
  context: ServerContext,
) => O | Promise<O>;

/** Many requests, many responses. */
export type BidiStreamingHandler<I = Buffer, O = Uint8Array> = (
  requests: AsyncIterable<I>,
  context: ServerContext,
) => Messages<O>;

/** The requests of a call as an async iterable, and the handler that iterates over them. */
export class RequestStreamListener<I, O>
  implements
    ServerStreamListener,
    ResponseWriter,
    SlotListener,
    MessageDecoder<I>,
    AsyncIterableIterator<I, undefined>
{
  private readonly stream: ServerStream;
  private readonly messages: MessageQueue<I>;
  private slot: HandlerSlot<I, O> | undefined;
  private left: boolean;
  room: WriteRoom | undefined;

  constructor(stream: ServerStream) {
    this.stream = stream;
    this.messages = new MessageQueue(this);
    this.slot = undefined;
    this.left = false;
    this.room = undefined;
  }

  runClientStreaming(slot: HandlerSlot<I, O>, handler: ClientStreamingHandler<I, O>): void {
    this.slot = slot;
    this.stream.listen(this);
    if (handlerScopes.any) this.answerScoped(slot, handler);
    else void this.answerOnce(slot, handler);
  }

  runBidi(slot: HandlerSlot<I, O>, handler: BidiStreamingHandler<I, O>): void {
    this.slot = slot;
    this.stream.listen(this);
    if (handlerScopes.any) this.sendScoped(slot, handler);
    else this.sendAnswers(slot, handler);
  }

  private sendAnswers(slot: HandlerSlot<I, O>, handler: BidiStreamingHandler<I, O>): void {
    sendAll(() => responsesOf(handler(this, slot.context), slot.context.path), slot, this);
  }

  // Apart: a function that makes a closure pays for what it captures even where it makes none.

  private answerScoped(slot: HandlerSlot<I, O>, handler: ClientStreamingHandler<I, O>): void {
    handlerScopes.run(this.stream, () => void this.answerOnce(slot, handler));
  }

  private sendScoped(slot: HandlerSlot<I, O>, handler: BidiStreamingHandler<I, O>): void {
    handlerScopes.run(this.stream, () => this.sendAnswers(slot, handler));
  }

  private async answerOnce(
    slot: HandlerSlot<I, O>,
    handler: ClientStreamingHandler<I, O>,
  ): Promise<void> {
    try {
      const answer = await handler(this, slot.context);
      if (isGenerator(answer)) throw noMessage(slot.context.path);
      slot.send(answer);
      slot.succeed();
    } catch (error) {
      slot.fail(error);
    }
  }

  // The requests.

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<I, undefined>> {
    if (this.messages.ended || this.left) return Promise.resolve(DONE);
    if (this.stream.isEnded) return Promise.reject(this.gone());
    const answer = this.messages.next(this.stream);
    // A fault of the client may show only now that its next message is asked for.
    this.forsake();
    return answer;
  }

  /** Of a call that has ended nobody waits for a message. */
  private forsake(): void {
    if (this.stream.isEnded && this.messages.isAwaited) this.messages.fail(this.gone());
  }

  /** The handler reads no further; what the client still sends is dropped when the call ends. */
  return(): Promise<IteratorResult<I, undefined>> {
    this.left = true;
    return Promise.resolve(DONE);
  }

  /** For the queue. */
  decode(bytes: Buffer): I {
    if (this.slot === undefined) throw this.gone();
    return this.slot.decode(bytes);
  }

  private gone(): StatusError {
    const isGone = this.slot?.context.cancelled === true;
    const text = isGone ? 'the client is gone' : 'the call has ended';
    return StatusError.refusal(Status.CANCELLED, text);
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
    this.room?.close();
    this.forsake();
  }

  /** An interceptor may have answered while its handler reads on. */
  released(): void {
    this.forsake();
  }
}
