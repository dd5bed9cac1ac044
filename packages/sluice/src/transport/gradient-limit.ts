// How many calls a server answers without a queue, worked out from how long it takes them.
// Invariants: the limit stays within its bounds; a cut that does not make answers faster is taken
// back, so nobody starves behind a queue of others; one window moves it by a factor of 2 at most.
// Gradient: the latency that is aimed at over the one that is seen, as in a delay-based congestion
// control. Not here: what a window is and who counts calls (concurrency-limiter.ts).

/** Times the latency without load that is still no queue: answers vary by themselves. */
const TOLERANCE = 1.5;

/** The most that one window grows the limit by, a factor. */
const MOST_GROWTH = 1.5;

/** The most that one window cuts the limit by, a factor. */
const MOST_CUT = 0.5;

/** Cut by so much with answers as slow as before, the queue is not ours, a factor. */
const USELESS_CUT = 0.25;

/** Answers that take more than this part of what they took before are as slow as before. */
const AS_SLOW = 0.7;

/** Share of the limit that a window with failed calls costs at least. */
const DROP_CUT = 0.1;

/** Milliseconds that the lowest latency is believed: a server may be faster or slower by then. */
const BELIEVED_MS = 10_000;

/** Milliseconds until the next probe after one that found answers much faster than believed. */
const PROBED_AGAIN_MS = 1_000;

/** Part of the limit that is used while the latency without load is looked for. */
const PROBE = 0.25;

/** What one window of calls has shown. */
export interface LatencyWindow {
  readonly nowMs: number;
  /** Milliseconds, the median from HEADERS written to the answer. */
  readonly latencyMs: number;
  /** Milliseconds that this process's own event loop adds to it. */
  readonly ownMs: number;
  /** Share of the calls that failed as those of an overloaded server do, 0 to 1. */
  readonly dropped: number;
  /** The limit held calls back. */
  readonly bound: boolean;
  /** Most calls in flight at a time. */
  readonly mostInFlight: number;
}

/** The limit of one connection; fractions are kept, so that small ones grow too. */
export class GradientLimit {
  /** Calls. */
  limit: number;
  /** Milliseconds, the lowest latency of late; 0 before the first window. */
  baseMs: number;
  private readonly initial: number;
  private readonly min: number;
  private readonly max: number;
  private readonly queueMs: number;
  /** The lowest latency since `sinceMs`. */
  private lowestMs: number;
  private sinceMs: number;
  /** Held back through all of that time. */
  private wasBound: boolean;
  /** Held back at any time of it. */
  private everBound: boolean;
  /** Without a limit: the last window was slow. */
  private wasSlow: boolean;
  /** What to go back to; 0 while no probe is under way. */
  private probedFrom: number;
  /** What was believed when it began, ms. */
  private probedBaseMs: number;
  private probeWindows: number;
  /** Where a row of cuts began; 0 outside of one. */
  private cutFrom: number;
  private cutFromMs: number;

  /** @param queueMs milliseconds of queue at the server that are aimed at */
  constructor(initial: number, min: number, max: number, queueMs: number) {
    this.limit = initial;
    this.baseMs = 0;
    this.min = min;
    this.max = max;
    this.queueMs = queueMs;
    this.lowestMs = Number.POSITIVE_INFINITY;
    this.sinceMs = 0;
    this.wasBound = true;
    this.everBound = false;
    this.wasSlow = false;
    this.initial = initial;
    this.probedFrom = 0;
    this.probedBaseMs = 0;
    this.probeWindows = 0;
    this.cutFrom = 0;
    this.cutFromMs = 0;
  }

  /** Milliseconds: slower answers have waited in a queue. */
  private targetMs(ownMs: number): number {
    return this.baseMs * TOLERANCE + this.queueMs + ownMs;
  }

  update(window: LatencyWindow): void {
    if (window.dropped < 1) this.learn(window);
    if (this.probedFrom > 0) this.endProbe(window);
    else if (window.dropped > 0) this.reduce(1 - Math.max(DROP_CUT, window.dropped), window);
    else this.follow(window);
  }

