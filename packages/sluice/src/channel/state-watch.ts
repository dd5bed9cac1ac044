// Whoever waits for a channel to leave a connectivity state.
// Invariant: however many wait, a change is told once to each, and one that gave up is forgotten.
// gRPC connectivity-semantics-and-api.md.

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { WheelTimeout } from '../transport/wheel-timeout.ts';
import type { ConnectivityState } from './subchannel.ts';

/** How long to wait for another state. */
export interface WatchOptions {
  /** Milliseconds; without it, for as long as it takes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The watchers of one channel. */
export class StateWatch {
  private readonly watchers: Set<() => void>;

  constructor() {
    this.watchers = new Set();
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
        signal?.removeEventListener('abort', onAbort);
      };
      this.watchers.add(look);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
