// outlier_detection in the interface of programs' policies: its config, and Sluice's policy behind it.
// Invariant: every field of a config is present and within its bounds. gRFC A50.
// Not here: who is an outlier, which is Sluice's.

import { registerBuiltin } from './balancer-registry.ts';
import type { StatusOr } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import { type Duration, durationToMs, isDuration, msToDuration } from './duration.ts';
import {
  type ChannelControlHelper,
  type LoadBalancer,
  selectLbConfigFromList,
  type TypedLoadBalancingConfig,
} from './load-balancer.ts';
import { NativeBalancer } from './native-balancer.ts';
import type { LoadBalancingConfig } from './service-config.ts';
import { outlier } from './sluice-policy.ts';
import type { Endpoint } from './subchannel-address.ts';

const TYPE_NAME = 'outlier_detection';

// Defaults of gRFC A50.
const INTERVAL_MS = 10_000;
const BASE_EJECTION_TIME_MS = 30_000;
const MAX_EJECTION_TIME_MS = 300_000;
const MAX_EJECTION_PERCENT = 10;
const SUCCESS_RATE_EJECTION: SuccessRateEjectionConfig = {
  stdev_factor: 1_900,
  enforcement_percentage: 100,
  minimum_hosts: 5,
  request_volume: 100,
};
const FAILURE_PERCENTAGE_EJECTION: FailurePercentageEjectionConfig = {
  threshold: 85,
  enforcement_percentage: 100,
  minimum_hosts: 5,
  request_volume: 50,
};

/** Longest duration of protobuf, seconds: 10,000 years. */
const MAX_SECONDS = 315_576_000_000;
const MAX_NANOS = 999_999_999;

export interface SuccessRateEjectionConfig {
  readonly stdev_factor: number;
  readonly enforcement_percentage: number;
  readonly minimum_hosts: number;
  readonly request_volume: number;
}

export interface FailurePercentageEjectionConfig {
  readonly threshold: number;
  readonly enforcement_percentage: number;
  readonly minimum_hosts: number;
  readonly request_volume: number;
}

export interface OutlierDetectionRawConfig {
  interval?: Duration;
  base_ejection_time?: Duration;
  max_ejection_time?: Duration;
  max_ejection_percent?: number;
  success_rate_ejection?: Partial<SuccessRateEjectionConfig>;
  failure_percentage_ejection?: Partial<FailurePercentageEjectionConfig>;
  child_policy: LoadBalancingConfig[];
}

type Fields = Readonly<Record<string, unknown>>;

function complaint(objectName: string | undefined, fieldName: string, what: string): Error {
  const field = objectName === undefined ? fieldName : `${objectName}.${fieldName}`;
  return new Error(`outlier detection config ${field} ${what}`);
}

function checkType(obj: Fields, field: string, expected: string, objectName?: string): void {
  const value = obj[field];
  if (value === undefined || typeof value === expected) return;
  throw complaint(objectName, field, `parse error: expected ${expected}, got ${typeof value}`);
}

function checkDuration(obj: Fields, field: string): void {
  const value = obj[field];
  if (value === undefined) return;
  if (!isDuration(value)) {
    throw complaint(undefined, field, `parse error: expected Duration, got ${typeof value}`);
  }
  const { seconds, nanos } = value;
  if (!(seconds >= 0 && seconds <= MAX_SECONDS && nanos >= 0 && nanos <= MAX_NANOS)) {
    throw complaint(
      undefined,
      field,
      'parse error: values out of range for non-negative Duaration',
    );
  }
}

function checkPercentage(obj: Fields, field: string, objectName?: string): void {
  checkType(obj, field, 'number', objectName);
  const value = obj[field];
  if (typeof value !== 'number' || (value >= 0 && value <= 100)) return;
  throw complaint(objectName, field, 'parse error: value out of range for percentage (0-100)');
}

export class OutlierDetectionLoadBalancingConfig implements TypedLoadBalancingConfig {
  private readonly childPolicy: TypedLoadBalancingConfig;
  private readonly intervalMs: number;
  private readonly baseEjectionTimeMs: number;
  private readonly maxEjectionTimeMs: number;
  private readonly maxEjectionPercent: number;
  private readonly successRateEjection: SuccessRateEjectionConfig | null;
  private readonly failurePercentageEjection: FailurePercentageEjectionConfig | null;

  constructor(
    intervalMs: number | null,
    baseEjectionTimeMs: number | null,
    maxEjectionTimeMs: number | null,
    maxEjectionPercent: number | null,
    successRateEjection: Partial<SuccessRateEjectionConfig> | null,
    failurePercentageEjection: Partial<FailurePercentageEjectionConfig> | null,
    childPolicy: TypedLoadBalancingConfig,
  ) {
    if (childPolicy.getLoadBalancerName() === 'pick_first') {
      throw new Error('outlier_detection LB policy cannot have a pick_first child policy');
    }
    this.childPolicy = childPolicy;
    this.intervalMs = intervalMs ?? INTERVAL_MS;
    this.baseEjectionTimeMs = baseEjectionTimeMs ?? BASE_EJECTION_TIME_MS;
    this.maxEjectionTimeMs = maxEjectionTimeMs ?? MAX_EJECTION_TIME_MS;
    this.maxEjectionPercent = maxEjectionPercent ?? MAX_EJECTION_PERCENT;
    this.successRateEjection =
      successRateEjection === null ? null : { ...SUCCESS_RATE_EJECTION, ...successRateEjection };
    this.failurePercentageEjection =
      failurePercentageEjection === null
        ? null
        : { ...FAILURE_PERCENTAGE_EJECTION, ...failurePercentageEjection };
  }

