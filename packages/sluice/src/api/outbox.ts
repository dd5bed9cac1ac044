// An outbox: messages are sent into it on one side and iterated over on the other, for code that has
// messages to send when something happens, where calls take iterables.
// Invariants: it never holds more than `maxMessages`; a writer that goes on against `false` is
// stopped; whoever waits at either side is told when the other has left. One reader.
// Not here: flow control of the call (transport/), which is why the reader pauses.

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import { OUTBOX_MESSAGES } from '../transport/limits.ts';
import { DONE } from '../transport/message-queue.ts';

/** Settings of an {@link Outbox}. */
export interface OutboxOptions {
  /** Messages that may wait for the reader; default 64. */
  readonly maxMessages?: number | undefined;
}

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

interface Waiting<T> {
  readonly message: T;
  next: Waiting<T> | undefined;
}

/**
 * A source of messages that others put there: what a streaming handler returns, or the requests of a
 * client. The call reads it at the pace of its peer and leaves it when it ends. What waits, waits in
 * this process: one outbox for each reader that may be slow.
 */
export class Outbox<T> implements AsyncIterableIterator<T, undefined> {
  private readonly maxMessages: number;
  private first: Waiting<T> | undefined;
  private last: Waiting<T> | undefined;
  private count: number;
  private reader: Reader<T> | undefined;
  /** `end` or `fail` was called: nothing follows what waits. */
  private ended: boolean;
  /** What `fail` was given, until it was thrown. */
  private failure: { readonly error: unknown } | undefined;
  /** Nobody reads on: the reader has left, or was told of the end. */
  private left: boolean;
  private roomPromise: Promise<boolean> | undefined;
  private tellRoom: (hasRoom: boolean) => void;
  private closedPromise: Promise<void> | undefined;
  private tellClosed: () => void;

  /** @throws RangeError unless `maxMessages` is an integer of at least 1 */
  constructor(options: OutboxOptions = {}) {
    const { maxMessages = OUTBOX_MESSAGES } = options;
    if (!Number.isSafeInteger(maxMessages) || maxMessages < 1) {
      throw new RangeError(
        `maxMessages is ${String(maxMessages)}; it must be an integer of at least 1`,
      );
    }
    this.maxMessages = maxMessages;
    this.first = undefined;
    this.last = undefined;
    this.count = 0;
    this.reader = undefined;
    this.ended = false;
    this.failure = undefined;
    this.left = false;
    this.roomPromise = undefined;
    this.tellRoom = () => {};
    this.closedPromise = undefined;
    this.tellClosed = () => {};
  }

  // The writing side.

  /** Messages that wait for the reader. */
  get size(): number {
    return this.count;
  }

  /**
   * Takes a message, which must not change any more.
   * @returns false when the writer should wait for `ready`: this one was the last that fits, or the
   *   outbox is closed and has dropped it
   * @throws StatusError RESOURCE_EXHAUSTED when it is full: the message was not taken
   */
  send(message: T): boolean {
    if (this.ended || this.left) return false;
    const { reader, count, maxMessages } = this;
    if (reader !== undefined) {
      this.reader = undefined;
      reader.resolve({ value: message, done: false });
      return true;
    }
    if (count === maxMessages) {
      throw StatusError.refusal(
        Status.RESOURCE_EXHAUSTED,
        `refused by the outbox: ${count} of ${maxMessages} messages wait for the reader; wait for ready() after send() returns false, or raise maxMessages`,
      );
    }
    const waiting: Waiting<T> = { message, next: undefined };
    if (this.last === undefined) this.first = waiting;
    else this.last.next = waiting;
    this.last = waiting;
    this.count = count + 1;
    return this.count < maxMessages;
  }

  /**
   * Resolves with true when there is room for a message, with false when none is taken any more
   * because the reader has left or the outbox was ended. Rejects never.
   */
  ready(): Promise<boolean> {
    if (this.ended || this.left) return Promise.resolve(false);
    if (this.count < this.maxMessages) return Promise.resolve(true);
    this.roomPromise ??= new Promise((resolve) => {
      this.tellRoom = resolve;
    });
    return this.roomPromise;
  }

  /** No more messages: the iteration ends behind those that wait. */
  end(): void {
    this.finish(undefined);
  }

  /**
   * No more messages: the iteration throws `error` behind those that wait. In a handler that is the
   * status of its call; a call that should end at once is ended by `context.abort`.
   */
  fail(error: unknown): void {
    this.finish({ error });
  }

  /** Resolves when nobody reads on: the reader has left, or has come to the end. Rejects never. */
  get closed(): Promise<void> {
    this.closedPromise ??= this.left
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.tellClosed = resolve;
        });
    return this.closedPromise;
  }

  private finish(failure: { readonly error: unknown } | undefined): void {
    if (this.ended || this.left) return;
    this.ended = true;
    this.failure = failure;
    this.offerRoom(false);
    const { reader } = this;
    if (reader === undefined) return;
    this.reader = undefined;
    this.close().then(reader.resolve, reader.reject);
  }

  private offerRoom(hasRoom: boolean): void {
    this.roomPromise = undefined;
    this.tellRoom(hasRoom);
  }

  // The reading side: the call.

  /** Itself: the messages are there for one reader. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next message. @throws Error, as a rejection, while another `next` waits for one */
  next(): Promise<IteratorResult<T, undefined>> {
    const { first } = this;
    if (first !== undefined) {
      this.first = first.next;
      if (first.next === undefined) this.last = undefined;
      this.count -= 1;
      this.offerRoom(true);
      return Promise.resolve({ value: first.message, done: false });
    }
    if (this.ended || this.left) return this.close();
    if (this.reader !== undefined) {
      return Promise.reject(
        new Error('an outbox has one reader, and it waits for a message already'),
      );
    }
    return new Promise((resolve, reject) => {
      this.reader = { resolve, reject };
    });
  }

  /** The reader leaves: what waits is dropped, and nothing more is taken. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.first = undefined;
    this.last = undefined;
    this.count = 0;
    this.failure = undefined;
    this.leave();
    const { reader } = this;
    this.reader = undefined;
    reader?.resolve(DONE);
    return Promise.resolve(DONE);
  }

  /** Tells the reader of the end. */
  private close(): Promise<IteratorResult<T, undefined>> {
    const { failure } = this;
    this.failure = undefined;
    this.leave();
    return failure === undefined ? Promise.resolve(DONE) : Promise.reject(failure.error);
  }

  private leave(): void {
    if (this.left) return;
    this.left = true;
    this.offerRoom(false);
    this.tellClosed();
  }
}
