// The config of outlier_detection: what it is by default and what is accepted.
// Invariant: every field is present and within its bounds. gRFC A50, "LB Policy Config", "Validation".
// Not here: what is done with it (outlier-analysis.ts, outlier-detection.ts).

import type { BalancerFactory, FindBalancer } from '../balancer.ts';
import { chooseBalancer, parsePolicies } from '../service-config.ts';
import { PolicyFields } from './policy-config.ts';

const POLICY = 'outlier_detection';

// Defaults of gRFC A50.
const INTERVAL_MS = 10_000;
const BASE_EJECTION_MS = 30_000;
const MOST_EJECTION_MS = 300_000;
const MOST_EJECTED_PERCENT = 10;
const STDEV_FACTOR = 1_900;
const FAILURE_THRESHOLD = 85;
const LEAST_HOSTS = 5;
const SUCCESS_RATE_VOLUME = 100;
const FAILURE_VOLUME = 50;
const UINT32_MAX = 2 ** 32 - 1;

/** What both ways of finding outliers have. */
interface Ejection {
  /** How many of the outliers found are ejected, percent. */
  readonly enforcementPercent: number;
  /** With fewer backends there is nothing to compare. */
  readonly leastHosts: number;
  /** With fewer calls in an interval a backend is not judged. */
  readonly requestVolume: number;
}

/** A backend whose success rate is far below the mean. */
export interface SuccessRateEjection extends Ejection {
  /** Standard deviations below the mean, in thousandths. */
  readonly stdevFactor: number;
}

/** A backend with too many failures, whatever the others have. */
export interface FailurePercentageEjection extends Ejection {
  /** Percent of calls. */
  readonly threshold: number;
}

/** When backends are ejected, and for how long. */
export interface OutlierConfig {
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly mostEjectionMs: number;
  readonly mostEjectedPercent: number;
  readonly successRate: SuccessRateEjection | undefined;
  readonly failurePercentage: FailurePercentageEjection | undefined;
  readonly child: { readonly factory: BalancerFactory; readonly config: unknown };
}

/** @throws TypeError or RangeError that names the field and its value */
export function parseOutlierConfig(config: unknown, find: FindBalancer): OutlierConfig {
  const fields = new PolicyFields(config, POLICY);
  const baseEjectionMs = fields.duration('baseEjectionTime', BASE_EJECTION_MS);
  const mostEjectionMs = fields.duration('maxEjectionTime', MOST_EJECTION_MS);
  const successRate = fields.value('successRateEjection');
  const failurePercentage = fields.value('failurePercentageEjection');
  const childPolicy = fields.nameOf('childPolicy');
  const policies = parsePolicies(fields.value('childPolicy'), childPolicy);
  return {
    intervalMs: fields.duration('interval', INTERVAL_MS),
    baseEjectionMs,
    mostEjectionMs: Math.max(baseEjectionMs, mostEjectionMs),
    mostEjectedPercent: percent(fields, 'maxEjectionPercent', MOST_EJECTED_PERCENT),
    successRate: successRate === undefined ? undefined : parseSuccessRate(successRate),
    failurePercentage:
      failurePercentage === undefined ? undefined : parseFailurePercentage(failurePercentage),
    child: chooseBalancer(policies, find, childPolicy),
  };
}

function parseSuccessRate(value: unknown): SuccessRateEjection {
  const fields = new PolicyFields(value, `${POLICY}.successRateEjection`);
  return {
    stdevFactor: fields.integer('stdevFactor', STDEV_FACTOR, 0, UINT32_MAX),
    ...ejection(fields, SUCCESS_RATE_VOLUME),
  };
}

function parseFailurePercentage(value: unknown): FailurePercentageEjection {
  const fields = new PolicyFields(value, `${POLICY}.failurePercentageEjection`);
  return {
    threshold: percent(fields, 'threshold', FAILURE_THRESHOLD),
    ...ejection(fields, FAILURE_VOLUME),
  };
}

function ejection(fields: PolicyFields, requestVolume: number): Ejection {
  return {
    enforcementPercent: percent(fields, 'enforcementPercentage', 100),
    leastHosts: fields.integer('minimumHosts', LEAST_HOSTS, 0, UINT32_MAX),
    requestVolume: fields.integer('requestVolume', requestVolume, 0, UINT32_MAX),
  };
}

function percent(fields: PolicyFields, name: string, fallback: number): number {
  return fields.integer(name, fallback, 0, 100);
}
