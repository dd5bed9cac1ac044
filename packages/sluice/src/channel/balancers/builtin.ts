// The policies that every channel knows, by the names of service configs.
// Invariant: plain data; what users register comes before it (balancer.ts).

import type { BalancerFactory } from '../balancer.ts';
import { pickFirst } from './pick-first.ts';
import { roundRobin } from './round-robin.ts';

const BUILTIN: ReadonlyMap<string, BalancerFactory> = new Map(
  [pickFirst, roundRobin].map((factory) => [factory.name, factory]),
);

/** A policy of Sluice's own, or undefined. */
export function builtinBalancer(name: string): BalancerFactory | undefined {
  return BUILTIN.get(name);
}
