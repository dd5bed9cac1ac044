// The policies of this package, in the registry.
// Not here: the registry (balancer-registry.ts).

import { setup as setupOutlierDetection } from './load-balancer-outlier-detection.ts';
import { setup as setupPickFirst } from './load-balancer-pick-first.ts';
import { setup as setupRoundRobin } from './load-balancer-round-robin.ts';
import { setup as setupWeightedRoundRobin } from './load-balancer-weighted-round-robin.ts';

/** What is registered already stays as it is. */
export function setupBalancers(): void {
  setupPickFirst();
  setupRoundRobin();
  setupOutlierDetection();
  setupWeightedRoundRobin();
}
