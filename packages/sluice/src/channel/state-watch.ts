// Whoever waits for a channel to leave a connectivity state.
// Invariants: a change is told once to each who waits; one that gave up is forgotten; how many may
// wait is bounded.
// gRPC connectivity-semantics-and-api.md.

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { WheelTimeout } from '../transport/wheel-timeout.ts';
import { listenToAbort } from './abort-signal.ts';
import type { ConnectivityState } from './subchannel.ts';

/** How long to wait for another state. */
export interface WatchOptions {
  /** Milliseconds; without it, for as long as it takes, which does not keep the process running. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The watchers of one channel. */
export class StateWatch {
  private readonly watchers: Set<() => void>;
  private readonly mostWatchers: number;
  private readonly onTimed: () => void;
  /** Those that wait for a time only. */
  timed: number;

  /** @param onTimed `timed` has changed */
  constructor(mostWatchers: number, onTimed: () => void) {
    this.watchers = new Set();
    this.mostWatchers = mostWatchers;
    this.onTimed = onTimed;
    this.timed = 0;
  }

  /** The state may have changed. */
  tell(): void {
    for (const look of [...this.watchers]) look();
  }

  /** Resolves with the first state that is not `known`. */
  next(
    current: () => ConnectivityState,
    known: ConnectivityState,
    options: WatchOptions,
    wheel: TimerWheel,
  ): Promise<ConnectivityState> {
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
      throw new RangeError(`timeoutMs is ${timeoutMs}; it must be a number of ms`);
    }
    if (current() !== known) return Promise.resolve(current());
    const { size } = this.watchers;
    if (size >= this.mostWatchers) {
      const text = `refused by the waiting-calls limit: ${size} of ${this.mostWatchers} callers of watchState wait already; give them a signal or timeoutMs, or raise limits.waitingCalls`;
      return Promise.reject(StatusError.refusal(Status.RESOURCE_EXHAUSTED, text));
    }
    return new Promise((resolve, reject) => {
      const fail = (code: Status, details: string): void => {
        leave();
        reject(StatusError.refusal(code, details));
      };
      const onAbort = (): void => fail(Status.CANCELLED, 'the signal was aborted');
      const onTimeout = (): void =>
        fail(Status.DEADLINE_EXCEEDED, `the channel was still ${known} after ${timeoutMs} ms`);
      const look = (): void => {
        if (current() === known) return;
        leave();
        resolve(current());
      };
      const timeout =
        timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY
          ? undefined
          : new WheelTimeout(wheel, timeoutMs, onTimeout);
      const leave = (): void => {
        this.watchers.delete(look);
        timeout?.cancel();
        if (timeout !== undefined) this.countTimed(-1);
        signal?.removeEventListener('abort', onAbort);
      };
      this.watchers.add(look);
      if (timeout !== undefined) this.countTimed(1);
      if (signal?.aborted === true) onAbort();
      else if (signal !== undefined) listenToAbort(signal, onAbort);
    });
  }

  private countTimed(difference: number): void {
    this.timed += difference;
    this.onTimed();
  }
}
