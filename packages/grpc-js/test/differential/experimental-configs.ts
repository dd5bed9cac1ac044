// Service configs and configs of load balancing policies: what is accepted, what it is read as, and the
// words in which the rest is refused.
// Not here: what policies do (experimental-policies.ts).

import type * as loadBalancers from '@grpc/grpc-js/build/src/load-balancer';
import type * as outlierDetection from '@grpc/grpc-js/build/src/load-balancer-outlier-detection';
import type * as weighted from '@grpc/grpc-js/build/src/load-balancer-weighted-round-robin';
import type * as serviceConfigs from '@grpc/grpc-js/build/src/service-config';
import type { Observation, Observe } from './observation.ts';
import { outcomeOf } from './observation.ts';

type See = (name: string, act: () => unknown) => void;

const RETRY = {
  maxAttempts: 3,
  initialBackoff: '0.1s',
  maxBackoff: '1s',
  backoffMultiplier: 2,
  retryableStatusCodes: ['UNAVAILABLE'],
};
const METHODS: readonly unknown[] = [
  {},
  { name: {} },
  { name: [] },
  { name: [{}] },
  { name: [null] },
  { name: ['s'] },
  { name: [{ service: 's' }] },
  { name: [{ service: 's', method: 'm' }] },
  { name: [{ service: 's', method: '' }] },
  { name: [{ service: '', method: '' }] },
  { name: [{ service: '', method: 'm' }] },
  { name: [{ method: 'm' }] },
  { name: [{ service: 5 }] },
  { name: [{ service: 's', method: 5 }] },
  { name: [{ service: 's' }, { service: 's' }] },
  { name: [{}, {}] },
  { name: [{ service: 's', extra: 1 }], other: 2 },
  { name: [], waitForReady: true },
  { name: [], waitForReady: 'yes' },
  { name: [], timeout: '1s' },
  { name: [], timeout: '1.5s' },
  { name: [], timeout: '1.123456789s' },
  { name: [], timeout: '1.1234567891s' },
  { name: [], timeout: '.5s' },
  { name: [], timeout: '-1s' },
  { name: [], timeout: '1' },
  { name: [], timeout: 1 },
  { name: [], timeout: { seconds: 1, nanos: 5 } },
  { name: [], timeout: { seconds: '1', nanos: 5 } },
  { name: [], timeout: { seconds: 1 } },
  { name: [], timeout: { nanos: 1 } },
  { name: [], maxRequestBytes: 5 },
  { name: [], maxRequestBytes: -5 },
  { name: [], maxRequestBytes: '5' },
  { name: [], maxResponseBytes: 5 },
  { name: [], maxResponseBytes: '5' },
  { name: [], maxRequestMessageBytes: 5 },
  { name: [], retryPolicy: RETRY },
  { name: [], retryPolicy: { ...RETRY, maxAttempts: 1 } },
  { name: [], retryPolicy: { ...RETRY, maxAttempts: 2.5 } },
  { name: [], retryPolicy: { ...RETRY, maxAttempts: 100 } },
  { name: [], retryPolicy: { ...RETRY, maxAttempts: '3' } },
  { name: [], retryPolicy: { ...RETRY, initialBackoff: '0s' } },
  { name: [], retryPolicy: { ...RETRY, initialBackoff: 1 } },
  { name: [], retryPolicy: { ...RETRY, initialBackoff: '1' } },
  { name: [], retryPolicy: { ...RETRY, maxBackoff: '1m' } },
  { name: [], retryPolicy: { ...RETRY, maxBackoff: undefined } },
  { name: [], retryPolicy: { ...RETRY, backoffMultiplier: 0 } },
  { name: [], retryPolicy: { ...RETRY, backoffMultiplier: '2' } },
  { name: [], retryPolicy: { ...RETRY, retryableStatusCodes: [] } },
  { name: [], retryPolicy: { ...RETRY, retryableStatusCodes: 'UNAVAILABLE' } },
  { name: [], retryPolicy: { ...RETRY, retryableStatusCodes: ['unavailable'] } },
  { name: [], retryPolicy: { ...RETRY, retryableStatusCodes: ['NOPE'] } },
  { name: [], retryPolicy: { ...RETRY, retryableStatusCodes: [14, 'ABORTED'] } },
  { name: [], retryPolicy: { ...RETRY, retryableStatusCodes: [99] } },
  { name: [], retryPolicy: { ...RETRY, retryableStatusCodes: [null] } },
  { name: [], retryPolicy: {} },
  { name: [], retryPolicy: { ...RETRY, extra: 1 } },
  { name: [], hedgingPolicy: {} },
  { name: [], hedgingPolicy: { maxAttempts: 2 } },
  { name: [], hedgingPolicy: { maxAttempts: 1 } },
  { name: [], hedgingPolicy: { maxAttempts: 2, hedgingDelay: '1s' } },
  { name: [], hedgingPolicy: { maxAttempts: 2, hedgingDelay: '' } },
  { name: [], hedgingPolicy: { maxAttempts: 2, hedgingDelay: '1' } },
  { name: [], hedgingPolicy: { maxAttempts: 2, hedgingDelay: 1 } },
  { name: [], hedgingPolicy: { maxAttempts: 2, nonFatalStatusCodes: ['ABORTED'] } },
  { name: [], hedgingPolicy: { maxAttempts: 2, nonFatalStatusCodes: [] } },
  { name: [], hedgingPolicy: { maxAttempts: 2, nonFatalStatusCodes: ['NOPE'] } },
  { name: [], hedgingPolicy: { maxAttempts: 2, nonFatalStatusCodes: [99] } },
  { name: [], hedgingPolicy: { maxAttempts: 2, nonFatalStatusCodes: [{}] } },
  { name: [], hedgingPolicy: { maxAttempts: 2, nonFatalStatusCodes: 'ABORTED' } },
  { name: [], retryPolicy: RETRY, hedgingPolicy: { maxAttempts: 2 } },
];
const CONFIGS: readonly unknown[] = [
  {},
  { extra: 1 },
  { loadBalancingPolicy: 'round_robin' },
  { loadBalancingPolicy: 5 },
  { loadBalancingConfig: {} },
  { loadBalancingConfig: [] },
  { loadBalancingConfig: [{}] },
  { loadBalancingConfig: ['round_robin'] },
  { loadBalancingConfig: [null] },
  { loadBalancingConfig: [{ a: {} }] },
  { loadBalancingConfig: [{ a: null }] },
  { loadBalancingConfig: [{ a: 5 }] },
  { loadBalancingConfig: [{ a: {}, b: {} }] },
  { loadBalancingConfig: [{ a: {} }, { b: { c: 1 } }] },
  { methodConfig: {} },
  { methodConfig: [5] },
  { methodConfig: [{ name: [{ service: 's' }] }, { name: [{ service: 's' }] }] },
  { methodConfig: [{ name: [{}] }, { name: [{}] }] },
  { methodConfig: [{ name: [{ service: 's', method: 'm' }] }, { name: [{ service: 's' }] }] },
  { retryThrottling: {} },
  { retryThrottling: { maxTokens: 10, tokenRatio: 0.1 } },
  { retryThrottling: { maxTokens: 10.12345, tokenRatio: 0.12345 } },
  { retryThrottling: { maxTokens: 1_000, tokenRatio: 0.0001 } },
  { retryThrottling: { maxTokens: 1_001, tokenRatio: 1 } },
  { retryThrottling: { maxTokens: 0, tokenRatio: 1 } },
  { retryThrottling: { maxTokens: '10', tokenRatio: 1 } },
  { retryThrottling: { maxTokens: 10, tokenRatio: 0 } },
  { retryThrottling: { maxTokens: 10, tokenRatio: '1' } },
  { retryThrottling: { maxTokens: 10 } },
];
const CHOICES: readonly unknown[] = [
  [],
  {},
  [5],
  [{}],
  [{ serviceConfig: {} }],
  [{ serviceConfig: { loadBalancingPolicy: 5 } }],
  [{ serviceConfig: {}, extra: 1 }],
  [{ serviceConfig: {}, clientLanguage: ['node'] }],
  [{ serviceConfig: {}, clientLanguage: ['go'] }],
  [{ serviceConfig: {}, clientLanguage: [] }],
  [{ serviceConfig: {}, clientLanguage: 'node' }],
  [{ serviceConfig: {}, clientLanguage: [5] }],
  [{ serviceConfig: {}, clientHostname: ['no.such.host'] }],
  [{ serviceConfig: {}, clientHostname: 5 }],
  [{ serviceConfig: {}, clientHostname: [5] }],
  [{ serviceConfig: {}, percentage: 100 }],
  [{ serviceConfig: {}, percentage: 50 }],
  [{ serviceConfig: {}, percentage: 49 }],
  [{ serviceConfig: {}, percentage: 0 }],
  [{ serviceConfig: {}, percentage: 101 }],
  [{ serviceConfig: {}, percentage: '50' }],
  [
    { serviceConfig: { loadBalancingPolicy: 'a' }, percentage: 0 },
    { serviceConfig: { loadBalancingPolicy: 'b' } },
  ],
  [{ serviceConfig: { loadBalancingPolicy: 'a' } }, { serviceConfig: 5 }],
];
const POLICIES: readonly unknown[] = [
  {},
  { pick_first: {} },
  { pick_first: { shuffleAddressList: true } },
  { pick_first: { shuffleAddressList: false } },
  { pick_first: { shuffleAddressList: 'yes' } },
  { pick_first: { other: 1 } },
  { pick_first: null },
  { round_robin: {} },
  { round_robin: { other: 1 } },
  { round_robin: null },
  { nothing_known: {} },
  { pick_first: {}, round_robin: {} },
  { grpclb: {} },
  { ring_hash: {} },
  { outlier_detection: {} },
  { outlier_detection: { child_policy: {} } },
  { outlier_detection: { child_policy: [] } },
  { outlier_detection: { child_policy: [{ unknown: {} }] } },
  { outlier_detection: { child_policy: [{ pick_first: {} }] } },
  { outlier_detection: { child_policy: [{ round_robin: {} }] } },
  { outlier_detection: { childPolicy: [{ round_robin: {} }] } },
  { weighted_round_robin: {} },
];
const OUTLIERS: readonly Readonly<Record<string, unknown>>[] = [
  { interval: { seconds: 1, nanos: 500_000_000 } },
  { interval: '1.5s' },
  { interval: null },
  { interval: 5 },
  { interval: { seconds: -1, nanos: 0 } },
  { interval: { seconds: 315_576_000_001, nanos: 0 } },
  { interval: { seconds: 1, nanos: 1_000_000_000 } },
  { base_ejection_time: { seconds: 2, nanos: 0 } },
  { base_ejection_time: 's' },
  { max_ejection_time: { seconds: 3, nanos: 0 } },
  { max_ejection_time: true },
  { max_ejection_percent: 50 },
  { max_ejection_percent: 101 },
  { max_ejection_percent: -1 },
  { max_ejection_percent: '50' },
  { success_rate_ejection: {} },
  { success_rate_ejection: { stdev_factor: 5, minimum_hosts: 1 } },
  { success_rate_ejection: { stdev_factor: '5' } },
  { success_rate_ejection: { enforcement_percentage: 101 } },
  { success_rate_ejection: { enforcement_percentage: '1' } },
  { success_rate_ejection: { minimum_hosts: '1' } },
  { success_rate_ejection: { request_volume: '1' } },
  { success_rate_ejection: 5 },
  { success_rate_ejection: undefined },
  { failure_percentage_ejection: {} },
  { failure_percentage_ejection: { threshold: 5, request_volume: 7 } },
  { failure_percentage_ejection: { threshold: 101 } },
  { failure_percentage_ejection: { threshold: '5' } },
  { failure_percentage_ejection: { enforcement_percentage: -1 } },
  { failure_percentage_ejection: { minimum_hosts: {} } },
  { failure_percentage_ejection: { request_volume: null } },
  { failure_percentage_ejection: 'x' },
];
const WEIGHTED: readonly unknown[] = [
  {},
  { enable_oob_load_report: true },
  { enable_oob_load_report: 'yes' },
  { oob_load_reporting_period: { seconds: 5, nanos: 0 } },
  { oob_load_reporting_period: '5s' },
  { oob_load_reporting_period: 5 },
  { blackout_period: '1.5s' },
  { blackout_period: { seconds: '1', nanos: 0 } },
  { blackout_period: 'x' },
  { blackout_period: {} },
  { blackout_period: null },
  { weight_expiration_period: '0s' },
  { weight_expiration_period: false },
  { weight_update_period: '0.01s' },
  { weight_update_period: '2s' },
  { weight_update_period: '-1s' },
  { error_utilization_penalty: 2 },
  { error_utilization_penalty: 0 },
  { error_utilization_penalty: -1 },
  { error_utilization_penalty: '2' },
];

