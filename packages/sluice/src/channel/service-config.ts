// A service config: how the calls of a channel are balanced and retried, per method, as JSON.
// Invariant: plain data in the names of gRPC's service_config.md; what `parseServiceConfig` returned
// is valid through and through, but for what only a balancer can judge.
// gRFC A2, A6, A21, A24. Not here: finding a method's part (method-configs.ts), what a policy does
// with its own (balancers/, retry/).

import { isStatus, statusOfName } from '../grpc/status.ts';
import type { BalancerFactory, FindBalancer } from './balancer.ts';

/** A name of a method config; `{}` is the default of all, `{service}` of a service. */
export interface MethodName {
  readonly service?: string;
  readonly method?: string;
}

/** gRFC A6. Durations are strings like "0.1s". */
export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly initialBackoff: string;
  readonly maxBackoff: string;
  readonly backoffMultiplier: number;
  /** Names like "UNAVAILABLE", or numbers. */
  readonly retryableStatusCodes: readonly (string | number)[];
}

/** gRFC A6. */
export interface HedgingPolicy {
  readonly maxAttempts: number;
  /** Default "0s". */
  readonly hedgingDelay?: string;
  readonly nonFatalStatusCodes?: readonly (string | number)[];
}

/** How calls of some methods are made. */
export interface MethodConfig {
  readonly name: readonly MethodName[];
  readonly waitForReady?: boolean;
  /** Longest time of a call, "1.5s"; the shorter of this and the call's own holds. */
  readonly timeout?: string;
  readonly maxRequestMessageBytes?: number;
  readonly maxResponseMessageBytes?: number;
  readonly retryPolicy?: RetryPolicy;
  readonly hedgingPolicy?: HedgingPolicy;
}

/** gRFC A6 "Throttling". */
export interface RetryThrottling {
  readonly maxTokens: number;
  readonly tokenRatio: number;
}

/** As in JSON. The first policy of `loadBalancingConfig` that is known is used. */
export interface ServiceConfig {
  readonly loadBalancingConfig?: readonly Readonly<Record<string, unknown>>[];
  readonly methodConfig?: readonly MethodConfig[];
  readonly retryThrottling?: RetryThrottling;
}

/** gRFC A6: more than this is a mistake in a unit. */
const MAX_TOKENS = 1_000;
/** Longest duration of protobuf's JSON form, seconds: 10,000 years. */
const MAX_SECONDS = 315_576_000_000;

/**
 * Checks a service config.
 * @param value the config, or its JSON text; fields that are not known are left out of the result
 * @throws TypeError for what has the wrong type, RangeError for the wrong value; both name the field
 */
export function parseServiceConfig(value: unknown): ServiceConfig {
  const root = objectOf(typeof value === 'string' ? jsonOf(value) : value, 'the service config');
  const { loadBalancingPolicy: named, methodConfig, retryThrottling } = root;
  const config: {
    loadBalancingConfig?: readonly Readonly<Record<string, unknown>>[];
    methodConfig?: readonly MethodConfig[];
    retryThrottling?: RetryThrottling;
  } = {};
  if (root.loadBalancingConfig !== undefined) {
    config.loadBalancingConfig = parsePolicies(root.loadBalancingConfig, 'loadBalancingConfig');
  } else if (named !== undefined && named !== '') {
    // The older form, in any letter case.
    if (typeof named !== 'string') throw wrongType('loadBalancingPolicy', named, 'a string');
    config.loadBalancingConfig = [{ [named.toLowerCase()]: {} }];
  }
  if (methodConfig !== undefined) config.methodConfig = parseMethodConfigs(methodConfig);
  if (retryThrottling !== undefined) config.retryThrottling = parseThrottling(retryThrottling);
  return config;
}

/**
 * Milliseconds of a duration in protobuf's JSON form, "1.5s".
 * @param where the field, for the error
 * @throws TypeError or RangeError that names field and value
 */
export function parseDuration(value: unknown, where: string): number {
  if (typeof value !== 'string') throw wrongType(where, value, 'a string like "1.5s"');
  const match = /^(\d*(?:\.\d{1,9})?)s$/.exec(value);
  const seconds = match?.[1] === undefined || match[1] === '' ? Number.NaN : Number(match[1]);
  if (!(seconds <= MAX_SECONDS)) throw wrongValue(where, value, 'a duration like "1.5s"');
  return seconds * 1_000;
}

