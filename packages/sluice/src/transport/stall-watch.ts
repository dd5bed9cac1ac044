// Raises `sluice:stall`: looks once a second at what waits in the channels and servers of this process,
// while anybody listens, and tells of each wait that is longer than STALL_MS, once.
// Invariants: without a listener a look is one check; without sources there is no timer; a wait that
// is part of normal work (a stream without messages) is never told of.
// Not here: what is waited for (stall.ts), the event's shape (diagnostics.ts).

import { type StallEvent, stallEvents } from './diagnostics.ts';
import { type StallKind, type StallReason, stallRank, stallText } from './stall.ts';
import { processWheel, type TimerWheel, type WheelTimer } from './timer-wheel.ts';

/** Milliseconds after which a wait is a stall, and between two looks. */
export const STALL_MS = 1_000;

/** A call as a look finds it. */
export type StalledCall = Pick<StallEvent, 'side' | 'place' | 'path'>;

/** Is shown a call; `call` is the same object in each look. */
export type StallVisitor = (call: object, about: StalledCall, reason: StallReason) => void;

/** Where calls may wait. */
export interface StallSource {
  visitStalls(visit: StallVisitor): void;
}

/** Who is told. */
export interface StallListener {
  readonly isListening: boolean;
  onStall(about: StalledCall, reason: StallReason): void;
}

/** The watch of one timer wheel. */
export class StallWatch implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly wheel: TimerWheel;
  private readonly listener: StallListener;
  private readonly sources: Set<StallSource>;
  /** What calls were told of for. */
  private told: WeakMap<object, StallKind>;

  constructor(wheel: TimerWheel, listener: StallListener) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.wheel = wheel;
    this.listener = listener;
    this.sources = new Set();
    this.told = new WeakMap();
  }

  /** Is looked at from now on; again is without effect. */
  add(source: StallSource): void {
    this.sources.add(source);
    if (this.wheelSlot < 0) this.wheel.add(this, this.wheel.now() + STALL_MS);
  }

  /** Is looked at no more. */
  remove(source: StallSource): void {
    this.sources.delete(source);
    if (this.sources.size === 0) this.wheel.remove(this);
  }

  onTimer(): void {
    this.wheel.add(this, this.wheel.now() + STALL_MS);
    if (!this.listener.isListening) return;
    // Collected first: whoever is told may end calls, or whole channels.
    const found: [StalledCall, StallReason][] = [];
    const told = new WeakMap<object, StallKind>();
    for (const source of this.sources) {
      source.visitStalls((call, about, reason) => {
        if (reason.forMs < STALL_MS || stallRank(reason) === 0) return;
        const isNew = this.told.get(call) !== reason.kind && !told.has(call);
        told.set(call, reason.kind);
        if (isNew) found.push([about, reason]);
      });
    }
    this.told = told;
    for (const [about, reason] of found) this.listener.onStall(about, reason);
  }
}

/** That of this process: tells the subscribers of `sluice:stall`. */
export const processStallWatch: StallWatch = /* @__PURE__ */ new StallWatch(processWheel, {
  get isListening(): boolean {
    return stallEvents.hasSubscribers;
  },
  onStall(about: StalledCall, reason: StallReason): void {
    stallEvents.publish({ ...about, reason, text: stallText(reason) });
  },
});
