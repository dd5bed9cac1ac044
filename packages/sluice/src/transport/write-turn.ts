// The bytes that one turn of the event loop writes, over all connections: MAX_TURN_BYTES together, and
// then everybody else. Thirty peers with large windows would else get 30 MB at once, which is 50 ms.
// Invariant: each connection may write MAX_WRITE in a turn, whatever the others wrote, so that each
// makes progress and a small response waits behind no large one.

import { onePerLoop, type Schedule } from './event-loop.ts';
import { MAX_TURN_BYTES, MAX_WRITE } from './limits.ts';

export class WriteTurn {
  private left: number;
  private readonly schedule: Schedule;
  private readonly over: () => void;

  constructor(schedule: Schedule) {
    this.left = MAX_TURN_BYTES;
    this.schedule = schedule;
    this.over = () => {
      this.left = MAX_TURN_BYTES;
    };
  }

  /** Bytes that a connection may write now. */
  get allowed(): number {
    return Math.max(this.left, MAX_WRITE);
  }

  /** A connection has written so many bytes. */
  note(bytes: number): void {
    // What is small counts for nothing: the turn after it would cost more than it.
    if (bytes < MAX_WRITE) return;
    if (this.left === MAX_TURN_BYTES) this.schedule(this.over);
    this.left -= bytes;
  }
}

/** The one of an event loop. */
export const writeTurnOf: (schedule: Schedule) => WriteTurn = onePerLoop(
  (schedule) => new WriteTurn(schedule),
);