  private learn({ nowMs, latencyMs, bound }: LatencyWindow): void {
    if (this.baseMs === 0) this.sinceMs = nowMs;
    this.lowestMs = Math.min(this.lowestMs, latencyMs);
    if (this.baseMs === 0 || latencyMs < this.baseMs) this.baseMs = latencyMs;
    if (bound) this.everBound = true;
    else this.wasBound = false;
    if (this.probedFrom > 0 || nowMs - this.sinceMs < BELIEVED_MS) return;
    if (this.wasBound) {
      // All that was seen has our own queue in it.
      this.probedFrom = this.limit;
      this.probedBaseMs = this.baseMs;
      this.probeWindows = 0;
      this.limit = Math.max(this.min, this.limit * PROBE);
    } else {
      // Not needed for so long: begins anew with the next queue.
      if (!this.everBound) this.limit = Math.max(this.limit, this.initial);
      this.believe(nowMs);
    }
  }

  private believe(nowMs: number): void {
    this.baseMs = this.lowestMs;
    this.lowestMs = Number.POSITIVE_INFINITY;
    this.sinceMs = nowMs;
    this.wasBound = true;
    this.everBound = false;
  }

  // The first window of a probe still sees the queue that was there before it.
  private endProbe({ nowMs, latencyMs }: LatencyWindow): void {
    this.probeWindows += 1;
    if (this.probeWindows < 3) return;
    // So much faster that even this may have a queue in it.
    const again = latencyMs < this.probedBaseMs * AS_SLOW;
    this.lowestMs = latencyMs;
    this.believe(again ? nowMs - BELIEVED_MS + PROBED_AGAIN_MS : nowMs);
    this.limit = this.probedFrom;
    this.probedFrom = 0;
  }

  private follow(window: LatencyWindow): void {
    const target = this.targetMs(window.ownMs);
    const isSlow = window.latencyMs > target;
    if (this.limit === Number.POSITIVE_INFINITY) {
      // By Little's law; one slow moment is no queue.
      if (isSlow && this.wasSlow) this.start((window.mostInFlight * target) / window.latencyMs);
      this.wasSlow = isSlow;
    } else if (!window.bound) {
      // Whatever slowed these calls, it was not how many there are.
      this.cutFrom = 0;
    } else if (isSlow) {
      this.cut(target / window.latencyMs, window);
    } else {
      this.cutFrom = 0;
      const room = target / window.latencyMs;
      // Where a queue is near, gently.
      const factor = room >= MOST_GROWTH ? MOST_GROWTH : Math.sqrt(room);
      this.limit = Math.min(this.max, Math.max(this.limit * factor, this.limit + 1));
    }
  }

  private start(limit: number): void {
    this.limit = Math.max(this.min, limit);
    this.wasSlow = false;
  }

  private reduce(factor: number, { mostInFlight }: LatencyWindow): void {
    // One far above what is in flight holds nothing back, and need not be cut step by step.
    const limit = Math.min(this.limit, mostInFlight / MOST_CUT);
    this.limit = Math.max(this.min, limit * Math.max(MOST_CUT, factor));
  }

  private cut(factor: number, window: LatencyWindow): void {
    const { latencyMs, mostInFlight, nowMs } = window;
    if (this.cutFrom === 0) {
      this.cutFrom = Math.min(this.limit, mostInFlight);
      this.cutFromMs = latencyMs;
    }
    this.reduce(factor, window);
    if (this.limit > this.cutFrom * USELESS_CUT && this.limit > this.min) return;
    if (latencyMs > this.cutFromMs * AS_SLOW) {
      // Fewer calls were no faster: it takes the server so long now, whoever else may queue there.
      this.lowestMs = latencyMs;
      this.believe(nowMs);
    }
    this.cutFrom = 0;
  }
}
