// Whoever waits for a channel to admit a call.
// Invariants: told one at a time, first come first served; how many may wait is bounded; the end of
// the channel ends every wait. Not here: when a call would be admitted (placement.ts).

import { Status } from '../grpc/status.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { refuseWaiter, Waiter, type WaiterList, type WatchOptions } from './waiter.ts';

/** What these wait on. */
export interface ReadyHost {
  readonly wheel: TimerWheel;
  /** What waiting calls wait for. */
  waitReason(): string;
  /** Somebody waits, or nobody does any more. */
  onWaiting(): void;
}

/** Those of one channel. */
export class ReadyWaiters implements WaiterList<void> {
  private readonly host: ReadyHost;
  private readonly most: number;
  private readonly waiters: Set<Waiter<void>>;
  /** The last one that waits for as long as it takes. */
  private patient: Waiter<void> | undefined;

  constructor(most: number, host: ReadyHost) {
    this.host = host;
    this.most = most;
    this.waiters = new Set();
    this.patient = undefined;
  }

  /** Those that wait. */
  get size(): number {
    return this.waiters.size;
  }

  /** Resolves when it is told. */
  wait(options: WatchOptions): Promise<void> {
    const isPatient = options.timeoutMs === undefined && options.signal === undefined;
    const { size } = this.waiters;
    if (size >= this.most) {
      // Whoever asks again and again while nothing is admitted shares the last promise.
      if (isPatient && this.patient !== undefined) return this.patient.promise;
      return refuseWaiter(size, this.most, 'ready');
    }
    const waiter = new Waiter<void>(this, options, this.host.wheel);
    this.waiters.add(waiter);
    if (isPatient) this.patient = waiter;
    waiter.start();
    this.host.onWaiting();
    return waiter.promise;
  }

  /** A call would be admitted: the first may make it. */
  tellFirst(): void {
    const [first] = this.waiters;
    first?.succeed();
  }

  /** Nobody will be told any more. */
  end(reason: string): void {
    for (const waiter of [...this.waiters]) waiter.fail(Status.UNAVAILABLE, reason);
  }

  // WaiterList.

  onLeave(waiter: Waiter<void>): void {
    this.waiters.delete(waiter);
    if (waiter === this.patient) this.patient = undefined;
    this.host.onWaiting();
  }

  lateText(_waiter: Waiter<void>, timeoutMs: number): string {
    return `the channel was not ready after ${timeoutMs} ms: ${this.host.waitReason()}`;
  }
}
