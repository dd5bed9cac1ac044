// round_robin: a connection to every address, calls to one after another.
// Invariant: only READY backends are picked, each as often as any other; one that fails is connected
// again after its backoff. gRPC load-balancing.md. Not here: the states of the backends
// (endpoint-list.ts).

import type {
  BalancedSubchannel,
  Balancer,
  BalancerContext,
  BalancerFactory,
  Picker,
  PickResult,
} from '../balancer.ts';
import type { BackendAddress } from '../resolver.ts';
import { EndpointList } from './endpoint-list.ts';
import { QUEUE } from './pickers.ts';
import { PolicyFields } from './policy-config.ts';

class RoundRobinPicker implements Picker {
  private readonly results: readonly PickResult[];
  private at: number;

  constructor(ready: readonly BalancedSubchannel[], start: number) {
    this.results = ready.map((subchannel) => ({ kind: 'subchannel', subchannel }));
    this.at = start;
  }

  pick(): PickResult {
    const { results } = this;
    this.at = this.at + 1 < results.length ? this.at + 1 : 0;
    return results[this.at] ?? QUEUE;
  }
}

class RoundRobin implements Balancer {
  private readonly endpoints: EndpointList;

  constructor(context: BalancerContext) {
    // Clients that start together must not all begin at the same backend.
    this.endpoints = new EndpointList(
      context,
      (ready) => new RoundRobinPicker(ready, Math.floor(context.random() * ready.length)),
    );
  }

  update(addresses: readonly BackendAddress[], _config: unknown): void {
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

/** No config. */
export const roundRobin: BalancerFactory = {
  name: 'round_robin',
  parseConfig: (config: unknown) => new PolicyFields(config, 'round_robin'),
  create: (context) => new RoundRobin(context),
};
