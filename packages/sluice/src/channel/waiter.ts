// One caller that waits for something of a channel: until that comes, its time is over or it gives up.
// Invariant: its promise settles once, and whoever lists it is told before that.
// Not here: what is waited for (state-watch.ts, ready-waiters.ts), calls that wait (waiting-line.ts).

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { WheelTimeout } from '../transport/wheel-timeout.ts';
import { listenToAbort } from './abort-signal.ts';

/** How long to wait, for `Channel.ready` and `Channel.watchState`. */
export interface WatchOptions {
  /**
   * Milliseconds; without it, for as long as it takes. `watchState` without it does not keep the
   * process running, unless the channel is connecting.
   */
  readonly timeoutMs?: number;
  /** Ends the wait, with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** Who lists waiters. */
export interface WaiterList<T> {
  /** It waits no more. */
  onLeave(waiter: Waiter<T>): void;
  /** What one is told that waited for so many ms in vain. */
  lateText(waiter: Waiter<T>, timeoutMs: number): string;
}

/** @throws RangeError for a time that is none */
export function checkWatchOptions({ timeoutMs }: WatchOptions): void {
  if (timeoutMs === undefined || (typeof timeoutMs === 'number' && timeoutMs >= 0)) return;
  throw new RangeError(`timeoutMs is ${String(timeoutMs)}; it must be a number of ms`);
}

/** The wait of one caller. */
export class Waiter<T> {
  readonly promise: Promise<T>;
  /** Gives up by itself after some time. */
  readonly isTimed: boolean;
  private readonly list: WaiterList<T>;
  private readonly signal: AbortSignal | undefined;
  private readonly onAbort: () => void;
  private readonly timeout: WheelTimeout | undefined;
  private settle: (value: T) => void;
  private refuse: (error: StatusError) => void;

  /** The list adds it, and then calls `start`. */
  constructor(list: WaiterList<T>, { timeoutMs, signal }: WatchOptions, wheel: TimerWheel) {
    this.list = list;
    this.signal = signal;
    this.onAbort = () => this.fail(Status.CANCELLED, 'the signal was aborted');
    this.settle = () => {};
    this.refuse = () => {};
    this.promise = new Promise<T>((resolve, reject) => {
      this.settle = resolve;
      this.refuse = reject;
    });
    this.isTimed = timeoutMs !== undefined && timeoutMs !== Number.POSITIVE_INFINITY;
    this.timeout =
      timeoutMs === undefined || !this.isTimed
        ? undefined
        : new WheelTimeout(wheel, timeoutMs, () => {
            this.fail(Status.DEADLINE_EXCEEDED, this.list.lateText(this, timeoutMs));
          });
  }

  /** It may fail in here. */
  start(): void {
    const { signal } = this;
    if (signal?.aborted === true) this.onAbort();
    else if (signal !== undefined) listenToAbort(signal, this.onAbort);
  }

  succeed(value: T): void {
    this.leave();
    this.settle(value);
  }

  fail(code: Status, details: string): void {
    this.leave();
    this.refuse(StatusError.refusal(code, details));
  }

  private leave(): void {
    this.timeout?.cancel();
    this.signal?.removeEventListener('abort', this.onAbort);
    this.list.onLeave(this);
  }
}

/** The refusal of one more than may wait. */
export function refuseWaiter(size: number, most: number, method: string): Promise<never> {
  const text = `refused by the waiting-calls limit: ${size} of ${most} callers of ${method} wait already; give them a signal or timeoutMs, or raise limits.waitingCalls`;
  return Promise.reject(StatusError.refusal(Status.RESOURCE_EXHAUSTED, text));
}