/**
 * The first policy that is known, with its config read.
 * @param policies of `loadBalancingConfig` or of a policy that has others below it (gRFC A24)
 * @param find the registry, `balancerFactory`
 * @param where the field, for the error
 * @throws TypeError or RangeError when none is known, or by the policy's own reading
 */
export function chooseBalancer(
  policies: readonly Readonly<Record<string, unknown>>[],
  find: FindBalancer,
  where = 'loadBalancingConfig',
): { readonly factory: BalancerFactory; readonly config: unknown } {
  const names: string[] = [];
  for (const policy of policies) {
    for (const [name, config] of Object.entries(policy)) {
      const factory = find(name);
      if (factory !== undefined) return { factory, config: factory.parseConfig(config, find) };
      names.push(name);
    }
  }
  throw new RangeError(
    `${where} names no policy that is known: ${names.join(', ') || 'it is empty'}; register one or use pick_first or round_robin`,
  );
}

/** A list of `{ <name>: <config> }`, each with one name (gRFC A24). */
export function parsePolicies(
  value: unknown,
  where: string,
): readonly Readonly<Record<string, unknown>>[] {
  return listOf(value, where).map((entry, index) => {
    const policy = objectOf(entry, `${where}[${index}]`);
    if (Object.keys(policy).length !== 1) {
      throw wrongValue(`${where}[${index}]`, policy, 'an object with one policy as its only field');
    }
    return policy;
  });
}

function parseMethodConfigs(value: unknown): MethodConfig[] {
  const seen = new Set<string>();
  return listOf(value, 'methodConfig').map((entry, index) => {
    const where = `methodConfig[${index}]`;
    const config = parseMethodConfig(objectOf(entry, where), where);
    for (const name of config.name) {
      const key = `${name.service ?? ''}/${name.method ?? ''}`;
      if (seen.has(key)) throw wrongValue(`${where}.name`, name, 'a name that no other entry has');
      seen.add(key);
    }
    return config;
  });
}

function parseMethodConfig(from: Readonly<Record<string, unknown>>, where: string): MethodConfig {
  const { name, waitForReady, timeout, retryPolicy, hedgingPolicy } = from;
  const { maxRequestMessageBytes: request, maxResponseMessageBytes: response } = from;
  const names = listOf(name, `${where}.name`);
  if (names.length === 0) throw wrongValue(`${where}.name`, name, 'a list of at least one name');
  if (retryPolicy !== undefined && hedgingPolicy !== undefined) {
    throw new RangeError(`${where} has a retryPolicy and a hedgingPolicy; use one of them`);
  }
  if (waitForReady !== undefined && typeof waitForReady !== 'boolean') {
    throw wrongType(`${where}.waitForReady`, waitForReady, 'a boolean');
  }
  if (timeout !== undefined) parseDuration(timeout, `${where}.timeout`);
  return {
    name: names.map((one, index) => parseName(one, `${where}.name[${index}]`)),
    ...(waitForReady === undefined ? {} : { waitForReady }),
    ...(typeof timeout === 'string' ? { timeout } : {}),
    ...(request === undefined
      ? {}
      : { maxRequestMessageBytes: integerOf(request, `${where}.maxRequestMessageBytes`, 0) }),
    ...(response === undefined
      ? {}
      : { maxResponseMessageBytes: integerOf(response, `${where}.maxResponseMessageBytes`, 0) }),
    ...(retryPolicy === undefined
      ? {}
      : { retryPolicy: parseRetryPolicy(retryPolicy, `${where}.retryPolicy`) }),
    ...(hedgingPolicy === undefined
      ? {}
      : { hedgingPolicy: parseHedgingPolicy(hedgingPolicy, `${where}.hedgingPolicy`) }),
  };
}

// '' is as good as absent: protobuf's JSON does not tell them apart.
function parseName(value: unknown, where: string): MethodName {
  const { service = '', method = '' } = objectOf(value, where);
  if (typeof service !== 'string') throw wrongType(`${where}.service`, service, 'a string');
  if (typeof method !== 'string') throw wrongType(`${where}.method`, method, 'a string');
  if (service === '') {
    if (method !== '') throw wrongValue(`${where}.method`, method, 'absent without a service');
    return {};
  }
  return method === '' ? { service } : { service, method };
}

