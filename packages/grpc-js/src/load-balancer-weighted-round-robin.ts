// weighted_round_robin in the interface of programs' policies: its config, and Sluice's policy behind it.
// Invariant: every field of a config is present. gRFC A58.
// Not here: weights, which are Sluice's.

import { registerBuiltin } from './balancer-registry.ts';
import type { StatusOr } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import {
  durationMessageToDuration,
  durationToMs,
  durationToString,
  isDuration,
  isDurationMessage,
  msToDuration,
  parseDuration,
} from './duration.ts';
import type {
  ChannelControlHelper,
  LoadBalancer,
  TypedLoadBalancingConfig,
} from './load-balancer.ts';
import { NativeBalancer } from './native-balancer.ts';
import { weighted } from './sluice-policy.ts';
import type { Endpoint } from './subchannel-address.ts';

const TYPE_NAME = 'weighted_round_robin';

// Defaults of gRFC A58.
const OOB_REPORTING_PERIOD_MS = 10_000;
const BLACKOUT_PERIOD_MS = 10_000;
const WEIGHT_EXPIRATION_PERIOD_MS = 180_000;
const WEIGHT_UPDATE_PERIOD_MS = 1_000;
const ERROR_UTILIZATION_PENALTY = 1;
/** A shorter update period is taken for this. */
const LEAST_WEIGHT_UPDATE_PERIOD_MS = 100;

type Fields = Readonly<Record<string, unknown>>;

function checkType(obj: Fields, field: string, expected: 'boolean' | 'number'): void {
  const value = obj[field];
  if (value === undefined || typeof value === expected) return;
  throw new Error(
    `weighted round robin config ${field} parse error: expected ${expected}, got ${typeof value}`,
  );
}

function durationMs(obj: Fields, field: string): number | null {
  const value = obj[field];
  if (value === undefined || value === null) return null;
  const where = `weighted round robin config ${field}:`;
  if (typeof value === 'string') {
    const parsed = parseDuration(value);
    if (parsed === null) throw new Error(`${where} failed to parse duration string ${value}`);
    return durationToMs(parsed);
  }
  if (isDuration(value)) return durationToMs(value);
  if (isDurationMessage(value)) return durationToMs(durationMessageToDuration(value));
  throw new Error(`${where} expected duration, got ${typeof value}`);
}

export class WeightedRoundRobinLoadBalancingConfig implements TypedLoadBalancingConfig {
  private readonly enableOobLoadReport: boolean;
  private readonly oobLoadReportingPeriodMs: number;
  private readonly blackoutPeriodMs: number;
  private readonly weightExpirationPeriodMs: number;
  private readonly weightUpdatePeriodMs: number;
  private readonly errorUtilizationPenalty: number;

  constructor(
    enableOobLoadReport: boolean | null,
    oobLoadReportingPeriodMs: number | null,
    blackoutPeriodMs: number | null,
    weightExpirationPeriodMs: number | null,
    weightUpdatePeriodMs: number | null,
    errorUtilizationPenalty: number | null,
  ) {
    this.enableOobLoadReport = enableOobLoadReport ?? false;
    this.oobLoadReportingPeriodMs = oobLoadReportingPeriodMs ?? OOB_REPORTING_PERIOD_MS;
    this.blackoutPeriodMs = blackoutPeriodMs ?? BLACKOUT_PERIOD_MS;
    this.weightExpirationPeriodMs = weightExpirationPeriodMs ?? WEIGHT_EXPIRATION_PERIOD_MS;
    this.weightUpdatePeriodMs = Math.max(
      weightUpdatePeriodMs ?? WEIGHT_UPDATE_PERIOD_MS,
      LEAST_WEIGHT_UPDATE_PERIOD_MS,
    );
    this.errorUtilizationPenalty = errorUtilizationPenalty ?? ERROR_UTILIZATION_PENALTY;
  }

  getLoadBalancerName(): string {
    return TYPE_NAME;
  }

  toJsonObject(): object {
    const text = (ms: number): string => durationToString(msToDuration(ms));
    return {
      enable_oob_load_report: this.enableOobLoadReport,
      oob_load_reporting_period: text(this.oobLoadReportingPeriodMs),
      blackout_period: text(this.blackoutPeriodMs),
      weight_expiration_period: text(this.weightExpirationPeriodMs),
      weight_update_period: text(this.weightUpdatePeriodMs),
      error_utilization_penalty: this.errorUtilizationPenalty,
    };
  }

  // biome-ignore lint/suspicious/noExplicitAny: the published type
  static createFromJson(obj: any): WeightedRoundRobinLoadBalancingConfig {
    checkType(obj, 'enable_oob_load_report', 'boolean');
    checkType(obj, 'error_utilization_penalty', 'number');
    if (obj.error_utilization_penalty < 0) {
      throw new Error('weighted round robin config error_utilization_penalty < 0');
    }
    return new WeightedRoundRobinLoadBalancingConfig(
      obj.enable_oob_load_report ?? null,
      durationMs(obj, 'oob_load_reporting_period'),
      durationMs(obj, 'blackout_period'),
      durationMs(obj, 'weight_expiration_period'),
      durationMs(obj, 'weight_update_period'),
      obj.error_utilization_penalty ?? null,
    );
  }

  getEnableOobLoadReport(): boolean {
    return this.enableOobLoadReport;
  }

  getOobLoadReportingPeriodMs(): number {
    return this.oobLoadReportingPeriodMs;
  }

  getBlackoutPeriodMs(): number {
    return this.blackoutPeriodMs;
  }

  getWeightExpirationPeriodMs(): number {
    return this.weightExpirationPeriodMs;
  }

  getWeightUpdatePeriodMs(): number {
    return this.weightUpdatePeriodMs;
  }

  getErrorUtilizationPenalty(): number {
    return this.errorUtilizationPenalty;
  }
}

class WeightedRoundRobinLoadBalancer implements LoadBalancer {
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
    if (!(lbConfig instanceof WeightedRoundRobinLoadBalancingConfig)) return false;
    return this.native.updateAddressList(endpointList, weighted(lbConfig), options);
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
  registerBuiltin(TYPE_NAME, WeightedRoundRobinLoadBalancer, WeightedRoundRobinLoadBalancingConfig);
}
