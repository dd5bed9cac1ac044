// Service configs: their types, the check of one, and the choice of one from DNS TXT records.
// Invariant: what `validateServiceConfig` returned has only fields that are known, each of its type;
// durations of timeouts are objects, all others text.
// gRFC A2, A6, service_config.md. Not here: what Sluice takes (sluice-service-config.ts).

import os from 'node:os';
import { Status } from './constants.ts';
import type { Duration } from './duration.ts';

export interface MethodConfigName {
  service?: string;
  method?: string;
}

export interface RetryPolicy {
  maxAttempts: number;
  initialBackoff: string;
  maxBackoff: string;
  backoffMultiplier: number;
  retryableStatusCodes: (Status | string)[];
}

export interface HedgingPolicy {
  maxAttempts: number;
  hedgingDelay?: string;
  nonFatalStatusCodes?: (Status | string)[];
}

export interface MethodConfig {
  name: MethodConfigName[];
  waitForReady?: boolean;
  timeout?: Duration;
  maxRequestBytes?: number;
  maxResponseBytes?: number;
  retryPolicy?: RetryPolicy;
  hedgingPolicy?: HedgingPolicy;
}

export interface RetryThrottling {
  maxTokens: number;
  tokenRatio: number;
}

export interface LoadBalancingConfig {
  [key: string]: object;
}

export interface ServiceConfig {
  loadBalancingPolicy?: string;
  loadBalancingConfig: LoadBalancingConfig[];
  methodConfig: MethodConfig[];
  retryThrottling?: RetryThrottling;
}

export interface ServiceConfigCanaryConfig {
  clientLanguage?: string[];
  percentage?: number;
  clientHostname?: string[];
  serviceConfig: ServiceConfig;
}

/** What JSON gave; each field is looked at before it is used. */
// biome-ignore lint/suspicious/noExplicitAny: as the published types have it
type Json = any;

const DURATION = /^\d+(\.\d{1,9})?s$/;
const CLIENT_LANGUAGE = 'node';
const RECORD_PREFIX = 'grpc_config=';

function validateName(obj: Json): MethodConfigName {
  const isGiven = (field: string): boolean => field in obj && obj[field] !== '';
  const hasService = isGiven('service');
  const { service, method } = obj;
  const where = 'Invalid method config name: invalid';
  if (!hasService) {
    if (!('method' in obj) || method === undefined) return {};
    throw new Error('Invalid method config name: method set with empty or unset service');
  }
  if (typeof service !== 'string') {
    throw new Error(`${where} service: expected type string, got ${typeof service}`);
  }
  if (!isGiven('method')) return { service };
  if (typeof method === 'string') return { service, method };
  // The type is that of the service: these are the words that programs know.
  throw new Error(`${where} method: expected type string, got ${typeof service}`);
}

function isCode(value: Json): boolean {
  if (typeof value === 'number') return Object.values(Status).includes(value);
  return typeof value === 'string' && Object.keys(Status).includes(value.toUpperCase());
}

function validateCodes(codes: Json[], where: string): void {
  for (const value of codes) {
    if (typeof value !== 'number' && typeof value !== 'string') {
      throw new Error(`${where} value must be a string or number`);
    }
    if (isCode(value)) continue;
    throw new Error(
      `${where} value not ${typeof value === 'number' ? 'in status code range' : 'a status code name'}`,
    );
  }
}

function validateRetryPolicy(obj: Json): RetryPolicy {
  const where = 'Invalid method config retry policy:';
  if (!('maxAttempts' in obj) || !Number.isInteger(obj.maxAttempts) || obj.maxAttempts < 2) {
    throw new Error(`${where} maxAttempts must be an integer at least 2`);
  }
  for (const name of ['initialBackoff', 'maxBackoff']) {
    if (typeof obj[name] === 'string' && DURATION.test(obj[name])) continue;
    throw new Error(
      `${where} ${name} must be a string consisting of a positive integer or decimal followed by s`,
    );
  }
  if (!(typeof obj.backoffMultiplier === 'number' && obj.backoffMultiplier > 0)) {
    throw new Error(`${where} backoffMultiplier must be a number greater than 0`);
  }
  if (!('retryableStatusCodes' in obj && Array.isArray(obj.retryableStatusCodes))) {
    throw new Error(`${where} retryableStatusCodes is required`);
  }
  if (obj.retryableStatusCodes.length === 0) {
    throw new Error(`${where} retryableStatusCodes must be non-empty`);
  }
  validateCodes(obj.retryableStatusCodes, `${where} retryableStatusCodes`);
  return {
    maxAttempts: obj.maxAttempts,
    initialBackoff: obj.initialBackoff,
    maxBackoff: obj.maxBackoff,
    backoffMultiplier: obj.backoffMultiplier,
    retryableStatusCodes: obj.retryableStatusCodes,
  };
}

