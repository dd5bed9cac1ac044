// The time that one turn of the event loop spends on what arrived, over all connections: a slice, and
// then everybody else. Node reads a socket up to 32 times in a turn, and every socket that has
// something; 2 MB of the smallest frames are 30 ms of work.
// Invariant: the first chunk of a turn is always taken, so that each turn makes progress; small chunks
// are taken even when the slice is spent, so that a peer with one call waits behind no flood.

import { onePerLoop, type Schedule } from './event-loop.ts';
import { DISPATCH_SLICE_MS, SMALL_CHUNK } from './limits.ts';

export class ReadTurn {
  private isOpen: boolean;
  private sinceMs: number;
  private readonly schedule: Schedule;
  private readonly over: () => void;

  constructor(schedule: Schedule) {
    this.isOpen = false;
    this.sinceMs = 0;
    this.schedule = schedule;
    this.over = () => {
      this.isOpen = false;
    };
  }

  /** Whether a chunk of so many bytes may be parsed in this turn. */
  admits(nowMs: number, length: number): boolean {
    if (this.isOpen) return length <= SMALL_CHUNK || !this.isSpent(nowMs);
    this.isOpen = true;
    this.sinceMs = nowMs;
    this.schedule(this.over);
    return true;
  }

  /** The slice of this turn is used up. */
  isSpent(nowMs: number): boolean {
    return this.isOpen && nowMs - this.sinceMs > DISPATCH_SLICE_MS;
  }
}

/** The one of an event loop. */
export const readTurnOf: (schedule: Schedule) => ReadTurn = onePerLoop(
  (schedule) => new ReadTurn(schedule),
);
