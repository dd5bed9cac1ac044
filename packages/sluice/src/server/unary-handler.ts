// Serves calls with one request message: collects it, runs the handler, sends what it answers.
// Invariant: the handler runs once, after the client has ended its side with exactly one message.

import { Status } from '../grpc/status.ts';
import type { WriteRoom } from '../transport/message-pump.ts';
import type { ServerStream, ServerStreamListener } from '../transport/server-stream.ts';
import type { ServerContext } from './context.ts';
import type { HandlerSlot } from './handler-slot.ts';
import { type ResponseWriter, sendAll } from './response-pump.ts';

/** One request, one response. */
export type UnaryHandler = (
  request: Buffer,
  context: ServerContext,
) => Uint8Array | Promise<Uint8Array>;

/** One request, many responses. */
export type ServerStreamingHandler = (
  request: Buffer,
  context: ServerContext,
) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Collects the one request of a call and runs its handler, unary or server-streaming. */
export class SingleRequestListener implements ServerStreamListener, ResponseWriter {
  private readonly stream: ServerStream;
  private readonly unary: UnaryHandler | undefined;
  private readonly streaming: ServerStreamingHandler | undefined;
  private slot: HandlerSlot | undefined;
  private message: Buffer | undefined;
  /** The handler has begun: it gives the slot back itself. */
  private running: boolean;
  room: WriteRoom | undefined;

  constructor(
    stream: ServerStream,
    unary: UnaryHandler | undefined,
    streaming: ServerStreamingHandler | undefined,
  ) {
    this.stream = stream;
    this.unary = unary;
    this.streaming = streaming;
    this.slot = undefined;
    this.message = undefined;
    this.running = false;
    this.room = undefined;
  }

  begin(slot: HandlerSlot): void {
    this.slot = slot;
    this.stream.request(2);
  }

  onMessage(message: Buffer): void {
    if (this.message === undefined) {
      this.message = message;
      return;
    }
    this.breach('the client sent more than one request message');
  }

  onHalfClose(): void {
    const { slot, message } = this;
    if (slot === undefined) return;
    if (message === undefined) {
      this.breach('the client ended the call without a request message');
      return;
    }
    this.running = true;
    if (this.unary !== undefined) this.runUnary(slot, this.unary, message);
    else if (this.streaming !== undefined) this.runStreaming(slot, this.streaming, message);
  }

  private breach(text: string): void {
    this.stream.end(Status.INTERNAL, text, []);
    this.over();
  }

  private runUnary(slot: HandlerSlot, handler: UnaryHandler, message: Buffer): void {
    try {
      const answer = handler(message, slot.context);
      if (isThenable(answer)) {
        answer.then(
          (value) => this.answer(slot, value),
          (error: unknown) => slot.fail(error),
        );
      } else {
        this.answer(slot, answer);
      }
    } catch (error) {
      slot.fail(error);
    }
  }

  private answer(slot: HandlerSlot, message: Uint8Array): void {
    try {
      this.stream.send(message);
      slot.succeed();
    } catch (error) {
      slot.fail(error);
    }
  }

  private runStreaming(slot: HandlerSlot, handler: ServerStreamingHandler, message: Buffer): void {
    sendAll(() => handler(message, slot.context), slot, this);
  }

  onWritable(): void {
    this.room?.open();
  }

  onCancel(reason: string): void {
    this.slot?.cancelled(reason);
  }

  /** The call ended without its handler. */
  over(): void {
    this.room?.open();
    // Before its message was complete no handler runs that could give the slot back.
    if (!this.running) this.slot?.release();
  }
}

// A handler without types may answer with anything; what is no promise is for `send` to judge.
function isThenable(answer: Uint8Array | Promise<Uint8Array>): answer is Promise<Uint8Array> {
  if (answer instanceof Uint8Array) return false;
  return typeof answer === 'object' && answer !== null && 'then' in answer;
}
