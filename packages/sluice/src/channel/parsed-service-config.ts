// A service config as a channel uses it: the policy to balance by, the settings of methods, and the
// throttle of retries.
// Invariant: made whole or not at all, so that a bad config never holds in part.
// Not here: the JSON and its checks (service-config.ts).

import { type BalancerFactory, balancerFactory } from './balancer.ts';
import { MethodConfigs } from './method-configs.ts';
import {
  chooseBalancer,
  parseServiceConfig,
  type RetryThrottling,
  type ServiceConfig,
} from './service-config.ts';

/** Ready for use; see `ServiceConfig` for what it says. */
export interface ParsedServiceConfig {
  readonly balancer: { readonly factory: BalancerFactory; readonly config: unknown };
  readonly methods: MethodConfigs;
  readonly retryThrottling: RetryThrottling | undefined;
}

const DEFAULT_POLICIES: readonly Readonly<Record<string, unknown>>[] = [{ pick_first: {} }];

/**
 * Reads a config; undefined is an empty one.
 * @param maxAttempts of a call, whatever the config says
 * @throws TypeError or RangeError that names the field and its value
 */
export function readServiceConfig(
  config: ServiceConfig | undefined,
  maxAttempts: number | undefined,
): ParsedServiceConfig {
  const checked: ServiceConfig = config === undefined ? {} : parseServiceConfig(config);
  const policies = checked.loadBalancingConfig ?? DEFAULT_POLICIES;
  return {
    balancer: chooseBalancer(policies, balancerFactory),
    methods: new MethodConfigs(checked, maxAttempts),
    retryThrottling: checked.retryThrottling,
  };
}
