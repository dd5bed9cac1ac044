// What one connection has granted its peer: the window of new streams, the growth of busy ones, and
// the sum of both, the exposure, which has a limit.
// Invariants: `enforced` is the largest initial window the peer may still be using (SETTINGS count
// from their ACK, RFC 9113 §6.5.3); exposure = open streams x enforced + what single streams were
// granted beyond it. Deviation from grpc-go: the initial window does not follow the BDP estimate,
// because a window for every future stream promises memory that nobody has admitted; streams that
// carry data get theirs by WINDOW_UPDATE, within the exposure limit.

import { DEFAULT_WINDOW, MAX_WINDOW, WINDOW_FLOOR } from './limits.ts';

// The initial window is halved when the open streams could use half of the limit, and doubled again
// when they could use no more than an eighth of it, at most once in this many milliseconds.
const GROW_INTERVAL_MS = 1_000;

/** Share of the limit that growth leaves alone: without it, streams that stay open for long take all
 * there is, and no call can begin while they live. */
const RESERVE = 0.25;

export class InboundWindow {
  /** Bytes; what the user asked for, or what fits one stream, and what new streams get while few are open. */
  readonly configured: number;
  /** Bytes; the last SETTINGS_INITIAL_WINDOW_SIZE sent. */
  announced: number;
  /** Bytes; the window a new stream's data is held against. */
  enforced: number;
  /** Bytes granted to single streams beyond `enforced`. */
  extra: number;
  /** Streams that the peer may still send on. */
  open: number;
  /** Client: calls admitted, those included whose HEADERS still wait to be written. */
  admitted: number;
  readonly limit: number;
  private readonly floor: number;
  /** Bytes that growth leaves to streams that are still to open. */
  private readonly reserve: number;
  private readonly unacknowledged: number[];
  private acknowledged: number;
  /** The peer knows our first SETTINGS. */
  wasAcknowledged: boolean;
  private changedAt: number;

  /**
   * @param limit bytes, of exposure
   * @param wanted bytes, the user's initial stream window
   */
  constructor(limit: number, wanted: number) {
    this.extra = 0;
    this.open = 0;
    this.admitted = 0;
    this.limit = limit;
    this.floor = Math.min(WINDOW_FLOOR, wanted);
    // The first stream may use all that the first SETTINGS say.
    const configured = this.fitting(wanted, 1);
    this.configured = configured;
    this.announced = configured;
    this.enforced = Math.max(DEFAULT_WINDOW, configured);
    this.reserve = limit === Number.POSITIVE_INFINITY ? 0 : limit * RESERVE;
    this.unacknowledged = [configured];
    this.acknowledged = DEFAULT_WINDOW;
    this.wasAcknowledged = false;
    this.changedAt = Number.NEGATIVE_INFINITY;
  }

  /** Bytes of credit granted to open streams, used or not. */
  get exposure(): number {
    return this.open * this.enforced + this.extra;
  }

  /** Whether one more stream fits: counted at the floor, to which the window falls by itself. */
  get admits(): boolean {
    const taken = Math.max(this.open, this.admitted);
    // An empty account admits one stream whatever the limit: none at all would wait for ever.
    if (taken === 0 && this.extra === 0) return true;
    return (taken + 1) * this.floor + this.extra <= this.limit;
  }

  /** Bytes one stream may be granted beyond what it has. */
  get headroom(): number {
    const queued = Math.max(0, this.admitted - this.open);
    return Math.max(0, this.limit - this.exposure - queued * this.floor);
  }

  /** The initial window to announce now, or 0 to leave it. Call when streams opened or closed. */
  adjust(nowMs: number): number {
    let next = this.fitting(this.announced, this.open);
    if (
      this.open * next * 8 <= this.limit &&
      next < this.configured &&
      nowMs - this.changedAt >= GROW_INTERVAL_MS
    ) {
      const grown = Math.min(this.configured, next * 2);
      if (!this.tooMuch(grown, this.open)) next = grown;
    }
    if (next === this.announced) return 0;
    this.changedAt = nowMs;
    this.announced = next;
    this.unacknowledged.push(next);
    return next;
  }

  /** The window, or so often the half of it that so many streams leave enough to busy ones. */
  private fitting(window: number, open: number): number {
    let next = window;
    while (next > this.floor && this.tooMuch(next, open)) next = Math.max(this.floor, next >>> 1);
    return next;
  }

  /** Whether initial windows of this size leave too little of the limit to busy streams. */
  private tooMuch(window: number, open: number): boolean {
    const possible = open * window;
    return possible * 2 > this.limit || possible + this.extra > this.limit;
  }

  /** The peer acknowledged our oldest SETTINGS. False when none was outstanding. */
  acknowledge(): boolean {
    const value = this.unacknowledged.shift();
    if (value === undefined) return false;
    this.acknowledged = value;
    this.wasAcknowledged = true;
    return true;
  }

  /** Recomputes `enforced` after a SETTINGS of ours was sent or acknowledged; returns the change. */
  settle(): number {
    let window = this.acknowledged;
    for (const value of this.unacknowledged) window = Math.max(window, value);
    const change = window - this.enforced;
    this.enforced = window;
    return change;
  }

  /** Bytes to add to a busy stream's window so that it reaches `target`, within what may be grown. */
  growth(current: number, target: number): number {
    const wanted = Math.min(target, MAX_WINDOW) - current;
    const room = this.headroom - this.reserve;
    // A quarter of what is left, so that the streams that are busy next can grow too.
    return wanted <= 0 || room <= 0 ? 0 : Math.min(wanted, Math.floor(room / 4));
  }
}
