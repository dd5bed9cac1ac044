// One backend as outlier_detection sees it: how its calls ended, whether it is ejected, and the
// subchannels of it that the policy below holds.
// Invariants: an ejected backend's subchannels show TRANSIENT_FAILURE whatever they are; a pick of
// one always leads to the subchannel behind it. gRFC A50, "Call Counter", "Subchannel Wrapper".
// Not here: who is an outlier (outlier-analysis.ts).

import { Status } from '../../grpc/status.ts';
import type { BalancedSubchannel, BalancerContext, PickResult, PickTracker } from '../balancer.ts';
import type { BackendAddress } from '../resolver.ts';
import type { ConnectivityState } from '../subchannel.ts';

/** Counts calls by how they end. */
export class OutlierEndpoint {
  readonly name: string;
  /** In the last whole interval. */
  successes: number;
  failures: number;
  /** When it was ejected, milliseconds; undefined while it is not. */
  ejectedAtMs: number | undefined;
  /** Why it was ejected, as errors say it. */
  cause: string;
  private multiplier: number;
  private nextSuccesses: number;
  private nextFailures: number;
  private readonly subchannels: Set<EjectableSubchannel>;

  constructor(name: string) {
    this.name = name;
    this.successes = 0;
    this.failures = 0;
    this.ejectedAtMs = undefined;
    this.cause = '';
    this.multiplier = 0;
    this.nextSuccesses = 0;
    this.nextFailures = 0;
    this.subchannels = new Set();
  }

  /** Calls of the last whole interval. */
  get volume(): number {
    return this.successes + this.failures;
  }

  count(code: Status): void {
    if (code === Status.OK) this.nextSuccesses += 1;
    else this.nextFailures += 1;
  }

  /** An interval is over. */
  swapCounts(): void {
    this.successes = this.nextSuccesses;
    this.failures = this.nextFailures;
    this.nextSuccesses = 0;
    this.nextFailures = 0;
  }

  attach(subchannel: EjectableSubchannel): void {
    this.subchannels.add(subchannel);
  }

  detach(subchannel: EjectableSubchannel): void {
    this.subchannels.delete(subchannel);
  }

  eject(nowMs: number): void {
    this.ejectedAtMs = nowMs;
    this.multiplier += 1;
    this.cause = `${this.name} is ejected by outlier_detection: ${this.failures} of ${this.volume} calls failed`;
    for (const subchannel of [...this.subchannels]) subchannel.showState();
  }

  /** The end of an interval without an ejection: it may come back, or be forgiven a little. */
  recover(nowMs: number, baseMs: number, mostMs: number): void {
    if (this.ejectedAtMs === undefined) {
      this.multiplier = Math.max(0, this.multiplier - 1);
    } else if (nowMs >= this.ejectedAtMs + Math.min(baseMs * this.multiplier, mostMs)) {
      this.unEject();
    }
  }

  /** Nobody is judged any more. */
  pardon(): void {
    this.multiplier = 0;
    if (this.ejectedAtMs !== undefined) this.unEject();
  }

  private unEject(): void {
    this.ejectedAtMs = undefined;
    for (const subchannel of [...this.subchannels]) subchannel.showState();
  }
}

/** Counts how the calls of one subchannel end. */
class CountingTracker implements PickTracker {
  private readonly endpoint: OutlierEndpoint;
  private readonly below: PickTracker | undefined;

  constructor(endpoint: OutlierEndpoint, below: PickTracker | undefined) {
    this.endpoint = endpoint;
    this.below = below;
  }

  onStart(): void {
    this.below?.onStart();
  }

  onEnd(code: Status, trailers: readonly string[], details?: string): void {
    this.endpoint.count(code);
    this.below?.onEnd(code, trailers, details);
  }
}

/** A subchannel as the policy below sees it. */
export class EjectableSubchannel implements BalancedSubchannel {
  private readonly inner: BalancedSubchannel;
  private readonly onState: (subchannel: BalancedSubchannel) => void;
  private readonly endpoint: OutlierEndpoint | undefined;
  /** The last pick of it, as its channel gets it; the same for every call with most policies. */
  private picked: PickResult;
  private pickedTracker: PickTracker | undefined;
  private pickedCounted: boolean;

  /** @param endpoint undefined for an address that the resolver did not give: it is never ejected */
  constructor(
    context: BalancerContext,
    address: BackendAddress,
    endpoint: OutlierEndpoint | undefined,
    onState: (subchannel: BalancedSubchannel) => void,
  ) {
    this.onState = onState;
    this.endpoint = endpoint;
    this.inner = context.createSubchannel(address, () => {
      if (!this.isEjected) this.showState();
    });
    this.picked = { kind: 'subchannel', subchannel: this.inner };
    this.pickedTracker = undefined;
    this.pickedCounted = false;
    endpoint?.attach(this);
  }

  private get isEjected(): boolean {
    return this.endpoint?.ejectedAtMs !== undefined;
  }

  get address(): BackendAddress {
    return this.inner.address;
  }

  get state(): ConnectivityState {
    return this.isEjected ? 'TRANSIENT_FAILURE' : this.inner.state;
  }

  get lastFailure(): string {
    const { endpoint } = this;
    return endpoint?.ejectedAtMs === undefined ? this.inner.lastFailure : endpoint.cause;
  }

  connect(): void {
    this.inner.connect();
  }

  release(): void {
    this.endpoint?.detach(this);
    this.inner.release();
  }

  /** Tells the policy below what to see from now on. */
  showState(): void {
    this.onState(this);
  }

  /**
   * The pick of this subchannel, for the one behind it.
   * @param below the tracker of the policy below
   * @param counts whether the call's end is counted
   */
  pickedWith(below: PickTracker | undefined, counts: boolean): PickResult {
    if (this.pickedTracker === below && this.pickedCounted === counts) return this.picked;
    const { endpoint, inner: subchannel } = this;
    const tracker = counts && endpoint !== undefined ? new CountingTracker(endpoint, below) : below;
    this.picked = { kind: 'subchannel', subchannel, tracker };
    this.pickedTracker = below;
    this.pickedCounted = counts;
    return this.picked;
  }
}
