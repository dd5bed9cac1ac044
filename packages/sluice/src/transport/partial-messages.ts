// Messages that were asked for and are still coming in: what they hold, and who waits for room.
// Invariants: `bytes` is the sum of what partial messages hold, allocated or in fragments; the oldest
// one always goes on, so that there is progress whatever the limit; a stream waits by getting no
// credit, so its peer holds the rest. One that waits too long is given up.
// Not here: whether there is room (receive-credit.ts).

import { PARTIAL_WAIT_MS } from './limits.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';
import type { TransportStream } from './transport-stream.ts';

export class PartialMessages implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  /** Bytes of memory that partial messages hold. */
  bytes: number;
  private readonly wheel: TimerWheel;
  // In order of age; a Map keeps it, and holds since when a stream has waited, or -1.
  private readonly waits: Map<TransportStream, number>;
  /** How many of them wait. */
  private waiting: number;

  constructor(wheel: TimerWheel) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.bytes = 0;
    this.wheel = wheel;
    this.waits = new Map();
    this.waiting = 0;
  }

  /** Bytes of the stream were taken: its message grew, was completed, or the next one began. */
  update(stream: TransportStream): void {
    const { inFlow, messages } = stream;
    const held = messages.partialLength > 0 ? messages.heldBytes : 0;
    this.bytes += held - inFlow.partial;
    inFlow.partial = held;
    if (held === 0) this.forget(stream);
    else if (!this.waits.has(stream)) this.waits.set(stream, NOT_WAITING);
  }

  /** The stream is gone, or sends no more. */
  remove(stream: TransportStream): void {
    this.bytes -= stream.inFlow.partial;
    stream.inFlow.partial = 0;
    this.forget(stream);
  }

  private forget(stream: TransportStream): void {
    this.goOn(stream);
    this.waits.delete(stream);
  }

  /** No message is coming in. */
  get isEmpty(): boolean {
    return this.waits.size === 0;
  }

  isOldest(stream: TransportStream): boolean {
    for (const oldest of this.waits.keys()) return oldest === stream;
    return false;
  }

  /** The stream gets no credit until `resume` finds it. */
  wait(stream: TransportStream): void {
    if (this.waits.get(stream) !== NOT_WAITING) return;
    const now = this.wheel.now();
    this.waits.set(stream, now);
    this.waiting += 1;
    if (this.wheelSlot < 0) this.wheel.add(this, now + PARTIAL_WAIT_MS);
  }

  /** How long the stream has waited for room, ms; undefined when it does not. */
  waitingMs(stream: TransportStream, nowMs: number): number | undefined {
    const since = this.waits.get(stream);
    return since === undefined || since === NOT_WAITING ? undefined : nowMs - since;
  }

  /** How long the one of them has waited for room that waits longest, ms; 0 while none waits. */
  longestWaitMs(nowMs: number): number {
    let since = nowMs;
    for (const from of this.waits.values()) if (from !== NOT_WAITING && from < since) since = from;
    return nowMs - since;
  }

  /** The stream gets credit again. */
  goOn(stream: TransportStream): void {
    const since = this.waits.get(stream);
    if (since === undefined || since === NOT_WAITING) return;
    this.waits.set(stream, NOT_WAITING);
    this.waiting -= 1;
  }

  /** Streams that wait, the oldest first, as long as `take` finds room for them. */
  resume(take: (stream: TransportStream) => boolean): void {
    if (this.waiting === 0) return;
    for (const [stream, since] of this.waits) {
      if (since === NOT_WAITING) continue;
      if (!take(stream)) return;
      this.goOn(stream);
    }
  }

  /** Some have waited too long. */
  onTimer(): void {
    const now = this.wheel.now();
    let next = Number.POSITIVE_INFINITY;
    const late: TransportStream[] = [];
    for (const [stream, since] of this.waits) {
      if (since === NOT_WAITING) continue;
      if (now - since >= PARTIAL_WAIT_MS) late.push(stream);
      else next = Math.min(next, since);
    }
    for (const stream of late) stream.onStarved(PARTIAL_WAIT_MS);
    if (next !== Number.POSITIVE_INFINITY) this.wheel.add(this, next + PARTIAL_WAIT_MS);
  }

  /** The connection is over. */
  stop(): void {
    this.wheel.remove(this);
  }
}

const NOT_WAITING = -1;