function validateHedgingPolicy(obj: Json): HedgingPolicy {
  const where = 'Invalid method config hedging policy:';
  if (!('maxAttempts' in obj) || !Number.isInteger(obj.maxAttempts) || obj.maxAttempts < 2) {
    throw new Error(`${where} maxAttempts must be an integer at least 2`);
  }
  if (
    'hedgingDelay' in obj &&
    !(typeof obj.hedgingDelay === 'string' && DURATION.test(obj.hedgingDelay))
  ) {
    throw new Error(
      `${where} hedgingDelay must be a string consisting of a positive integer followed by s`,
    );
  }
  if ('nonFatalStatusCodes' in obj && Array.isArray(obj.nonFatalStatusCodes)) {
    validateCodes(obj.nonFatalStatusCodes, `${where} nonFatalStatusCodes`);
  }
  return {
    maxAttempts: obj.maxAttempts,
    ...(obj.hedgingDelay ? { hedgingDelay: obj.hedgingDelay } : {}),
    ...(obj.nonFatalStatusCodes ? { nonFatalStatusCodes: obj.nonFatalStatusCodes } : {}),
  };
}

function validateTimeout(timeout: Json): Duration {
  if (typeof timeout === 'object') {
    if (!('seconds' in timeout) || typeof timeout.seconds !== 'number') {
      throw new Error('Invalid method config: invalid timeout.seconds');
    }
    if (!('nanos' in timeout) || typeof timeout.nanos !== 'number') {
      throw new Error('Invalid method config: invalid timeout.nanos');
    }
    return timeout;
  }
  if (typeof timeout === 'string' && DURATION.test(timeout)) {
    const [seconds = '', nanos = ''] = timeout.slice(0, -1).split('.');
    return { seconds: Number(seconds), nanos: Number(nanos.padEnd(9, '0')) };
  }
  throw new Error('Invalid method config: invalid timeout');
}

function validateMethodConfig(obj: Json): MethodConfig {
  if (!('name' in obj) || !Array.isArray(obj.name)) {
    throw new Error('Invalid method config: invalid name array');
  }
  const result: MethodConfig = { name: obj.name.map(validateName) };
  if ('waitForReady' in obj) {
    if (typeof obj.waitForReady !== 'boolean') {
      throw new Error('Invalid method config: invalid waitForReady');
    }
    result.waitForReady = obj.waitForReady;
  }
  if ('timeout' in obj) result.timeout = validateTimeout(obj.timeout);
  if ('maxRequestBytes' in obj) {
    if (typeof obj.maxRequestBytes !== 'number') {
      throw new Error('Invalid method config: invalid maxRequestBytes');
    }
    result.maxRequestBytes = obj.maxRequestBytes;
  }
  if ('maxResponseBytes' in obj) {
    if (typeof obj.maxResponseBytes !== 'number') {
      throw new Error('Invalid method config: invalid maxRequestBytes');
    }
    result.maxResponseBytes = obj.maxResponseBytes;
  }
  if ('retryPolicy' in obj) {
    if ('hedgingPolicy' in obj) {
      throw new Error(
        'Invalid method config: retryPolicy and hedgingPolicy cannot both be specified',
      );
    }
    result.retryPolicy = validateRetryPolicy(obj.retryPolicy);
  } else if ('hedgingPolicy' in obj) {
    result.hedgingPolicy = validateHedgingPolicy(obj.hedgingPolicy);
  }
  return result;
}

export function validateRetryThrottling(obj: Json): RetryThrottling {
  if (
    !('maxTokens' in obj) ||
    typeof obj.maxTokens !== 'number' ||
    obj.maxTokens <= 0 ||
    obj.maxTokens > 1_000
  ) {
    throw new Error('Invalid retryThrottling: maxTokens must be a number in (0, 1000]');
  }
  if (!('tokenRatio' in obj) || typeof obj.tokenRatio !== 'number' || obj.tokenRatio <= 0) {
    throw new Error('Invalid retryThrottling: tokenRatio must be a number greater than 0');
  }
  // Three decimal places count (gRFC A6).
  return { maxTokens: +obj.maxTokens.toFixed(3), tokenRatio: +obj.tokenRatio.toFixed(3) };
}

