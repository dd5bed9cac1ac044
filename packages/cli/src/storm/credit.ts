// The open-loop generator's arithmetic: how many calls the clock says are due.
// Invariant: issued never passes elapsed x rate, and what a stall held back stays due, so the
// offered load does not soften when the runtime under test slows down (no coordinated omission).
// It reads no clock itself and issues nothing.

/** Calls due by the clock at a fixed rate. */
export class Credit {
  private readonly callsPerMs: number;
  private readonly startedMs: number;
  private issuedCalls: number;

  /**
   * @param rate calls per second; Infinity means as many as a slice takes
   * @param startedMs when the load began, ms on the caller's clock
   */
  constructor(rate: number, startedMs: number) {
    this.callsPerMs = rate / 1000;
    this.startedMs = startedMs;
    this.issuedCalls = 0;
  }

  /** Calls that may be issued at `nowMs`, at most `slice`. */
  due(nowMs: number, slice: number): number {
    const elapsedMs = nowMs - this.startedMs;
    if (elapsedMs <= 0) return 0;
    const due = Math.floor(elapsedMs * this.callsPerMs) - this.issuedCalls;
    if (due <= 0) return 0;
    return Math.min(due, slice);
  }

  /** Records that `calls` were issued. */
  issued(calls: number): void {
    this.issuedCalls += calls;
  }
}