export const observe: Observe = async (grpc, deep) => {
  const seen: Observation[] = [];
  const see: See = (name, act) => {
    seen.push({ name, value: outcomeOf(act) });
  };
  const { validateServiceConfig, validateRetryThrottling, extractAndSelectServiceConfig } = deep(
    'service-config',
  ) as typeof serviceConfigs;
  for (const method of METHODS) {
    see(`method config ${text(method)}`, () => validateServiceConfig({ methodConfig: [method] }));
  }
  for (const config of CONFIGS) {
    see(`service config ${text(config)}`, () => validateServiceConfig(config));
  }
  see('retry throttling', () => validateRetryThrottling({ maxTokens: 1.23456, tokenRatio: 2 }));
  for (const choice of CHOICES) {
    const record = `grpc_config=${text(choice)}`;
    see(`record ${record}`, () => extractAndSelectServiceConfig([[record]], 50));
  }
  const records: readonly string[][][] = [
    [],
    [[]],
    [['other=1']],
    [['grpc_config=']],
    [['grpc_config=[{"service'], ['Config":{}}]']],
    [['grpc_config=[{"service', 'Config":{}}]']],
    [['other'], ['grpc_config=[{"serviceConfig":{}}]']],
    [['grpc_config=[]'], ['grpc_config=[{"serviceConfig":{}}]']],
  ];
  for (const record of records) {
    see(`records ${text(record)}`, () => extractAndSelectServiceConfig(record, 50));
  }
  policies(grpc, see);
  const balancers = deep('load-balancer') as typeof loadBalancers;
  see('default config', () => shown(balancers.getDefaultConfig()));
  see('list with fallback', () => shown(balancers.selectLbConfigFromList([{ none: {} }], true)));
  see('empty list with fallback', () => shown(balancers.selectLbConfigFromList([], true)));
  outliers(grpc, deep('load-balancer-outlier-detection') as typeof outlierDetection, see);
  const { WeightedRoundRobinLoadBalancingConfig } = deep(
    'load-balancer-weighted-round-robin',
  ) as typeof weighted;
  for (const config of WEIGHTED) {
    see(`weighted_round_robin ${text(config)}`, () => {
      const read = WeightedRoundRobinLoadBalancingConfig.createFromJson(config);
      return [
        read.getEnableOobLoadReport(),
        read.getOobLoadReportingPeriodMs(),
        read.getBlackoutPeriodMs(),
        read.getWeightExpirationPeriodMs(),
        read.getWeightUpdatePeriodMs(),
        read.getErrorUtilizationPenalty(),
        shown(read),
      ];
    });
  }
  return seen;
};

