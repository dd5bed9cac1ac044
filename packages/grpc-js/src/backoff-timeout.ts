// A timer whose delays grow from one run to the next.
// Invariant: at most one timer runs. Source: gRPC connection-backoff.md (factors and jitter).
// Not here: the backoff of connections, which the runtime below keeps by itself.

import { LogVerbosity } from './constants.ts';
import { isTracerEnabled, trace } from './logging.ts';

export interface BackoffOptions {
  /** Milliseconds. Default: 1000. */
  initialDelay?: number;
  /** What the delay is multiplied by after each run. Default: 1.6. */
  multiplier?: number;
  /** The part of a delay that is left to chance, to either side. Default: 0.2. */
  jitter?: number;
  /** Milliseconds. Default: 120000. */
  maxDelay?: number;
}

export class BackoffTimeout {
  private callback: () => void;
  private readonly initialDelay: number;
  private readonly multiplier: number;
  private readonly maxDelay: number;
  private readonly jitter: number;
  private nextDelay: number;
  private timerId: NodeJS.Timeout | null;
  private running: boolean;
  private hasRef: boolean;
  private startTime: Date;
  private endTime: Date;
  private id: number;
  private static nextId = 0;

  constructor(callback: () => void, options?: BackoffOptions) {
    this.callback = callback;
    this.initialDelay = options?.initialDelay ?? 1000;
    this.multiplier = options?.multiplier ?? 1.6;
    this.maxDelay = options?.maxDelay ?? 120_000;
    this.jitter = options?.jitter ?? 0.2;
    this.nextDelay = this.initialDelay;
    this.timerId = null;
    this.running = false;
    this.hasRef = true;
    this.startTime = new Date();
    this.endTime = new Date();
    this.id = BackoffTimeout.nextId++;
    this.trace('created');
  }

  /** Calls the callback after the delay that is due, and makes the next one longer. */
  runOnce(): void {
    this.runTimer(this.nextDelay);
    const longer = Math.min(this.nextDelay * this.multiplier, this.maxDelay);
    this.nextDelay = longer + longer * this.jitter * (Math.random() * 2 - 1);
  }

  /** Stops the timer, if it runs. */
  stop(): void {
    this.trace('stopped');
    this.clear();
    this.running = false;
  }

  /** Starts over with the first delay, of which the time a running timer has taken is part. */
  reset(): void {
    this.trace('reset');
    this.nextDelay = this.initialDelay;
    if (!this.running) return;
    const now = Date.now();
    const start = this.startTime;
    const end = start.getTime() + this.nextDelay;
    if (now < end) {
      this.runTimer(end - now);
      this.startTime = start;
      return;
    }
    this.clear();
    this.running = false;
  }

  isRunning(): boolean {
    return this.running;
  }

  /** A running timer keeps the process alive. */
  ref(): void {
    this.hasRef = true;
    this.timerId?.ref();
  }

  /** A running timer does not keep the process alive. */
  unref(): void {
    this.hasRef = false;
    this.timerId?.unref();
  }

  /** When the running timer will fire. */
  getEndTime(): Date {
    return this.endTime;
  }

  private runTimer(delay: number): void {
    this.trace(`runs for ${delay} ms`);
    this.clear();
    this.startTime = new Date();
    this.endTime = new Date(this.startTime.getTime() + delay);
    this.timerId = setTimeout(() => {
      this.trace('ended');
      this.running = false;
      this.callback();
    }, delay);
    if (!this.hasRef) this.timerId.unref();
    this.running = true;
  }

  private clear(): void {
    if (this.timerId !== null) clearTimeout(this.timerId);
  }

  private trace(text: string): void {
    if (isTracerEnabled('backoff')) trace(LogVerbosity.DEBUG, 'backoff', `{${this.id}} ${text}`);
  }
}
