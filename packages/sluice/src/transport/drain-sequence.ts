// A server connection's graceful end: GOAWAY with the highest possible id and a PING; on its ack, or
// after 5 s, GOAWAY with the highest id seen; closed when no stream is left, or after the grace.
// Invariant: each step happens once. Two GOAWAYs, because streams may be under way while the first
// one travels (RFC 9113 §6.8).

import { DRAIN_ACK_TIMEOUT_MS, MAX_STREAM_ID } from './limits.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

const PING_HIGH = 0x64726169;
const PING_LOW = 0x6e000000;

/** What the sequence does to its connection. */
export interface DrainCallbacks {
  sendGoAway(lastStreamId: number, reason: string): void;
  sendPing(high: number, low: number): void;
  highestStream(): number;
  openStreams(): number;
  close(reason: string): void;
}

type State =
  | { readonly kind: 'serving' }
  | { readonly kind: 'announced'; readonly reason: string; readonly closeAt: number }
  | {
      readonly kind: 'final';
      readonly reason: string;
      readonly closeAt: number;
      readonly lastStreamId: number;
    }
  | { readonly kind: 'stopped' };

export class DrainSequence implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly wheel: TimerWheel;
  private readonly callbacks: DrainCallbacks;
  private state: State;

  constructor(wheel: TimerWheel, callbacks: DrainCallbacks) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.wheel = wheel;
    this.callbacks = callbacks;
    this.state = { kind: 'serving' };
  }

  get started(): boolean {
    return this.state.kind === 'announced' || this.state.kind === 'final';
  }

  /** Whether a new stream comes too late to be served. */
  refuses(streamId: number): boolean {
    return this.state.kind === 'final' && streamId > this.state.lastStreamId;
  }

  /** @param graceMs after which the connection closes regardless of open streams */
  start(reason: string, graceMs: number): void {
    const now = this.wheel.now();
    if (this.state.kind === 'announced' || this.state.kind === 'final') {
      const closeAt = Math.min(this.state.closeAt, now + graceMs);
      this.state = { ...this.state, closeAt };
      if (this.state.kind === 'final') this.armGrace(closeAt);
      return;
    }
    if (this.state.kind === 'stopped') return;
    this.state = { kind: 'announced', reason, closeAt: now + graceMs };
    this.callbacks.sendGoAway(MAX_STREAM_ID, reason);
    this.callbacks.sendPing(PING_HIGH, PING_LOW);
    this.wheel.add(this, now + Math.min(DRAIN_ACK_TIMEOUT_MS, graceMs));
  }

  /** True when the ack is of the drain's ping. */
  onPingAck(high: number, low: number): boolean {
    if (high !== PING_HIGH || low !== PING_LOW) return false;
    if (this.state.kind === 'announced') this.finalize(this.state.reason, this.state.closeAt);
    return true;
  }

  /** The last open stream ended. */
  onIdle(): void {
    if (this.state.kind === 'final') this.callbacks.close(this.state.reason);
  }

  onTimer(): void {
    switch (this.state.kind) {
      case 'announced':
        this.finalize(this.state.reason, this.state.closeAt);
        return;
      case 'final':
        this.callbacks.close(`${this.state.reason}; the grace period is over`);
        return;
      default:
    }
  }

  stop(): void {
    this.state = { kind: 'stopped' };
    this.wheel.remove(this);
  }

  private finalize(reason: string, closeAt: number): void {
    this.wheel.remove(this);
    const lastStreamId = this.callbacks.highestStream();
    this.state = { kind: 'final', reason, closeAt, lastStreamId };
    this.callbacks.sendGoAway(lastStreamId, reason);
    if (this.callbacks.openStreams() === 0) this.callbacks.close(reason);
    else this.armGrace(closeAt);
  }

  private armGrace(closeAt: number): void {
    if (closeAt !== Number.POSITIVE_INFINITY) this.wheel.add(this, closeAt);
  }
}
