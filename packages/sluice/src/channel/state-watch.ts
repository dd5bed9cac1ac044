// Whoever waits for a channel to leave a connectivity state.
// Invariants: a change is told once to each who waits; one that gave up is forgotten; how many may
// wait is bounded.
// gRPC connectivity-semantics-and-api.md. Not here: one of them (waiter.ts).

import type { TimerWheel } from '../transport/timer-wheel.ts';
import type { ConnectivityState } from './subchannel.ts';
import {
  checkWatchOptions,
  refuseWaiter,
  Waiter,
  type WaiterList,
  type WatchOptions,
} from './waiter.ts';

type StateWaiter = Waiter<ConnectivityState>;

/** What is watched. */
export interface WatchHost {
  readonly state: ConnectivityState;
  readonly wheel: TimerWheel;
  /** Somebody waits, or nobody does any more. */
  onWaiting(): void;
}

/** The watchers of one channel. */
export class StateWatch implements WaiterList<ConnectivityState> {
  private readonly host: WatchHost;
  private readonly mostWatchers: number;
  /** Each with the state that it waits to see left. */
  private readonly watchers: Map<StateWaiter, ConnectivityState>;
  /** Those that wait for a time only. */
  timed: number;

  constructor(mostWatchers: number, host: WatchHost) {
    this.host = host;
    this.mostWatchers = mostWatchers;
    this.watchers = new Map();
    this.timed = 0;
  }

  /** Those that wait. */
  get size(): number {
    return this.watchers.size;
  }

  /** The state may have changed. */
  tell(): void {
    if (this.watchers.size === 0) return;
    for (const [watcher, known] of [...this.watchers]) {
      const { state } = this.host;
      if (state !== known && this.watchers.has(watcher)) watcher.succeed(state);
    }
  }

  /** Resolves with the first state that is not `known`. */
  next(known: ConnectivityState, options: WatchOptions): Promise<ConnectivityState> {
    checkWatchOptions(options);
    const { state, wheel } = this.host;
    if (state !== known) return Promise.resolve(state);
    const { size } = this.watchers;
    if (size >= this.mostWatchers) return refuseWaiter(size, this.mostWatchers, 'watchState');
    const watcher = new Waiter<ConnectivityState>(this, options, wheel);
    this.watchers.set(watcher, known);
    if (watcher.isTimed) this.timed += 1;
    watcher.start();
    this.host.onWaiting();
    return watcher.promise;
  }

  // WaiterList.

  onLeave(watcher: StateWaiter): void {
    this.watchers.delete(watcher);
    if (watcher.isTimed) this.timed -= 1;
    this.host.onWaiting();
  }

  lateText(watcher: StateWaiter, timeoutMs: number): string {
    return `the channel was still ${this.watchers.get(watcher)} after ${timeoutMs} ms`;
  }
}