function parseRetryPolicy(value: unknown, where: string): RetryPolicy {
  const policy = objectOf(value, where);
  const { backoffMultiplier } = policy;
  const codes = codesOf(policy.retryableStatusCodes, `${where}.retryableStatusCodes`);
  if (codes.length === 0) {
    throw wrongValue(`${where}.retryableStatusCodes`, codes, 'a list of at least one code');
  }
  return {
    maxAttempts: integerOf(policy.maxAttempts, `${where}.maxAttempts`, 2),
    initialBackoff: longerThanNothing(policy.initialBackoff, `${where}.initialBackoff`),
    maxBackoff: longerThanNothing(policy.maxBackoff, `${where}.maxBackoff`),
    backoffMultiplier: positiveOf(backoffMultiplier, `${where}.backoffMultiplier`),
    retryableStatusCodes: codes,
  };
}

function parseHedgingPolicy(value: unknown, where: string): HedgingPolicy {
  const { maxAttempts, hedgingDelay = '0s', nonFatalStatusCodes = [] } = objectOf(value, where);
  parseDuration(hedgingDelay, `${where}.hedgingDelay`);
  return {
    maxAttempts: integerOf(maxAttempts, `${where}.maxAttempts`, 2),
    hedgingDelay: String(hedgingDelay),
    nonFatalStatusCodes: codesOf(nonFatalStatusCodes, `${where}.nonFatalStatusCodes`),
  };
}

function parseThrottling(value: unknown): RetryThrottling {
  const { maxTokens, tokenRatio } = objectOf(value, 'retryThrottling');
  const most = positiveOf(maxTokens, 'retryThrottling.maxTokens');
  if (most > MAX_TOKENS) {
    throw wrongValue('retryThrottling.maxTokens', most, `at most ${MAX_TOKENS}`);
  }
  // Three decimal places count.
  const ratio = Math.floor(positiveOf(tokenRatio, 'retryThrottling.tokenRatio') * 1_000) / 1_000;
  if (ratio === 0) throw wrongValue('retryThrottling.tokenRatio', tokenRatio, 'at least 0.001');
  return { maxTokens: most, tokenRatio: ratio };
}

function codesOf(value: unknown, where: string): (string | number)[] {
  return listOf(value, where).map((code) => {
    if (typeof code === 'string' && statusOfName(code.toUpperCase()) !== -1) {
      return code.toUpperCase();
    }
    if (typeof code === 'number' && isStatus(code)) return code;
    throw wrongValue(where, code, 'names or numbers of status codes, like "UNAVAILABLE"');
  });
}

function longerThanNothing(value: unknown, where: string): string {
  if (parseDuration(value, where) === 0) throw wrongValue(where, value, 'more than 0s');
  return String(value);
}

function positiveOf(value: unknown, where: string): number {
  if (typeof value !== 'number') throw wrongType(where, value, 'a number');
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw wrongValue(where, value, 'more than 0');
  return value;
}

function integerOf(value: unknown, where: string, least: number): number {
  if (typeof value !== 'number') throw wrongType(where, value, 'a number');
  if (!Number.isSafeInteger(value) || value < least) {
    throw wrongValue(where, value, `an integer of at least ${least}`);
  }
  return value;
}

function objectOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType(where, value, 'an object');
  }
  // What an object's fields hold is not known; each is checked where it is read.
  return value as Readonly<Record<string, unknown>>;
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrongType(where, value, 'a list');
  return value;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TypeError(`the service config is not JSON: ${String(error)}`);
  }
}

function wrongType(where: string, value: unknown, needed: string): TypeError {
  return new TypeError(`${where} is ${shown(value)}; it must be ${needed}`);
}

function wrongValue(where: string, value: unknown, needed: string): RangeError {
  return new RangeError(`${where} is ${shown(value)}; it must be ${needed}`);
}

// JSON turns NaN into null, and what is absent into nothing.
function shown(value: unknown): string {
  return typeof value === 'object' || typeof value === 'string'
    ? JSON.stringify(value)
    : String(value);
}
