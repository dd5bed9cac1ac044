// One coarse timer wheel per process for deadlines, keepalive and waits: O(1) to add and to remove,
// and nothing is allocated beyond the caller's own object.
// Invariants: a timer never fires before its deadline, nor inside add() or remove(); an entry of
// level l lies 1 to 32 slots ahead of the wheel's position at that level; `armedTick` is never
// after the next occupied slot. A hierarchical wheel after Varghese and Lauck (1987).
// Not here: precise timers. A deadline is met within one tick (8 ms) plus the event loop's delay.

import { type Clock, systemClock, type TimerHandle } from './clock.ts';
import { eventLoopIdleMs, type IdleTime, LoopStalls } from './loop-stalls.ts';

/**
 * What an object needs to sit in a wheel. The wheel alone writes the four fields; start them as
 * `undefined, undefined, -1, 0`.
 */
export interface WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  /** -1 when not in the wheel. */
  wheelSlot: number;
  /** Milliseconds on the wheel's clock; the next tick for a deadline given in the past. */
  wheelDeadline: number;
  /** The deadline has passed; the timer is out of the wheel already and may be added again. */
  onTimer(): void;
}

/** Width of one tick in milliseconds. A power of two, so that dividing by it is exact. */
const TICK_MS = 8;
/** Each level has 32 slots, so that one 32-bit mask tells which are occupied. */
const SLOT_BITS = 5;
const SLOTS = 1 << SLOT_BITS;
const SLOT_MASK = SLOTS - 1;
/** Five levels: slots of 8 ms, 256 ms, 8.2 s, 4.4 min and 2.3 h; longer deadlines go round again. */
const LEVELS = 5;
const SPAN_TICKS = SLOTS ** LEVELS;

/** Ticks per slot of a level. */
function slotTicks(level: number): number {
  return 1 << (SLOT_BITS * level);
}

/**
 * The wheel. Its own driving timer is set for the next occupied slot, is unref'd (an open socket is
 * what holds a process), and is not set again once the wheel is empty: a wheel that empties lets
 * the last wake pass, because clearing and setting it for every lone call would cost more than one
 * idle wake.
 */
export class TimerWheel {
  /** When the event loop was blocked, as far as the wakes tell. */
  readonly stalls: LoopStalls;
  private readonly clock: Clock;
  private readonly heads: (WheelTimer | undefined)[];
  /** Bit s of word l: slot s of level l holds a timer. */
  private readonly occupied: Int32Array;
  /** All slots up to and including this tick have been served. */
  private tick: number;
  /** While running, the tick the run ends at; else -1. */
  private runUntil: number;
  private count: number;
  private armedTick: number;
  private armed: TimerHandle | undefined;
  private readonly wake: () => void;

  /** @param idle how long the event loop of the clock's thread has waited for events */
  constructor(clock: Clock, idle?: IdleTime) {
    this.stalls = new LoopStalls(idle);
    this.clock = clock;
    this.heads = new Array<WheelTimer | undefined>(LEVELS * SLOTS).fill(undefined);
    this.occupied = new Int32Array(LEVELS);
    this.tick = Math.floor(clock.now() / TICK_MS);
    this.runUntil = -1;
    this.count = 0;
    this.armedTick = Number.POSITIVE_INFINITY;
    this.armed = undefined;
    this.wake = (): void => this.run();
  }

  /** Timers in the wheel. */
  get size(): number {
    return this.count;
  }

  /** The wheel's clock, in milliseconds. */
  now(): number {
    return this.clock.now();
  }

  /**
   * Puts `timer` in the wheel, or moves it if it is there, to fire at or after `deadlineMs` on the
   * wheel's clock; a deadline in the past fires at the next tick, `Infinity` never.
   * @throws RangeError when the deadline is NaN.
   */
  add(timer: WheelTimer, deadlineMs: number): void {
    if (Number.isNaN(deadlineMs)) throw new RangeError('a timer needs a deadline, not NaN');
    if (timer.wheelSlot !== -1) this.remove(timer);
    let floorTick = this.runUntil;
    if (floorTick === -1) {
      floorTick = Math.floor(this.clock.now() / TICK_MS);
      // Nothing is due up to here, so the wheel may turn on without looking: entries placed from a
      // position far behind would pass through more levels than they need.
      if (floorTick > this.tick && floorTick < this.armedTick) this.tick = floorTick;
    }
    let dueTick = Math.ceil(deadlineMs / TICK_MS);
    if (dueTick <= floorTick) {
      // Past: due at the next tick, and known as such to the cascade, or it would fire in this run.
      dueTick = floorTick + 1;
      deadlineMs = dueTick * TICK_MS;
    }
    timer.wheelDeadline = deadlineMs;
    this.count++;
    const slotTick = this.place(timer, dueTick);
    if (this.runUntil === -1 && slotTick < this.armedTick) this.arm(slotTick);
  }

