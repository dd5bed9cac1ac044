// Sends the messages of an iterable at the pace the stream takes them, for both ends of a call.
// Invariant: one message is pulled at a time, and none while the stream has no room; an iterable
// whose call is over is ended with return(), at once even while it is being waited for.
// One async frame for each stream, because thousands of them may be open.

/** A sequence of messages, made by a caller or a handler. */
export type Messages<T = Uint8Array> = Iterable<T> | AsyncIterable<T>;

/** The call that is written to, and what the end of the messages means to it. */
export interface MessageWriter<T = Uint8Array> {
  readonly isEnded: boolean;
  /** False: the writer should pause. */
  send(message: T): boolean;
  /** All was sent, or the call is over. */
  succeed(): void;
  /** The iterable, or `send`, threw. */
  fail(error: unknown): void;
}

/** An iteration that has begun, for the one loop that carries it on. */
class BegunMessages<T> implements AsyncIterable<T> {
  private readonly iterator: AsyncIterator<T>;

  constructor(iterator: AsyncIterator<T>) {
    this.iterator = iterator;
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this.iterator;
  }

  /** No further message is wanted. A generator heeds this when it yields, other iterators at once. */
  leave(): void {
    try {
      // Of a call that is over nobody is left to hear how its messages end.
      Promise.resolve(this.iterator.return?.()).catch(() => {});
    } catch {
      // As above.
    }
  }
}

/** Where a writer waits: for room, or for its next message. */
export class WriteRoom {
  /** The writer waits for a message. */
  isAsking: boolean;
  private wake: (() => void) | undefined;
  private messages: BegunMessages<unknown> | undefined;

  constructor() {
    this.isAsking = false;
    this.wake = undefined;
    this.messages = undefined;
  }

  /** Begins an iteration, which `close` can end. */
  begin<T>(messages: Messages<T>): Messages<T> {
    this.isAsking = true;
    // What is not even an object is for the loop to complain of.
    const isObject = typeof messages === 'object' && messages !== null;
    if (!isObject || !(Symbol.asyncIterator in messages)) return messages;
    const begun = new BegunMessages(messages[Symbol.asyncIterator]());
    this.messages = begun;
    return begun;
  }

  /** Resolves with the next `open`. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  /** The call can be written to again. */
  open(): void {
    this.wake?.();
    this.wake = undefined;
  }

  /** The call is over. */
  close(): void {
    this.open();
    const { messages } = this;
    this.messages = undefined;
    // Between two messages the loop itself ends the iteration.
    if (this.isAsking) messages?.leave();
  }
}

/** Runs `make` and sends what it yields; settles when that is done, never rejects. */
export async function pumpMessages<T>(
  make: () => Messages<T>,
  writer: MessageWriter<T>,
  room: WriteRoom,
): Promise<void> {
  try {
    for await (const message of room.begin(make())) {
      room.isAsking = false;
      if (writer.isEnded) break;
      if (!writer.send(message) && !writer.isEnded) await room.wait();
      // Ended while it waited: another message may be long in coming, if it comes at all.
      if (writer.isEnded) break;
      room.isAsking = true;
    }
    room.isAsking = false;
    writer.succeed();
  } catch (error) {
    room.isAsking = false;
    writer.fail(error);
  }
}
