// How many resets a new connection of a server may begin with. A peer that was closed for its resets
// comes back by a new connection, and would have a new budget each time: while that happens often,
// whoever is new begins with less, and earns the rest as everybody does, by calls that complete.
// Invariant: connections that are open keep what they have. Arithmetic on demand: no timer.
// Not here: what a reset costs (reset-budget.ts).

import { MAX_WARY_CLOSES, WARY_CLOSES, WARY_CLOSES_PER_SECOND, WARY_RESETS } from './limits.ts';

/** One for each server. */
export class ResetWatch {
  private closes: number;
  private closesAtMs: number;

  constructor() {
    this.closes = 0;
    this.closesAtMs = 0;
  }

  /** A connection was closed for its resets. */
  noteClosed(nowMs: number): void {
    this.closes = Math.min(MAX_WARY_CLOSES, this.depth(nowMs) + 1);
    this.closesAtMs = nowMs;
  }

  /** Resets that a new connection may begin with: `most`, or WARY_RESETS. */
  allowed(most: number, nowMs: number): number {
    return this.depth(nowMs) >= WARY_CLOSES ? Math.min(most, WARY_RESETS) : most;
  }

  private depth(nowMs: number): number {
    const forgotten = ((nowMs - this.closesAtMs) * WARY_CLOSES_PER_SECOND) / 1_000;
    return Math.max(0, this.closes - forgotten);
  }
}