  getLoadBalancerName(): string {
    return TYPE_NAME;
  }

  toJsonObject(): object {
    return {
      outlier_detection: {
        interval: msToDuration(this.intervalMs),
        base_ejection_time: msToDuration(this.baseEjectionTimeMs),
        max_ejection_time: msToDuration(this.maxEjectionTimeMs),
        max_ejection_percent: this.maxEjectionPercent,
        success_rate_ejection: this.successRateEjection ?? undefined,
        failure_percentage_ejection: this.failurePercentageEjection ?? undefined,
        child_policy: [this.childPolicy.toJsonObject()],
      },
    };
  }

  getIntervalMs(): number {
    return this.intervalMs;
  }

  getBaseEjectionTimeMs(): number {
    return this.baseEjectionTimeMs;
  }

  getMaxEjectionTimeMs(): number {
    return this.maxEjectionTimeMs;
  }

  getMaxEjectionPercent(): number {
    return this.maxEjectionPercent;
  }

  getSuccessRateEjectionConfig(): SuccessRateEjectionConfig | null {
    return this.successRateEjection;
  }

  getFailurePercentageEjectionConfig(): FailurePercentageEjectionConfig | null {
    return this.failurePercentageEjection;
  }

  getChildPolicy(): TypedLoadBalancingConfig {
    return this.childPolicy;
  }

  // biome-ignore lint/suspicious/noExplicitAny: the published type
  static createFromJson(obj: any): OutlierDetectionLoadBalancingConfig {
    checkDuration(obj, 'interval');
    checkDuration(obj, 'base_ejection_time');
    checkDuration(obj, 'max_ejection_time');
    checkPercentage(obj, 'max_ejection_percent');
    const success = ejectionOf(obj, 'success_rate_ejection', 'stdev_factor');
    const failure = ejectionOf(obj, 'failure_percentage_ejection', 'threshold');
    if (failure !== null) checkPercentage(failure, 'threshold', 'failure_percentage_ejection');
    if (!Array.isArray(obj.child_policy)) {
      throw new Error('outlier detection config child_policy must be an array');
    }
    const childPolicy = selectLbConfigFromList(obj.child_policy);
    if (childPolicy === null) {
      throw new Error('outlier detection config child_policy: no valid recognized policy found');
    }
    return new OutlierDetectionLoadBalancingConfig(
      msOf(obj.interval),
      msOf(obj.base_ejection_time),
      msOf(obj.max_ejection_time),
      obj.max_ejection_percent ?? null,
      success,
      failure,
      childPolicy,
    );
  }
}

function msOf(duration: Duration | undefined): number | null {
  return duration === undefined || duration === null ? null : durationToMs(duration);
}

/** Checked but for what only one of the two ways of finding outliers has. */
function ejectionOf(
  // biome-ignore lint/suspicious/noExplicitAny: of a JSON object, as the published type has it
  obj: any,
  name: string,
  ownField: string,
): Partial<SuccessRateEjectionConfig & FailurePercentageEjectionConfig> | null {
  if (!(name in obj) || obj[name] === undefined) return null;
  const ejection = obj[name];
  if (typeof ejection !== 'object') {
    throw new Error(`outlier detection config ${name} must be an object`);
  }
  checkType(ejection, ownField, 'number', name);
  checkPercentage(ejection, 'enforcement_percentage', name);
  checkType(ejection, 'minimum_hosts', 'number', name);
  checkType(ejection, 'request_volume', 'number', name);
  return ejection;
}

export class OutlierDetectionLoadBalancer implements LoadBalancer {
  private readonly native: NativeBalancer;

  constructor(channelControlHelper: ChannelControlHelper) {
    this.native = new NativeBalancer(TYPE_NAME, channelControlHelper);
  }

  updateAddressList(
    endpointList: StatusOr<Endpoint[]>,
    lbConfig: TypedLoadBalancingConfig,
    options: ChannelOptions,
    _resolutionNote: string,
  ): boolean {
    if (!(lbConfig instanceof OutlierDetectionLoadBalancingConfig)) return false;
    return this.native.updateAddressList(endpointList, outlier(lbConfig), options);
  }

  exitIdle(): void {
    this.native.exitIdle();
  }

  resetBackoff(): void {}

  destroy(): void {
    this.native.destroy();
  }

  getTypeName(): string {
    return TYPE_NAME;
  }
}

export function setup(): void {
  registerBuiltin(TYPE_NAME, OutlierDetectionLoadBalancer, OutlierDetectionLoadBalancingConfig);
}
