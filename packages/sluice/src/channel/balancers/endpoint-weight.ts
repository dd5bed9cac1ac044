// The weight of one backend as its load reports make it, and when it may be used.
// Invariant: a weight counts only after reports over the whole blackout period, and not beyond its
// expiration. gRFC A58, "Subchannel Weights". Not here: choosing by weights (stride-scheduler.ts).

import type { Status } from '../../grpc/status.ts';
import type { BalancedSubchannel, PickResult, PickTracker } from '../balancer.ts';
import { type LoadReport, loadReportOf } from './orca-report.ts';

/** Calls per second of a backend that are believed: the sum of any number of these is finite. */
const MOST_WEIGHT = 1e15;

/** Where a weight finds the time and the settings that hold now. */
export interface WeightPolicy {
  readonly blackoutMs: number;
  readonly expirationMs: number;
  readonly errorPenalty: number;
  now(): number;
}

/** Hears of every call to one backend. */
export class EndpointWeight implements PickTracker {
  readonly result: PickResult;
  private readonly policy: WeightPolicy;
  private weight: number;
  /** Since when there are reports, milliseconds; Infinity while there are none. */
  private reportingSinceMs: number;
  private lastReportMs: number;

  constructor(subchannel: BalancedSubchannel, policy: WeightPolicy) {
    this.result = { kind: 'subchannel', subchannel, tracker: this };
    this.policy = policy;
    this.weight = 0;
    this.reportingSinceMs = Number.POSITIVE_INFINITY;
    this.lastReportMs = Number.NEGATIVE_INFINITY;
  }

  /** A new connection: the process at its other end may be another one. */
  onReady(): void {
    this.reportingSinceMs = Number.POSITIVE_INFINITY;
  }

  onStart(): void {}

  onEnd(_code: Status, trailers: readonly string[]): void {
    const report = loadReportOf(trailers);
    if (report !== undefined) this.onReport(report);
  }

  private onReport({ utilization, qps, eps }: LoadReport): void {
    if (utilization === 0 || qps === 0) return;
    const { policy } = this;
    const weight = qps / (utilization + (eps / qps) * policy.errorPenalty);
    // Figures of any size may come; of some of them no weight can be made.
    if (!(weight > 0)) return;
    const now = policy.now();
    this.weight = Math.min(weight, MOST_WEIGHT);
    if (this.reportingSinceMs === Number.POSITIVE_INFINITY) this.reportingSinceMs = now;
    this.lastReportMs = now;
  }

  /** The weight to use now; 0 where there is none. */
  current(): number {
    const { blackoutMs, expirationMs } = this.policy;
    const now = this.policy.now();
    if (now - this.lastReportMs >= expirationMs) {
      this.reportingSinceMs = Number.POSITIVE_INFINITY;
      return 0;
    }
    if (blackoutMs > 0 && !(now - this.reportingSinceMs >= blackoutMs)) return 0;
    return this.weight;
  }
}
