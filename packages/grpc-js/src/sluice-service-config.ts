// The service config of a channel's options as the runtime below takes it.
// Invariants: what 1.14.7 refuses is refused with the same words; a policy that nobody knows is passed
// over, and where none is known pick_first is used. gRFC A2, A6.
// Not here: the checks (service-config.ts), the configs of policies (sluice-policy.ts).

import type {
  HedgingPolicy as SluiceHedgingPolicy,
  MethodConfig as SluiceMethodConfig,
  ServiceConfig as SluiceServiceConfig,
} from 'sluice';
import type { ChannelOptions } from './channel-options.ts';
import {
  type HedgingPolicy,
  type MethodConfig,
  type ServiceConfig,
  validateServiceConfig,
} from './service-config.ts';
import { sluicePolicies } from './sluice-policy.ts';

/** @throws Error for JSON that is none, and for a config that is not valid */
export function sluiceServiceConfig(options: ChannelOptions): SluiceServiceConfig | undefined {
  const text = options['grpc.service_config'];
  if (text === undefined || text === null) return undefined;
  return toSluiceServiceConfig(validateServiceConfig(JSON.parse(text)), options);
}

/** The same for a config that is valid; resolvers give them too. */
export function toSluiceServiceConfig(
  config: ServiceConfig,
  options: ChannelOptions,
): SluiceServiceConfig {
  // Without them a call has one attempt.
  const retries = options['grpc.enable_retries'] !== 0;
  const { retryThrottling } = config;
  return {
    loadBalancingConfig: policiesOf(config),
    methodConfig: config.methodConfig.map((method) => methodConfigOf(method, retries)),
    ...(retryThrottling === undefined ? undefined : { retryThrottling }),
  };
}

function policiesOf(config: ServiceConfig): readonly Readonly<Record<string, unknown>>[] {
  const { loadBalancingConfig, loadBalancingPolicy } = config;
  const named =
    loadBalancingConfig.length === 0 && loadBalancingPolicy
      ? [{ [loadBalancingPolicy]: {} }]
      : loadBalancingConfig;
  const policies = sluicePolicies(named);
  return policies.length === 0 ? [{ pick_first: {} }] : policies;
}

/** "1.5s" of { seconds: 1, nanos: 500000000 } and of the text itself; undefined for anything else. */
function durationText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('seconds' in value) || !('nanos' in value)) return undefined;
  const { nanos, seconds } = value;
  if (typeof seconds !== 'number' || typeof nanos !== 'number') return undefined;
  return nanos === 0 ? `${seconds}s` : `${seconds}.${String(nanos).padStart(9, '0')}s`;
}

function methodConfigOf(method: MethodConfig, retries: boolean): SluiceMethodConfig {
  const { waitForReady, maxRequestBytes, maxResponseBytes } = method;
  const timeout = durationText(method.timeout);
  const retryPolicy = retries ? method.retryPolicy : undefined;
  const hedgingPolicy = retries ? hedgingPolicyOf(method.hedgingPolicy) : undefined;
  return {
    name: method.name.map(({ service, method: name }) => ({
      ...(service ? { service } : undefined),
      ...(name ? { method: name } : undefined),
    })),
    ...(waitForReady === undefined ? undefined : { waitForReady }),
    ...(timeout === undefined ? undefined : { timeout }),
    ...(isLength(maxRequestBytes) ? { maxRequestMessageBytes: maxRequestBytes } : undefined),
    ...(isLength(maxResponseBytes) ? { maxResponseMessageBytes: maxResponseBytes } : undefined),
    ...(retryPolicy === undefined ? undefined : { retryPolicy }),
    ...(hedgingPolicy === undefined ? undefined : { hedgingPolicy }),
  };
}

function isLength(bytes: number | undefined): bytes is number {
  return bytes !== undefined && bytes >= 0;
}

function hedgingPolicyOf(policy: HedgingPolicy | undefined): SluiceHedgingPolicy | undefined {
  if (policy === undefined) return undefined;
  const { hedgingDelay, maxAttempts, nonFatalStatusCodes } = policy;
  return {
    maxAttempts,
    ...(hedgingDelay === undefined ? undefined : { hedgingDelay }),
    ...(nonFatalStatusCodes === undefined ? undefined : { nonFatalStatusCodes }),
  };
}
