// When this process's event loop was blocked lately, so that what waited for an answer meanwhile does
// not blame the network.
// Invariants: bounded, and nothing is measured beyond what the timer wheel's own wakes tell: a stall
// is seen by the wake that came late for it. A stall that no timer was due in goes unseen.
// Not here: who asks (stall.ts).

import { performance } from 'node:perf_hooks';
import type { EventLoopStall } from './stall.ts';

/** A wake of the wheel that comes so late, ms, was held up by something. */
const LATE_MS = 50;

/** Of a wait that was lost for such a part, the event loop is to blame. */
const BLAMED = 1 / 4;

/** Stalls that are remembered. */
const REMEMBERED = 16;

/** A span of the wheel's clock, ms. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Milliseconds that the event loop has spent waiting for events; its zero has no meaning. */
export type IdleTime = () => number;

/** That of this thread. */
export function eventLoopIdleMs(): number {
  return performance.eventLoopUtilization().idle;
}

/** The stalls of one thread, by the wakes of its wheel. */
export class LoopStalls {
  private readonly spans: Span[];
  private readonly idle: IdleTime | undefined;
  private seenMs: number;
  private seenIdle: number;

  /** @param idle without it a stall counts from when the late wake was due */
  constructor(idle: IdleTime | undefined) {
    this.spans = [];
    this.idle = idle;
    this.seenMs = Number.NEGATIVE_INFINITY;
    this.seenIdle = 0;
  }

  /** The loop is at work now; `dueMs` is when this wake was due, `Infinity` for no wake. */
  note(nowMs: number, dueMs: number): void {
    const idle = this.idle?.() ?? 0;
    const lateMs = nowMs - dueMs;
    if (lateMs > LATE_MS) this.add(nowMs, this.blockedMs(nowMs, lateMs, idle));
    this.seenMs = nowMs;
    this.seenIdle = idle;
  }

  // The loop was late for so much at least; it was busy for what it did not idle since it was last
  // seen, which is when most stalls begin: long before the next timer is due.
  private blockedMs(nowMs: number, lateMs: number, idle: number): number {
    if (this.idle === undefined) return lateMs;
    const elapsed = nowMs - this.seenMs;
    const busy = elapsed - (idle - this.seenIdle);
    return Number.isFinite(busy) ? Math.min(elapsed, Math.max(lateMs, busy)) : lateMs;
  }

  private add(nowMs: number, ms: number): void {
    if (this.spans.length === REMEMBERED) this.spans.shift();
    this.spans.push({ fromMs: nowMs - ms, toMs: nowMs });
  }

  /** A wait between the two, if a good part of it was lost. */
  within(fromMs: number, toMs: number): EventLoopStall | undefined {
    let blockedMs = 0;
    let endedMs = 0;
    for (const span of this.spans) {
      const ms = Math.min(span.toMs, toMs) - Math.max(span.fromMs, fromMs);
      if (ms <= 0) continue;
      blockedMs += ms;
      endedMs = toMs - Math.min(span.toMs, toMs);
    }
    const forMs = toMs - fromMs;
    if (blockedMs < LATE_MS || blockedMs < forMs * BLAMED) return undefined;
    return { kind: 'event-loop', forMs, blockedMs, endedMs };
  }
}
