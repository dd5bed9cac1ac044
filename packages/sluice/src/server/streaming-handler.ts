// Serves calls whose requests are a stream: the handler iterates over them.
// Invariants: a message is asked for only when the handler asks, so what it does not read stays in
// the stream's window; a client that goes away ends the iteration with an error.

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { ServerStream, ServerStreamListener } from '../transport/server-stream.ts';
import type { ServerContext } from './context.ts';
import type { HandlerSlot } from './handler-slot.ts';
import { sendAll } from './response-pump.ts';

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

interface Waiter {
  readonly resolve: (result: IteratorResult<Buffer, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorResult<Buffer, undefined> = Object.freeze({ value: undefined, done: true });

/** The requests of a call as an async iterable, and the handler that iterates over them. */
export class RequestStreamListener
  implements ServerStreamListener, AsyncIterableIterator<Buffer, undefined>
{
  private readonly stream: ServerStream;
  private readonly waiters: Waiter[];
  private slot: HandlerSlot | undefined;
  private ready: Buffer | undefined;
  private halfClosed: boolean;
  private left: boolean;
  private wake: (() => void) | undefined;

  constructor(stream: ServerStream) {
    this.stream = stream;
    this.waiters = [];
    this.slot = undefined;
    this.ready = undefined;
    this.halfClosed = false;
    this.left = false;
    this.wake = undefined;
  }

  runClientStreaming(slot: HandlerSlot, handler: ClientStreamingHandler): void {
    this.slot = slot;
    void this.answerOnce(slot, handler);
  }

  runBidi(slot: HandlerSlot, handler: BidiStreamingHandler): void {
    this.slot = slot;
    void sendAll(() => handler(this, slot.context), slot, this);
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
    if (this.halfClosed || this.left) return Promise.resolve(DONE);
    if (this.slot?.context.cancelled === true) return Promise.reject(this.gone());
    if (this.waiters.length === 0) {
      // A message that is here already comes from inside `request`.
      this.stream.request(1);
      const ready = this.ready;
      if (ready !== undefined) {
        this.ready = undefined;
        return Promise.resolve({ value: ready, done: false });
      }
      if (this.halfClosed) return Promise.resolve(DONE);
      return new Promise((resolve, reject) => {
        this.waiters.push({ resolve, reject });
      });
    }
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject });
      this.stream.request(1);
    });
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
    const waiter = this.waiters.shift();
    if (waiter === undefined) this.ready = message;
    else waiter.resolve({ value: message, done: false });
  }

  onHalfClose(): void {
    this.halfClosed = true;
    for (const waiter of this.waiters.splice(0)) waiter.resolve(DONE);
  }

  /** Resolves when the stream has room again, or is over. */
  writable(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  onWritable(): void {
    this.wake?.();
    this.wake = undefined;
  }

  onCancel(reason: string): void {
    this.slot?.cancelled(reason);
  }

  /** The call ended without its handler: whoever waits is told. */
  over(): void {
    this.onWritable();
    for (const waiter of this.waiters.splice(0)) waiter.reject(this.gone());
  }
}