  /** Takes `timer` out; it will not fire. Nothing happens when it is not in the wheel. */
  remove(timer: WheelTimer): void {
    const slot = timer.wheelSlot;
    if (slot === -1) return;
    const next = timer.wheelNext;
    const previous = timer.wheelPrevious;
    if (next !== undefined) next.wheelPrevious = previous;
    if (previous !== undefined) previous.wheelNext = next;
    else {
      this.heads[slot] = next;
      if (next === undefined) this.setOccupied(slot, false);
    }
    timer.wheelNext = undefined;
    timer.wheelPrevious = undefined;
    timer.wheelSlot = -1;
    this.count--;
  }

  /** Links a timer in by its distance from the wheel's position; answers its slot's first tick. */
  private place(timer: WheelTimer, dueTick: number): number {
    const due = Math.min(dueTick, this.tick + SPAN_TICKS - 1);
    const distance = due - this.tick;
    let level = 0;
    while (level < LEVELS - 1 && distance >= slotTicks(level + 1)) level++;
    // Bitwise operators see the low 32 bits of a tick; the levels use the low 25, so a process may
    // run for as long as it likes.
    const slot = level * SLOTS + ((due >>> (SLOT_BITS * level)) & SLOT_MASK);
    const head = this.heads[slot];
    timer.wheelNext = head;
    timer.wheelPrevious = undefined;
    timer.wheelSlot = slot;
    if (head !== undefined) head.wheelPrevious = timer;
    else this.setOccupied(slot, true);
    this.heads[slot] = timer;
    const width = slotTicks(level);
    return Math.floor(due / width) * width;
  }

  private setOccupied(slot: number, on: boolean): void {
    const level = slot >>> SLOT_BITS;
    const bit = 1 << (slot & SLOT_MASK);
    const mask = this.occupied[level] ?? 0;
    this.occupied[level] = on ? mask | bit : mask & ~bit;
  }

  /** The first tick after the wheel's position at which a slot must be served; Infinity: none. */
  private nextTick(): number {
    let next = Number.POSITIVE_INFINITY;
    for (let level = 0; level < LEVELS; level++) {
      const mask = this.occupied[level] ?? 0;
      if (mask === 0) continue;
      const width = slotTicks(level);
      const position = Math.floor(this.tick / width);
      // Turned so that bit 0 is the slot after the position; the slot at the position itself,
      // served already, stands for one whole turn ahead.
      const shift = (position + 1) & SLOT_MASK;
      const turned = shift === 0 ? mask : (mask >>> shift) | (mask << (SLOTS - shift));
      const ahead = 32 - Math.clz32(turned & -turned);
      next = Math.min(next, (position + ahead) * width);
    }
    return next;
  }

  private arm(tick: number): void {
    if (this.armed !== undefined) this.clock.clearTimer(this.armed);
    this.armedTick = tick;
    const now = this.clock.now();
    this.stalls.note(now, Number.POSITIVE_INFINITY);
    const ms = Math.max(1, Math.ceil(tick * TICK_MS - now));
    this.armed = this.clock.setTimer(this.wake, ms, false);
  }

  /** Serves every slot that is due, in order, then sets the next wake. */
  private run(): void {
    const now = this.clock.now();
    this.stalls.note(now, this.armedTick * TICK_MS);
    this.armed = undefined;
    this.armedTick = Number.POSITIVE_INFINITY;
    const until = Math.floor(now / TICK_MS);
    this.runUntil = until;
    try {
      for (let next = this.nextTick(); next <= until; next = this.nextTick()) {
        this.tick = next;
        this.serve(next);
      }
      if (until > this.tick) this.tick = until;
    } finally {
      // Reached as well when an onTimer threw: the other timers keep their deadlines.
      this.runUntil = -1;
      const next = this.nextTick();
      if (next !== Number.POSITIVE_INFINITY) this.arm(next);
    }
  }

  private serve(tick: number): void {
    // From the coarsest level down: what falls out of one may land in the slot served next.
    for (let level = LEVELS - 1; level > 0; level--) {
      if (tick % slotTicks(level) !== 0) continue;
      const slot = level * SLOTS + ((tick >>> (SLOT_BITS * level)) & SLOT_MASK);
      let timer = this.heads[slot];
      if (timer === undefined) continue;
      this.heads[slot] = undefined;
      this.setOccupied(slot, false);
      while (timer !== undefined) {
        const next: WheelTimer | undefined = timer.wheelNext;
        this.place(timer, Math.max(Math.ceil(timer.wheelDeadline / TICK_MS), tick));
        timer = next;
      }
    }
    // One at a time from the head: an onTimer may remove any other, and what it adds lies ahead.
    const due = tick & SLOT_MASK;
    try {
      for (let timer = this.heads[due]; timer !== undefined; timer = this.heads[due]) {
        this.remove(timer);
        timer.onTimer();
      }
    } finally {
      // An onTimer threw: what is left in this slot is due at once, not one turn later.
      if (this.heads[due] !== undefined) this.tick = tick - 1;
    }
  }
}

/** The wheel of this process, on `systemClock`. It sets no timer until something is added. */
export const processWheel: TimerWheel = /* @__PURE__ */ new TimerWheel(
  systemClock,
  eventLoopIdleMs,
);
