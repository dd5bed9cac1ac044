// The load balancing policies that configs may name, this package's own and those that programs
// register.
// Invariant: a table and nothing else; a later entry replaces an earlier one.
// Not here: what Sluice's channels know of it (load-balancer.ts), what a config looks like.

import type {
  LoadBalancerConstructor,
  TypedLoadBalancingConfigConstructor,
} from './load-balancer.ts';

interface RegisteredType {
  readonly LoadBalancer: LoadBalancerConstructor;
  readonly LoadBalancingConfig: TypedLoadBalancingConfigConstructor;
  /** One of this package: Sluice has a policy of that name by itself. */
  readonly isBuiltin: boolean;
}

export const balancerTypes: Map<string, RegisteredType> = new Map();

let defaultName: string | null = null;

export function setDefaultBalancer(typeName: string): void {
  defaultName = typeName;
}

/** Null until there is one. */
export function defaultBalancer(): string | null {
  return defaultName;
}

/** For the `setup` of the policies that Sluice has too; what a program registered stays. */
export function registerBuiltin(
  typeName: string,
  loadBalancerType: LoadBalancerConstructor,
  loadBalancingConfigType: TypedLoadBalancingConfigConstructor,
): void {
  if (balancerTypes.has(typeName)) return;
  balancerTypes.set(typeName, {
    LoadBalancer: loadBalancerType,
    LoadBalancingConfig: loadBalancingConfigType,
    isBuiltin: true,
  });
}
