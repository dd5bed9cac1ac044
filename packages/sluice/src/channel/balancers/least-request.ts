// least_request: of a few READY backends taken at random, the one with the fewest calls under way.
// Invariants: a call counts from the start of its attempt to its end, over all pickers; a frozen
// backend is still taken now and then, as a backend may be taken twice for one call.
// gRFC A48. Not here: the states of the backends (endpoint-list.ts).

import type {
  BalancedSubchannel,
  Balancer,
  BalancerContext,
  BalancerFactory,
  Picker,
  PickResult,
  PickTracker,
} from '../balancer.ts';
import type { BackendAddress } from '../resolver.ts';
import { EndpointList } from './endpoint-list.ts';
import { QUEUE } from './pickers.ts';
import { PolicyFields } from './policy-config.ts';

const DEFAULT_CHOICES = 2;
/** gRFC A48: a larger count is taken for this. */
const MOST_CHOICES = 10;

interface LeastRequestConfig {
  readonly choiceCount: number;
}

/** The calls under way at one backend, and what a pick of it is. */
class ActiveRequests implements PickTracker {
  count: number;
  readonly result: PickResult;

  constructor(subchannel: BalancedSubchannel) {
    this.count = 0;
    this.result = { kind: 'subchannel', subchannel, tracker: this };
  }

  onStart(): void {
    this.count += 1;
  }

  onEnd(): void {
    this.count -= 1;
  }
}

class LeastRequest implements Balancer, Picker {
  private readonly context: BalancerContext;
  private readonly endpoints: EndpointList;
  private readonly requests: WeakMap<BalancedSubchannel, ActiveRequests>;
  private ready: readonly ActiveRequests[];
  private choiceCount: number;

  constructor(context: BalancerContext) {
    this.context = context;
    this.requests = new WeakMap();
    this.ready = [];
    this.choiceCount = DEFAULT_CHOICES;
    this.endpoints = new EndpointList(context, (ready) => {
      this.ready = ready.map((subchannel) => this.requestsOf(subchannel));
      return this;
    });
  }

  private requestsOf(subchannel: BalancedSubchannel): ActiveRequests {
    const known = this.requests.get(subchannel);
    if (known !== undefined) return known;
    const made = new ActiveRequests(subchannel);
    this.requests.set(subchannel, made);
    return made;
  }

  pick(): PickResult {
    const { ready, context } = this;
    let least = ready[0];
    if (ready.length > 1) {
      least = ready[Math.floor(context.random() * ready.length)];
      for (let choice = 1; choice < this.choiceCount; choice += 1) {
        const other = ready[Math.floor(context.random() * ready.length)];
        if (other !== undefined && least !== undefined && other.count < least.count) least = other;
      }
    }
    return least === undefined ? QUEUE : least.result;
  }

  update(addresses: readonly BackendAddress[], config: unknown): void {
    // What parseConfig below returned.
    this.choiceCount = (config as LeastRequestConfig).choiceCount;
    this.endpoints.update(addresses);
  }

  onResolverError(details: string): void {
    this.endpoints.onResolverError(details);
  }

  exitIdle(): void {}

  close(): void {
    this.endpoints.close();
  }
}

/**
 * gRFC A48; `least_request_experimental` is its name in gRPC. Config: `choiceCount`, how many
 * backends are compared for a call, 2 or more, default 2; above 10 it is taken for 10.
 */
export const leastRequest: BalancerFactory = {
  name: 'least_request',
  parseConfig(config: unknown): LeastRequestConfig {
    const fields = new PolicyFields(config, 'least_request');
    const choiceCount = fields.integer('choiceCount', DEFAULT_CHOICES, 2, 2 ** 32 - 1);
    return { choiceCount: Math.min(choiceCount, MOST_CHOICES) };
  },
  create: (context) => new LeastRequest(context),
};
