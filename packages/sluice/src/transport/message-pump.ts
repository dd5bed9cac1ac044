// Sends the messages of an iterable at the pace the stream takes them, for both ends of a call.
// Invariant: one message is pulled at a time, and none while the stream has no room; an iterable
// whose call is over is ended with return().
// Not here: what an error of the iterable means to the call (channel/, server/).

/** A sequence of messages, made by a caller or a handler. */
export type Messages = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** The call that is written to. */
export interface MessageSender {
  readonly isEnded: boolean;
  /** False: the writer should pause. */
  send(message: Uint8Array): boolean;
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

/** Settles when all was sent or the call is over; rejects with what `messages` or `send` throws. */
export async function pumpMessages(
  messages: Messages,
  call: MessageSender,
  room: WriteRoom,
): Promise<void> {
  for await (const message of messages) {
    if (call.isEnded) return;
    if (!call.send(message) && !call.isEnded) await room.wait();
    // Ended while it waited: another message may be long in coming, if it comes at all.
    if (call.isEnded) return;
  }
}