function validateLoadBalancingConfig(obj: Json): LoadBalancingConfig {
  if (!(typeof obj === 'object' && obj !== null)) {
    throw new Error(`Invalid loadBalancingConfig: unexpected type ${typeof obj}`);
  }
  const keys = Object.keys(obj);
  const [key] = keys;
  if (keys.length > 1) {
    throw new Error(`Invalid loadBalancingConfig: unexpected multiple keys ${keys}`);
  }
  if (key === undefined) {
    throw new Error('Invalid loadBalancingConfig: load balancing policy name required');
  }
  return { [key]: obj[key] };
}

export function validateServiceConfig(obj: Json): ServiceConfig {
  const result: ServiceConfig = { loadBalancingConfig: [], methodConfig: [] };
  if ('loadBalancingPolicy' in obj) {
    if (typeof obj.loadBalancingPolicy !== 'string') {
      throw new Error('Invalid service config: invalid loadBalancingPolicy');
    }
    result.loadBalancingPolicy = obj.loadBalancingPolicy;
  }
  if ('loadBalancingConfig' in obj) {
    if (!Array.isArray(obj.loadBalancingConfig)) {
      throw new Error('Invalid service config: invalid loadBalancingConfig');
    }
    result.loadBalancingConfig = obj.loadBalancingConfig.map(validateLoadBalancingConfig);
  }
  if ('methodConfig' in obj && Array.isArray(obj.methodConfig)) {
    result.methodConfig = obj.methodConfig.map(validateMethodConfig);
  }
  if ('retryThrottling' in obj) {
    result.retryThrottling = validateRetryThrottling(obj.retryThrottling);
  }
  checkDistinct(result.methodConfig);
  return result;
}

function checkDistinct(configs: MethodConfig[]): void {
  const seen: MethodConfigName[] = [];
  for (const { name: names } of configs) {
    for (const name of names) {
      const { service, method } = name;
      if (seen.some((other) => other.service === service && other.method === method)) {
        throw new Error(`Invalid service config: duplicate name ${service}/${method}`);
      }
      seen.push(name);
    }
  }
}

const CANARY_FIELDS: ReadonlySet<string> = new Set([
  'clientLanguage',
  'percentage',
  'clientHostname',
  'serviceConfig',
]);

function validateCanaryConfig(obj: Json): ServiceConfigCanaryConfig {
  if (!('serviceConfig' in obj)) {
    throw new Error('Invalid service config choice: missing service config');
  }
  const result: ServiceConfigCanaryConfig = {
    serviceConfig: validateServiceConfig(obj.serviceConfig),
  };
  if ('clientLanguage' in obj) {
    result.clientLanguage = stringsOf(obj.clientLanguage, 'clientLanguage');
  }
  if ('clientHostname' in obj) {
    result.clientHostname = stringsOf(obj.clientHostname, 'clientHostname');
  }
  if ('percentage' in obj) {
    const { percentage } = obj;
    if (!(typeof percentage === 'number' && percentage >= 0 && percentage <= 100)) {
      throw new Error('Invalid service config choice: invalid percentage');
    }
    result.percentage = percentage;
  }
  for (const field of Object.keys(obj)) {
    if (CANARY_FIELDS.has(field)) continue;
    throw new Error(`Invalid service config choice: unexpected field ${field}`);
  }
  return result;
}

function stringsOf(list: Json, field: string): string[] {
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return [...list];
  throw new Error(`Invalid service config choice: invalid ${field}`);
}

/**
 * The first config that is meant for this client among those of the TXT record.
 * @param txtRecord of `dns.resolveTxt`
 * @param percentage random, 0 <= x < 100
 * @returns null where there is no such record
 * @throws Error for a record that is not valid, and for one that has no config for this client
 */
export function extractAndSelectServiceConfig(
  txtRecord: string[][],
  percentage: number,
): ServiceConfig | null {
  for (const record of txtRecord) {
    const text = record.join('');
    if (!text.startsWith(RECORD_PREFIX)) continue;
    return selected(JSON.parse(text.slice(RECORD_PREFIX.length)), percentage);
  }
  return null;
}

function selected(list: Json, percentage: number): ServiceConfig {
  if (!Array.isArray(list)) throw new Error('Invalid service config list');
  for (const item of list) {
    const choice = validateCanaryConfig(item);
    if (choice.percentage !== undefined && percentage > choice.percentage) continue;
    if (choice.clientHostname?.includes(os.hostname()) === false) continue;
    if (choice.clientLanguage?.includes(CLIENT_LANGUAGE) === false) continue;
    return choice.serviceConfig;
  }
  throw new Error('No matching service config found');
}
