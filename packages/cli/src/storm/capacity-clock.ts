// The server's fixed capacity: calls wait their turn in order, and a clock lets `rate` of them a
// second go. It costs little CPU, so a storm measures the client and not a busy server.
// Invariant: over any second at most `rate` turns plus the two allowances below are given; the
// clock itself is injected as calls of `tick`.

/** Longest idle time whose turns are kept for calls to come. */
const IDLE_MS = 50;

/**
 * Longest stretch between two ticks that waiting calls are made up for. A process that a busy
 * machine did not run for a moment keeps its capacity; a stopped one gets no more than this back.
 */
const MISSED_MS = 250;

/** Lets waiting calls go at a fixed rate. */
export class CapacityClock {
  private waiting: (() => void)[];
  private head: number;
  private turnsPerMs: number;
  private credit: number;
  private lastMs: number;

  /** The clock starts off: every call goes at once. */
  constructor(nowMs: number) {
    this.waiting = [];
    this.head = 0;
    this.turnsPerMs = 0;
    this.credit = 0;
    this.lastMs = nowMs;
  }

  /** Calls waiting for a turn. */
  get depth(): number {
    return this.waiting.length - this.head;
  }

  /** Sets the capacity in calls per second; 0 turns the clock off and lets everything go. */
  setRate(rps: number): void {
    this.turnsPerMs = rps / 1000;
    this.credit = 0;
    if (rps === 0) this.release(this.depth);
  }

  /** Runs `answer` when its turn comes. */
  awaitTurn(answer: () => void): void {
    if (this.turnsPerMs === 0) {
      answer();
      return;
    }
    if (this.credit >= 1 && this.depth === 0) {
      this.credit--;
      answer();
      return;
    }
    this.waiting.push(answer);
  }

  /** Gives the turns that the time since the last tick earned. */
  tick(nowMs: number): void {
    const elapsedMs = Math.min(nowMs - this.lastMs, MISSED_MS);
    this.lastMs = nowMs;
    this.credit += elapsedMs * this.turnsPerMs;
    const turns = Math.min(Math.floor(this.credit), this.depth);
    this.credit = Math.min(this.credit - turns, IDLE_MS * this.turnsPerMs);
    this.release(turns);
  }

  private release(turns: number): void {
    for (let given = 0; given < turns; given++) {
      const answer = this.waiting[this.head];
      this.head++;
      answer?.();
    }
    if (this.head === this.waiting.length || this.head > 4096) {
      this.waiting = this.waiting.slice(this.head);
      this.head = 0;
    }
  }
}
