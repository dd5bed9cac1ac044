// A budget for what is legal, costs us work and is of no use, and has no limit of its own: the
// variants of a flood that nobody has named yet. A burst, refilled by time.
// Invariants: what a peer cannot know to be of no use is free. A frame for a stream that ended a
// moment ago crossed its end on the way, so streams pay for their late frames, many times more than
// a good peer sends, and only what goes beyond is a glitch. Arithmetic on demand: no timer.
// Not here: which frames are glitches (frame-dispatch.ts, the transports). PRIORITY and frames of
// unknown types are none: they cost no more than their bytes.

import {
  GLITCH_BURST,
  GLITCHES_PER_SECOND,
  LATE_FRAMES_PER_STREAM,
  LATE_STREAMS_KEPT,
} from './limits.ts';

const MOST_LATE = LATE_FRAMES_PER_STREAM * LATE_STREAMS_KEPT;

/** One per connection. */
export class GlitchBudget {
  private used: number;
  private usedAtMs: number;
  private latePaid: number;
  private streamsSeen: number;

  constructor() {
    this.used = 0;
    this.usedAtMs = 0;
    this.latePaid = 0;
    this.streamsSeen = 0;
  }

  /** A glitch. False when it was one too many. */
  take(nowMs: number): boolean {
    this.used = this.depth(nowMs) + 1;
    this.usedAtMs = nowMs;
    return this.used <= GLITCH_BURST;
  }

  /**
   * A frame for a stream that is over.
   * @param weight in frames of the cheapest kind
   * @param streamsStarted on this connection so far
   * @returns false when it was one too many
   */
  takeLate(weight: number, streamsStarted: number, nowMs: number): boolean {
    const paid = (streamsStarted - this.streamsSeen) * LATE_FRAMES_PER_STREAM;
    this.streamsSeen = streamsStarted;
    this.latePaid = Math.min(MOST_LATE, this.latePaid + paid);
    if (this.latePaid < weight) return this.take(nowMs);
    this.latePaid -= weight;
    return true;
  }

  /** How much of the burst is used. */
  depth(nowMs: number): number {
    const refilled = ((nowMs - this.usedAtMs) * GLITCHES_PER_SECOND) / 1_000;
    return Math.max(0, this.used - refilled);
  }
}
