// Configs of policies in the form that Sluice reads: camelCase names, durations as text.
// Invariant: the config of a policy that a program registered goes through as it is.
// Not here: reading configs from JSON (load-balancer.ts), whole service configs (sluice-service-config.ts).

import { balancerTypes } from './balancer-registry.ts';
import { setupBalancers } from './builtin-balancers.ts';
import { selectLbConfigFromList, type TypedLoadBalancingConfig } from './load-balancer.ts';
import { OutlierDetectionLoadBalancingConfig } from './load-balancer-outlier-detection.ts';
import { WeightedRoundRobinLoadBalancingConfig } from './load-balancer-weighted-round-robin.ts';
import type { LoadBalancingConfig } from './service-config.ts';

type SluicePolicy = Readonly<Record<string, unknown>>;

/** Of the first policy that can be used, or else of the default one: all that Sluice has to know. */
export function sluicePolicies(configs: LoadBalancingConfig[]): SluicePolicy[] {
  setupBalancers();
  const selected = selectLbConfigFromList(configs, true);
  return selected === null ? [] : [sluicePolicy(selected)];
}

/** An entry for `loadBalancingConfig` of Sluice. */
function sluicePolicy(config: TypedLoadBalancingConfig): SluicePolicy {
  const name = config.getLoadBalancerName();
  if (balancerTypes.get(name)?.isBuiltin !== true) return { [name]: config };
  if (config instanceof OutlierDetectionLoadBalancingConfig) return { [name]: outlier(config) };
  if (config instanceof WeightedRoundRobinLoadBalancingConfig) return { [name]: weighted(config) };
  // Of the others the form is the same.
  return { ...config.toJsonObject() };
}

export function outlier(config: OutlierDetectionLoadBalancingConfig): SluicePolicy {
  const success = config.getSuccessRateEjectionConfig();
  const failure = config.getFailurePercentageEjectionConfig();
  return {
    interval: seconds(config.getIntervalMs()),
    baseEjectionTime: seconds(config.getBaseEjectionTimeMs()),
    maxEjectionTime: seconds(config.getMaxEjectionTimeMs()),
    maxEjectionPercent: config.getMaxEjectionPercent(),
    ...(success === null
      ? {}
      : {
          successRateEjection: {
            stdevFactor: success.stdev_factor,
            enforcementPercentage: success.enforcement_percentage,
            minimumHosts: success.minimum_hosts,
            requestVolume: success.request_volume,
          },
        }),
    ...(failure === null
      ? {}
      : {
          failurePercentageEjection: {
            threshold: failure.threshold,
            enforcementPercentage: failure.enforcement_percentage,
            minimumHosts: failure.minimum_hosts,
            requestVolume: failure.request_volume,
          },
        }),
    childPolicy: [sluicePolicy(config.getChildPolicy())],
  };
}

/** Load reports between calls are left out: Sluice takes those that come with calls. */
export function weighted(config: WeightedRoundRobinLoadBalancingConfig): SluicePolicy {
  return {
    blackoutPeriod: seconds(config.getBlackoutPeriodMs()),
    weightExpirationPeriod: seconds(config.getWeightExpirationPeriodMs()),
    weightUpdatePeriod: seconds(config.getWeightUpdatePeriodMs()),
    errorUtilizationPenalty: config.getErrorUtilizationPenalty(),
  };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)}s`;
}
