// What `write()` of a call's stream says: false not only past Node's count of messages, but as soon as
// one of them has to wait for the peer, which takes bytes.
// Invariants: after each false there is one `drain`, Node's own where it owes one; a stream writes one
// message at a time, so that one function serves all of its messages.
// Not here: when a message has to wait (Sluice's `send`).

import type { Writable } from 'node:stream';

type Callback = (error?: Error | null) => void;

export class WriteRoom {
  private readonly stream: Writable;
  /** Of the message that waits. */
  private callback: Callback | undefined;
  /** `write` said false where Node would have said true. */
  private owesDrain: boolean;
  private readonly done: Callback;

  constructor(stream: Writable) {
    this.stream = stream;
    this.callback = undefined;
    this.owesDrain = false;
    this.done = (error) => this.onWritten(error);
  }

  /**
   * In `_write`.
   * @param callback of the message
   * @returns what to call when the next message may be written, at once or later
   */
  enter(callback: Callback): Callback {
    this.callback = callback;
    return this.done;
  }

  /** What `write` returns where Node's returned `room`. */
  tell(room: boolean): boolean {
    if (!room || this.callback === undefined) return room;
    this.owesDrain = true;
    return false;
  }

  private onWritten(error?: Error | null): void {
    const { callback, stream } = this;
    if (callback === undefined) return;
    this.callback = undefined;
    if (stream.writableNeedDrain) this.owesDrain = false;
    // Node writes the next message from here, if there is one.
    callback(error);
    if (!this.owesDrain || this.callback !== undefined || stream.writableLength > 0) return;
    this.owesDrain = false;
    if (!stream.writableEnded && !stream.destroyed) stream.emit('drain');
  }
}
