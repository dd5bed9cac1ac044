// outlier_detection: another policy, without the backends whose calls fail too often.
// Invariants: the policy below balances and sees an ejected backend as one that cannot be reached;
// without a rule for outliers nothing is counted and nobody is ejected. gRFC A50.
// Not here: who is an outlier (outlier-analysis.ts), how one is shown (outlier-endpoint.ts).

import { endpointText } from '../../transport/connector.ts';
import type {
  BalancedSubchannel,
  Balancer,
  BalancerContext,
  BalancerFactory,
  BalancerTimer,
  Picker,
  PickInfo,
  PickResult,
} from '../balancer.ts';
import type { BackendAddress } from '../resolver.ts';
import type { ConnectivityState } from '../subchannel.ts';
import { sweep } from './outlier-analysis.ts';
import { type OutlierConfig, parseOutlierConfig } from './outlier-config.ts';
import { EjectableSubchannel, OutlierEndpoint } from './outlier-endpoint.ts';

/** The policy below, and what it is offered instead of the channel. */
class Child implements BalancerContext {
  readonly target: string;
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
  readonly factory: BalancerFactory;
  readonly balancer: Balancer;
  private readonly owner: OutlierDetection;
  private readonly context: BalancerContext;
  private closed: boolean;

  constructor(factory: BalancerFactory, owner: OutlierDetection, context: BalancerContext) {
    this.target = context.target;
    this.attributes = context.attributes;
    this.factory = factory;
    this.owner = owner;
    this.context = context;
    this.closed = false;
    this.balancer = factory.create(this);
  }

  createSubchannel(
    address: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel {
    const endpoint = this.owner.endpointOf(address);
    return new EjectableSubchannel(this.context, address, endpoint, onState);
  }

  update(state: ConnectivityState, picker: Picker): void {
    if (!this.closed) this.context.update(state, new CountingPicker(picker, this.owner));
  }

  requestResolution(): void {
    if (!this.closed) this.context.requestResolution();
  }

  startTimer(ms: number, callback: () => void): BalancerTimer {
    return this.context.startTimer(ms, callback);
  }

  now(): number {
    return this.context.now();
  }

  random(): number {
    return this.context.random();
  }

  close(): void {
    this.closed = true;
    this.balancer.close();
  }
}

/** Picks what the policy below picks. */
class CountingPicker implements Picker {
  private readonly below: Picker;
  private readonly owner: OutlierDetection;

  constructor(below: Picker, owner: OutlierDetection) {
    this.below = below;
    this.owner = owner;
  }

  pick(call: PickInfo): PickResult {
    const result = this.below.pick(call);
    if (result.kind !== 'subchannel') return result;
    const { subchannel, tracker } = result;
    return subchannel instanceof EjectableSubchannel
      ? subchannel.pickedWith(tracker, this.owner.counts)
      : result;
  }
}

class OutlierDetection implements Balancer {
  /** Whether any rule for outliers is set. */
  counts: boolean;
  private readonly context: BalancerContext;
  private endpoints: Map<string, OutlierEndpoint>;
  private child: Child | undefined;
  private timer: BalancerTimer | undefined;
  /** When the interval under way began, milliseconds; undefined while nothing is counted. */
  private intervalSinceMs: number | undefined;

  constructor(context: BalancerContext) {
    this.counts = false;
    this.context = context;
    this.endpoints = new Map();
    this.child = undefined;
    this.timer = undefined;
    this.intervalSinceMs = undefined;
  }

  /** Undefined for an address that the resolver did not give. */
  endpointOf(address: BackendAddress): OutlierEndpoint | undefined {
    return this.endpoints.get(endpointText(address.endpoint));
  }

  update(addresses: readonly BackendAddress[], given: unknown): void {
    // What parseConfig below returned.
    const config = given as OutlierConfig;
    const before = this.endpoints;
    this.endpoints = new Map();
    for (const { endpoint } of addresses) {
      const name = endpointText(endpoint);
      this.endpoints.set(name, before.get(name) ?? new OutlierEndpoint(name));
    }
    this.configure(config);
    if (this.child?.factory !== config.child.factory) {
      this.child?.close();
      this.child = new Child(config.child.factory, this, this.context);
    }
    this.child.balancer.update(addresses, config.child.config);
  }

  private configure(config: OutlierConfig): void {
    const { context } = this;
    this.counts = config.successRate !== undefined || config.failurePercentage !== undefined;
    this.timer?.cancel();
    this.timer = undefined;
    if (!this.counts) {
      this.intervalSinceMs = undefined;
      for (const endpoint of this.endpoints.values()) endpoint.pardon();
      return;
    }
    if (this.intervalSinceMs === undefined) {
      this.intervalSinceMs = context.now();
      // What was counted before does not belong to this interval.
      for (const endpoint of this.endpoints.values()) endpoint.swapCounts();
    }
    const elapsedMs = context.now() - this.intervalSinceMs;
    this.startInterval(config, Math.max(0, config.intervalMs - elapsedMs));
  }

  private startInterval(config: OutlierConfig, ms: number): void {
    const { context } = this;
    this.timer = context.startTimer(ms, () => {
      const nowMs = context.now();
      this.intervalSinceMs = nowMs;
      this.startInterval(config, config.intervalMs);
      const endpoints = [...this.endpoints.values()];
      sweep({ endpoints, config, nowMs, random: () => context.random() });
    });
  }

  onResolverError(details: string): void {
    this.child?.balancer.onResolverError(details);
  }

  exitIdle(): void {
    this.child?.balancer.exitIdle();
  }

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.child?.close();
    this.child = undefined;
    this.endpoints.clear();
  }
}

/**
 * gRFC A50; `outlier_detection_experimental` is its name in gRPC. Config: `childPolicy`, a list like
 * `loadBalancingConfig`; `successRateEjection` and `failurePercentageEjection`, each off unless it is
 * given; `interval` (default 10 s), `baseEjectionTime` (30 s), `maxEjectionTime` (300 s),
 * `maxEjectionPercent` (10, but one backend may always be ejected). Calls that end with any status
 * but OK count as failed.
 */
export const outlierDetection: BalancerFactory = {
  name: 'outlier_detection',
  parseConfig: parseOutlierConfig,
  create: (context) => new OutlierDetection(context),
};
