// The method configs of a service config, ready for calls: durations in milliseconds, codes as
// numbers, found by path.
// Invariants: a method's own entry holds alone, before its service's, before the default of all
// (service_config.md, no merging); the cache of paths is bounded, as paths may come from outside.
// gRFC A6. Not here: checking a config (service-config.ts), what the parts do (retry/).

import { Status, statusOfName } from '../grpc/status.ts';
import {
  type HedgingPolicy,
  type MethodConfig,
  parseDuration,
  type RetryPolicy,
  type ServiceConfig,
} from './service-config.ts';

/** A retry policy as a call uses it. */
export interface ResolvedRetryPolicy {
  /** The first included; at most what the channel allows. */
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly multiplier: number;
  readonly codes: ReadonlySet<number>;
}

/** A hedging policy as a call uses it. */
export interface ResolvedHedgingPolicy {
  /** The first included; at most what the channel allows. */
  readonly maxAttempts: number;
  readonly delayMs: number;
  readonly nonFatal: ReadonlySet<number>;
}

/** What a service config says of one method; every field is set, so that all have one shape. */
export interface ResolvedMethodConfig {
  readonly waitForReady: boolean | undefined;
  readonly timeoutMs: number | undefined;
  readonly maxRequestBytes: number | undefined;
  readonly maxResponseBytes: number | undefined;
  readonly retry: ResolvedRetryPolicy | undefined;
  readonly hedging: ResolvedHedgingPolicy | undefined;
}

/**
 * Most attempts of a call, whatever the config says, unless the channel has its own number: a config
 * may come from DNS, and must not turn clients into an attack on their servers (gRFC A6).
 */
export const MAX_ATTEMPTS: number = 5;

/** Paths remembered. A program calls some tens of methods; a proxy may call whatever it is told. */
const MAX_CACHED_PATHS = 1_000;

/** Finds the config of a method. Made once for a service config that `parseServiceConfig` returned. */
export class MethodConfigs {
  private readonly byMethod: Map<string, ResolvedMethodConfig>;
  private readonly byService: Map<string, ResolvedMethodConfig>;
  private readonly byPath: Map<string, ResolvedMethodConfig | undefined>;
  private readonly ofAll: ResolvedMethodConfig | undefined;
  /** No method has an entry of any kind: a call need not ask. */
  readonly isEmpty: boolean;

  /** @param maxAttempts of a call, whatever the config says */
  constructor(config: ServiceConfig, maxAttempts: number = MAX_ATTEMPTS) {
    this.byMethod = new Map();
    this.byService = new Map();
    this.byPath = new Map();
    let ofAll: ResolvedMethodConfig | undefined;
    for (const entry of config.methodConfig ?? []) {
      const resolved = resolve(entry, maxAttempts);
      for (const { service, method } of entry.name) {
        if (service === undefined) ofAll = resolved;
        else if (method === undefined) this.byService.set(service, resolved);
        else this.byMethod.set(`/${service}/${method}`, resolved);
      }
    }
    this.ofAll = ofAll;
    this.isEmpty = ofAll === undefined && this.byMethod.size + this.byService.size === 0;
  }

  /** @param path `/package.Service/Method` */
  configOf(path: string): ResolvedMethodConfig | undefined {
    if (this.isEmpty) return undefined;
    const known = this.byPath.get(path);
    if (known !== undefined || this.byPath.has(path)) return known;
    const service = path.slice(1, path.lastIndexOf('/'));
    const found = this.byMethod.get(path) ?? this.byService.get(service) ?? this.ofAll;
    if (this.byPath.size >= MAX_CACHED_PATHS) this.byPath.clear();
    this.byPath.set(path, found);
    return found;
  }
}

function resolve(config: MethodConfig, maxAttempts: number): ResolvedMethodConfig {
  const { timeout, retryPolicy, hedgingPolicy } = config;
  return {
    waitForReady: config.waitForReady,
    timeoutMs: timeout === undefined ? undefined : parseDuration(timeout, 'timeout'),
    maxRequestBytes: config.maxRequestMessageBytes,
    maxResponseBytes: config.maxResponseMessageBytes,
    retry: retryPolicy === undefined ? undefined : resolveRetry(retryPolicy, maxAttempts),
    hedging: hedgingPolicy === undefined ? undefined : resolveHedging(hedgingPolicy, maxAttempts),
  };
}

function resolveRetry(policy: RetryPolicy, maxAttempts: number): ResolvedRetryPolicy {
  return {
    maxAttempts: Math.min(policy.maxAttempts, maxAttempts),
    initialBackoffMs: parseDuration(policy.initialBackoff, 'initialBackoff'),
    maxBackoffMs: parseDuration(policy.maxBackoff, 'maxBackoff'),
    multiplier: policy.backoffMultiplier,
    codes: codeSet(policy.retryableStatusCodes),
  };
}

function resolveHedging(policy: HedgingPolicy, maxAttempts: number): ResolvedHedgingPolicy {
  return {
    maxAttempts: Math.min(policy.maxAttempts, maxAttempts),
    delayMs: parseDuration(policy.hedgingDelay ?? '0s', 'hedgingDelay'),
    nonFatal: codeSet(policy.nonFatalStatusCodes ?? []),
  };
}

// A call that ended with OK is never tried again, whatever is listed.
function codeSet(codes: readonly (string | number)[]): ReadonlySet<number> {
  const set = new Set(codes.map((code) => (typeof code === 'number' ? code : statusOfName(code))));
  set.delete(Status.OK);
  return set;
}
