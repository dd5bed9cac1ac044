// How fast a queue drains: items per second while there was something to drain, smoothed.
// Invariant: only busy time counts, so a queue that was empty for an hour is not a slow one; time
// without progress does count, so a peer that stopped reading is.
// Used to turn a wait into a number of items (limits of queued items and age). Time is injected.

/** Busy time that makes one sample, in ms: shorter ones measure the event loop, not the peer. */
const SAMPLE_MS = 50;
/** Time constant of the average, in busy ms: the figure follows a change within about a second. */
const TIME_CONSTANT_MS = 500;

/** One per connection. `begin` when the queue fills, `note` as it drains, `end` when it is empty. */
export class RateMeter {
  private rate: number;
  /** Items and busy time of the sample being gathered. */
  private items: number;
  private busyMs: number;
  /** Busy time up to here is counted; -1 while idle. */
  private countedTo: number;

  constructor() {
    this.rate = 0;
    this.items = 0;
    this.busyMs = 0;
    this.countedTo = -1;
  }

  /** Items per second of busy time; 0 until 50 ms of it have been seen. */
  get ratePerSecond(): number {
    return this.rate;
  }

  /** Something is queued from `nowMs` on. Nothing happens when it was busy already. */
  begin(nowMs: number): void {
    if (this.countedTo === -1) this.countedTo = nowMs;
  }

  /**
   * `items` left the queue since the last call; 0 lets time count while nothing moves. Begins the
   * busy time when nobody did, and then counts only what comes after.
   */
  note(nowMs: number, items: number): void {
    if (this.countedTo === -1) {
      this.countedTo = nowMs;
      return;
    }
    this.items += items;
    this.busyMs += nowMs - this.countedTo;
    this.countedTo = nowMs;
    if (this.busyMs >= SAMPLE_MS) this.fold();
  }

  /** The queue is empty at `nowMs`: time stops counting until the next `begin` or `note`. */
  end(nowMs: number): void {
    if (this.countedTo === -1) return;
    this.note(nowMs, 0);
    this.countedTo = -1;
  }

  private fold(): void {
    const sample = (this.items * 1000) / this.busyMs;
    // The first sample is all that is known; later ones weigh by how long they lasted.
    const weight = this.rate === 0 ? 1 : 1 - Math.exp(-this.busyMs / TIME_CONSTANT_MS);
    this.rate += (sample - this.rate) * weight;
    this.items = 0;
    this.busyMs = 0;
  }
}
