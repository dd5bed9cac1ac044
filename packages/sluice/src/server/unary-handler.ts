// Serves calls with one request message: collects it, runs the handler, sends what it answers.
// Invariant: the handler runs once, after the client has ended its side with exactly one message.

import { Status } from '../grpc/status.ts';
import type { Messages, WriteRoom } from '../transport/message-pump.ts';
import type { ServerStream, ServerStreamListener } from '../transport/server-stream.ts';
import type { ServerContext } from './context.ts';
import { isGenerator, noMessage, responsesOf } from './handler-answers.ts';
import { handlerScopes } from './handler-scope.ts';
import type { HandlerSlot, SlotListener } from './handler-slot.ts';
import { type ResponseWriter, sendAll } from './response-pump.ts';

/** One request, one response. */
export type UnaryHandler<I = Buffer, O = Uint8Array> = (
  request: I,
  context: ServerContext,
) => O | Promise<O>;

/** One request, many responses. */
export type ServerStreamingHandler<I = Buffer, O = Uint8Array> = (
  request: I,
  context: ServerContext,
) => Messages<O>;

/** Collects the one request of a call and runs its handler, unary or server-streaming. */
export class SingleRequestListener<I, O>
  implements ServerStreamListener, ResponseWriter, SlotListener
{
  private readonly stream: ServerStream;
  private readonly unary: UnaryHandler<I, O> | undefined;
  private readonly streaming: ServerStreamingHandler<I, O> | undefined;
  private slot: HandlerSlot<I, O> | undefined;
  private message: Buffer | undefined;
  /** The handler has begun: it gives the slot back itself. */
  private running: boolean;
  room: WriteRoom | undefined;

  constructor(
    stream: ServerStream,
    unary: UnaryHandler<I, O> | undefined,
    streaming: ServerStreamingHandler<I, O> | undefined,
  ) {
    this.stream = stream;
    this.unary = unary;
    this.streaming = streaming;
    this.slot = undefined;
    this.message = undefined;
    this.running = false;
    this.room = undefined;
  }

  begin(slot: HandlerSlot<I, O>): void {
    this.slot = slot;
    this.stream.listen(this);
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
    let request: I;
    try {
      request = slot.decode(message);
    } catch {
      // The slot has told the client.
      return;
    }
    this.running = true;
    if (handlerScopes.any) this.runScoped(slot, request);
    else this.run(slot, request);
  }

  // Apart: a function that makes a closure pays for what it captures even where it makes none.
  private runScoped(slot: HandlerSlot<I, O>, request: I): void {
    handlerScopes.run(this.stream, () => this.run(slot, request));
  }

  private run(slot: HandlerSlot<I, O>, request: I): void {
    if (this.unary !== undefined) this.runUnary(slot, this.unary, request);
    else if (this.streaming !== undefined) this.runStreaming(slot, this.streaming, request);
  }

  private breach(text: string): void {
    this.slot?.refuse(Status.INTERNAL, text);
  }

  private runUnary(slot: HandlerSlot<I, O>, handler: UnaryHandler<I, O>, request: I): void {
    try {
      const answer = handler(request, slot.context);
      if (isThenable(answer)) {
        answer.then(
          (value) => this.answer(slot, value),
          (error: unknown) => slot.fail(error),
        );
      } else if (isGenerator(answer)) {
        slot.fail(noMessage(slot.context.path));
      } else {
        this.answer(slot, answer);
      }
    } catch (error) {
      slot.fail(error);
    }
  }

  private answer(slot: HandlerSlot<I, O>, message: O): void {
    try {
      slot.send(message);
      slot.succeed();
    } catch (error) {
      slot.fail(error);
    }
  }

  private runStreaming(
    slot: HandlerSlot<I, O>,
    handler: ServerStreamingHandler<I, O>,
    request: I,
  ): void {
    sendAll(() => responsesOf(handler(request, slot.context), slot.context.path), slot, this);
  }

  onWritable(): void {
    this.room?.open();
  }

  onCancel(reason: string): void {
    this.slot?.cancelled(reason);
  }

  /** The call ended without its handler. */
  over(): void {
    this.room?.close();
    // Before its message was complete no handler runs that could give the slot back.
    if (!this.running) this.slot?.release();
  }

  released(): void {
    // Nothing waits here for messages.
  }
}

// A handler without types may answer with anything; what is no promise is for its codec to judge.
function isThenable<O>(answer: O | Promise<O>): answer is Promise<O> {
  if (answer instanceof Uint8Array) return false;
  return (
    typeof answer === 'object' &&
    answer !== null &&
    'then' in answer &&
    typeof answer.then === 'function'
  );
}