function policies({ experimental }: Parameters<Observe>[0], see: See): void {
  for (const policy of POLICIES) {
    // Some are no configs at all.
    const config = policy as { [key: string]: object };
    see(`policy ${text(policy)}`, () => shown(experimental.parseLoadBalancingConfig(config)));
    see(`list of ${text(policy)}`, () => shown(experimental.selectLbConfigFromList([config])));
  }
  see('first of a list', () =>
    shown(
      experimental.selectLbConfigFromList([{ none: {} }, { round_robin: {} }, { pick_first: {} }]),
    ),
  );
  see('empty list', () => shown(experimental.selectLbConfigFromList([])));
  for (const name of [
    'pick_first',
    'round_robin',
    'outlier_detection',
    'weighted_round_robin',
    'x',
    '',
  ]) {
    see(`registered: ${name}`, () => experimental.isLoadBalancerNameRegistered(name));
  }
}

function outliers(
  { experimental }: Parameters<Observe>[0],
  { OutlierDetectionLoadBalancingConfig }: typeof outlierDetection,
  see: See,
): void {
  for (const fields of OUTLIERS) {
    see(`outlier_detection ${text(fields)}`, () => {
      const read = OutlierDetectionLoadBalancingConfig.createFromJson({
        ...fields,
        child_policy: [{ round_robin: {} }],
      });
      return [
        read.getIntervalMs(),
        read.getBaseEjectionTimeMs(),
        read.getMaxEjectionTimeMs(),
        read.getMaxEjectionPercent(),
        read.getSuccessRateEjectionConfig(),
        read.getFailurePercentageEjectionConfig(),
        read.getChildPolicy().getLoadBalancerName(),
        shown(read),
      ];
    });
  }
  see('outlier_detection of nothing', () => {
    const child = experimental.parseLoadBalancingConfig({ round_robin: {} });
    return new OutlierDetectionLoadBalancingConfig(null, 1, 2, 3, null, null, child).toJsonObject();
  });
}

function shown(config: loadBalancers.TypedLoadBalancingConfig | null): unknown {
  return config === null ? null : [config.getLoadBalancerName(), config.toJsonObject()];
}

// Undefined shows, too: an absent field is something else.
function text(value: unknown): string {
  return JSON.stringify(value, (_key, item) => (item === undefined ? 'undefined' : item));
}
