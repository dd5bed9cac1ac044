// Sends the messages of an iterable at the pace the stream takes them, for both ends of a call.
// Invariant: one message is pulled at a time, and none while the stream has no room; an iterable
// whose call is over is ended with return().
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

/** Where a writer that was told to pause waits. */
export class WriteRoom {
  private wake: (() => void) | undefined;

  constructor() {
    this.wake = undefined;
  }

  /** Resolves with the next `open`. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  /** The call can be written to again, or is over. */
  open(): void {
    this.wake?.();
    this.wake = undefined;
  }
}

/** Runs `make` and sends what it yields; settles when that is done, never rejects. */
export async function pumpMessages<T>(
  make: () => Messages<T>,
  writer: MessageWriter<T>,
  room: WriteRoom,
): Promise<void> {
  try {
    for await (const message of make()) {
      if (writer.isEnded) break;
      if (!writer.send(message) && !writer.isEnded) await room.wait();
      // Ended while it waited: another message may be long in coming, if it comes at all.
      if (writer.isEnded) break;
    }
    writer.succeed();
  } catch (error) {
    writer.fail(error);
  }
}
