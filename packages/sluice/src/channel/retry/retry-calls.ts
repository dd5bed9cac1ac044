// The calls of one channel that may be tried again, and what they share: the throttle, the account
// of what they keep, the counters.
// Invariants: a call that waits for its next attempt holds the process, since no socket may, and
// ends with its channel. gRFC A6. Not here: what such a call does (retried-call.ts).

import { Status } from '../../grpc/status.ts';
import type { LimitReading } from '../../transport/admission.ts';
import { type Clock, systemClock, type TimerHandle } from '../../transport/clock.ts';
import type { RetryCounts } from '../../transport/connection-stats.ts';
import type { TimerWheel } from '../../transport/timer-wheel.ts';
import type { CallHandle, FieldsListener, RetrySource } from '../call-handle.ts';
import type { CallOptions } from '../call-options.ts';
import type { ResolvedMethodConfig } from '../method-configs.ts';
import type { RetryThrottling } from '../service-config.ts';
import type { AttemptStarter } from './attempt.ts';
import { type AttemptPlan, planOf, SINGLE_ATTEMPT } from './attempt-plan.ts';
import { RetryBufferAccount } from './replay-buffer.ts';
import { RetriedCall } from './retried-call.ts';
import type { RetryHost } from './retry-host.ts';
import { RetryThrottle } from './retry-throttle.ts';

/** What these calls need of their channel. */
export interface RetrySettings {
  /** Default none. */
  readonly target?: string;
  readonly starter: AttemptStarter;
  readonly wheel: TimerWheel;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** What the service config says of a method. */
  readonly configOf: (path: string) => ResolvedMethodConfig | undefined;
  /** Default the clock of the process. */
  readonly clock?: Clock;
  /** Default 4 MiB for all calls. */
  readonly account?: RetryBufferAccount;
}

/** Makes the calls of the methods that have a policy. */
export class RetryCalls implements RetrySource, RetryHost {
  readonly target: string;
  readonly starter: AttemptStarter;
  readonly wheel: TimerWheel;
  readonly random: () => number;
  readonly account: RetryBufferAccount;
  readonly counts: RetryCounts;
  throttle: RetryThrottle | undefined;
  isClosed: boolean;
  private readonly configOf: (path: string) => ResolvedMethodConfig | undefined;
  private readonly clock: Clock;
  private readonly plans: WeakMap<ResolvedMethodConfig, AttemptPlan>;
  /** Those that wait for their next attempt. */
  private readonly waiting: Set<CallHandle>;
  private hold: TimerHandle | undefined;

  constructor(settings: RetrySettings) {
    this.target = settings.target ?? '';
    this.starter = settings.starter;
    this.wheel = settings.wheel;
    this.random = settings.random;
    this.account = settings.account ?? new RetryBufferAccount();
    this.counts = { retries: 0, hedges: 0, throttled: 0, committedByBuffer: 0 };
    this.throttle = undefined;
    this.isClosed = false;
    this.configOf = settings.configOf;
    this.clock = settings.clock ?? systemClock;
    this.plans = new WeakMap();
    this.waiting = new Set();
    this.hold = undefined;
  }

  /** This, for a method with a policy. */
  sourceOf(path: string): RetrySource | undefined {
    const config = this.configOf(path);
    if (config === undefined) return undefined;
    return config.retry === undefined && config.hedging === undefined ? undefined : this;
  }

  newCall(path: string, options: CallOptions, listener: FieldsListener): CallHandle {
    const config = this.configOf(path);
    const plan = config === undefined ? SINGLE_ATTEMPT : this.planFor(config);
    return new RetriedCall(this, plan, path, config?.timeoutMs, options, listener);
  }

  private planFor(config: ResolvedMethodConfig): AttemptPlan {
    let plan = this.plans.get(config);
    if (plan === undefined) {
      plan = planOf(config);
      this.plans.set(config, plan);
    }
    return plan;
  }

  /** A new service config; a bucket whose settings are the same stays as it is. */
  configure(throttling: RetryThrottling | undefined): void {
    if (throttling === undefined) {
      this.throttle = undefined;
      return;
    }
    const { maxTokens, tokenRatio } = throttling;
    const { throttle } = this;
    if (throttle?.maxTokens === maxTokens && throttle.tokenRatio === tokenRatio) return;
    this.throttle = new RetryThrottle(maxTokens, tokenRatio, throttle);
  }

  /** The account of what is kept for further attempts, for stats. */
  reading(): LimitReading {
    const { account, counts } = this;
    return {
      value: account.maxBytes,
      unit: 'bytes',
      depth: account.bytes,
      acted: counts.committedByBuffer,
    };
  }

  /** Calls that wait for their next attempt. */
  get waitingCalls(): number {
    return this.waiting.size;
  }

  /** Those, to be asked. */
  get betweenAttempts(): ReadonlySet<CallHandle> {
    return this.waiting;
  }

  /** The channel closes: calls that wait end here, those under way with their attempts. */
  close(reason: string): void {
    this.isClosed = true;
    for (const call of [...this.waiting]) call.abandon(Status.UNAVAILABLE, reason);
  }

  // RetryHost.

  onWaiting(call: CallHandle): void {
    this.waiting.add(call);
    this.hold ??= this.clock.setTimer(() => {}, Number.POSITIVE_INFINITY, true);
  }

  onResumed(call: CallHandle): void {
    this.waiting.delete(call);
    if (this.waiting.size > 0 || this.hold === undefined) return;
    this.clock.clearTimer(this.hold);
    this.hold = undefined;
  }
}
