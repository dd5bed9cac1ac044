// Flow control of a whole connection on receipt (RFC 9113 §6.9.1, stream 0).
// Invariant: limit = unacked + the peer's remaining connection window once the wire is quiet.
// Bytes are given back as they arrive, whether or not the application reads, so that one unread
// stream cannot stall the others; what a connection may hold is bounded per stream (in-flow.ts).
// While the memory budget holds a connection back they are given back as they are read.

import { DEFAULT_WINDOW, MAX_WINDOW } from './limits.ts';

/** The receive window of one connection. */
export class TransportInFlow {
  /** The window in bytes. */
  limit: number;
  /** Bytes received and not yet given back. */
  unacked: number;
  /** The memory budget holds the connection back: credit goes back as bytes are read, not before. */
  isHeld: boolean;
  /** Bytes read since it is held back, and not given back yet. */
  private read: number;

  constructor() {
    // Whatever the SETTINGS say: they are about streams (RFC 9113 §6.9.2).
    this.limit = DEFAULT_WINDOW;
    this.unacked = 0;
    this.isHeld = false;
    this.read = 0;
  }

  /**
   * DATA of `n` bytes came, padding included, on any stream, known or not. Answers the
   * WINDOW_UPDATE to send for stream 0 now, 0 for none, or -1 when the peer sent more than its
   * window: the connection fails with FLOW_CONTROL_ERROR.
   */
  onData(n: number): number {
    const unacked = this.unacked + n;
    if (unacked > this.limit) return -1;
    if (this.isHeld || unacked < this.limit / 4) {
      this.unacked = unacked;
      return 0;
    }
    this.unacked = 0;
    return unacked;
  }

  /** From now on unread bytes keep their credit. */
  hold(): void {
    this.isHeld = true;
    this.read = 0;
  }

  /** While held back: `n` bytes were read or dropped; answers the WINDOW_UPDATE to send, 0 for none. */
  onRead(n: number): number {
    this.read = Math.min(this.read + n, this.unacked);
    const quarter = this.limit / 4;
    // A peer that has little left gets what there is, or one that is read would stand still.
    if (this.read < quarter && this.limit - this.unacked >= quarter) return 0;
    const update = this.read;
    this.read = 0;
    this.unacked -= update;
    return update;
  }

  /** The pressure is over; answers the WINDOW_UPDATE to send now, 0 for none. */
  unhold(): number {
    this.isHeld = false;
    const update = this.unacked;
    this.unacked = 0;
    return update;
  }

  /**
   * Raises the window to `limit` bytes and answers the increment to send; 0 when it is no higher,
   * because HTTP/2 has no way to take a connection window back.
   */
  setLimit(limit: number): number {
    const increment = Math.min(limit, MAX_WINDOW) - this.limit;
    if (increment <= 0) return 0;
    this.limit += increment;
    return increment;
  }
}
