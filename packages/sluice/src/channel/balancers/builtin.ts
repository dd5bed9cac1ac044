// The policies that every channel knows, by the names of service configs.
// Invariant: plain data; what users register comes before it (balancer.ts). Policies that gRPC calls
// experimental have that name too, for configs that others made.

import type { BalancerFactory } from '../balancer.ts';
import { leastRequest } from './least-request.ts';
import { outlierDetection } from './outlier-detection.ts';
import { pickFirst } from './pick-first.ts';
import { ringHash } from './ring-hash.ts';
import { roundRobin } from './round-robin.ts';
import { weightedRoundRobin } from './weighted-round-robin.ts';

const BUILTIN: ReadonlyMap<string, BalancerFactory> = new Map([
  ['pick_first', pickFirst],
  ['round_robin', roundRobin],
  ['weighted_round_robin', weightedRoundRobin],
  ['least_request', leastRequest],
  ['least_request_experimental', leastRequest],
  ['ring_hash', ringHash],
  ['ring_hash_experimental', ringHash],
  ['outlier_detection', outlierDetection],
  ['outlier_detection_experimental', outlierDetection],
]);

/** A policy of Sluice's own, or undefined. */
export function builtinBalancer(name: string): BalancerFactory | undefined {
  return BUILTIN.get(name);
}
