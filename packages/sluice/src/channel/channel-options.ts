// The settings of a channel, the check of those that a type cannot hold to their range, and what of
// them its connections need.
// Not here: targets (target.ts), limits (transport/limits.ts).

import { sendingCodec } from '../grpc/compression-names.ts';
import type { KeepaliveOptions } from '../transport/client-keepalive.ts';
import {
  type AdaptiveConcurrencyOptions,
  type ConcurrencySettings,
  concurrencySettings,
} from '../transport/concurrency-limiter.ts';
import type { ClientTlsOptions } from '../transport/connector.ts';
import {
  type ClientLimits,
  MAX_HEADER_LIST,
  MAX_MESSAGE_LENGTH_DEFAULT,
} from '../transport/limits.ts';
import {
  checkHeaderList,
  checkInterceptors,
  checkPositive,
  checkTimes,
  windowOption,
} from '../transport/option-checks.ts';
import { checkNames, type OptionNames } from '../transport/option-names.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { checkClientTls } from '../transport/tls-settings.ts';
import type { BackoffOptions } from './backoff.ts';
import { checkCredentials } from './call-arguments.ts';
import type { CallCredentials } from './call-credentials.ts';
import type { CallDefaults } from './call-options.ts';
import { type ConnectionsOptions, connectionsSettings } from './connections-options.ts';
import { serverNameOf } from './host-port.ts';
import type { ClientInterceptor } from './interceptor.ts';
import { checkProxy } from './proxy.ts';
import type { ServiceConfig } from './service-config.ts';
import type { SubchannelOptions } from './subchannel.ts';

/** What every channel says of itself: this package and its version. */
export const USER_AGENT = 'grpc-node-sluice/0.1.0';

/** Settings of a channel. */
export interface ChannelOptions {
  /** `true` or TLS settings for a secure connection; plain text by default. */
  readonly tls?: boolean | ClientTlsOptions;
  /** `:authority` of requests; default the target's host and port. */
  readonly authority?: string;
  /** Put in front of Sluice's own user agent. */
  readonly userAgent?: string;
  /** Past a limit: `wait` in a bounded line (default), or `fail` at once. */
  readonly admissionPolicy?: 'wait' | 'fail';
  /** Limits to change; see `limits` for units, defaults and reasons. */
  readonly limits?: Partial<ClientLimits>;
  /**
   * Holds the calls in flight on each connection to what the server answers without a queue, found
   * from how long answers take; default false. What is past it waits or fails by `admissionPolicy`,
   * under the name `concurrency`. Calls that go on sending are not counted.
   */
  readonly adaptiveConcurrency?: boolean | AdaptiveConcurrencyOptions;
  /** Bytes, the first window of each stream; default 65,535. BDP grows it from there. */
  readonly initialStreamWindow?: number;
  /** Bytes, the first window of the connection; default 65,535. BDP grows it from there. */
  readonly initialConnectionWindow?: number;
  /** Windows stay as they start: turns the BDP estimator off; default false. */
  readonly staticWindows?: boolean;
  /** Bytes of one received message; default 4 MiB. */
  readonly maxReceiveMessageLength?: number;
  /** Bytes of one sent message; default no limit. */
  readonly maxSendMessageLength?: number;
  /** Name of the encoding that compresses requests, such as `gzip`; default none. */
  readonly compress?: string;
  /** Metadata made for each call, such as a token; over TLS and unix sockets only. */
  readonly credentials?: CallCredentials;
  /** Run around every call but those of `Channel.call`; the first is the outermost. */
  readonly interceptors?: readonly ClientInterceptor[];
  /** Bytes of response headers, at most 65,536; default 16 KiB. */
  readonly maxHeaderListBytes?: number;
  /** Milliseconds for a connection attempt, handshakes included; default 20,000. */
  readonly connectTimeoutMs?: number;
  /** Keepalive pings; off by default. */
  readonly keepalive?: KeepaliveOptions;
  /** Waits between connection attempts. */
  readonly backoff?: BackoffOptions;
  /**
   * How calls are balanced and retried (gRFC A2), where the resolver finds no config of its own;
   * without `loadBalancingConfig` the policy is `pick_first`.
   */
  readonly serviceConfig?: ServiceConfig;
  /**
   * Attempts of one call at the most, the first included, whatever its service config says: default 5
   * (gRFC A6).
   */
  readonly maxAttempts?: number;
  /** Look for a service config in DNS TXT records; default false. */
  readonly lookUpServiceConfig?: boolean;
  /** Milliseconds without calls after which connections are given up; default 30 minutes. */
  readonly idleTimeoutMs?: number;
  /** How many connections there are to one backend; default one. */
  readonly connections?: ConnectionsOptions;
  /** Use connections that other channels with the same options have; default true. */
  readonly shareConnections?: boolean;
  /**
   * `http://user:password@host:port` of an HTTP CONNECT proxy, `false` for none; by default what
   * `grpc_proxy`, `https_proxy`, `http_proxy` and `no_proxy` say.
   */
  readonly proxy?: string | false;
  /**
   * Handed as they are to the resolver and the balancer of the channel, in their contexts, for those
   * that a program registers; Sluice reads none.
   */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

const NAMES: OptionNames<ChannelOptions> = {
  tls: true,
  authority: true,
  userAgent: true,
  admissionPolicy: true,
  limits: true,
  adaptiveConcurrency: true,
  initialStreamWindow: true,
  initialConnectionWindow: true,
  staticWindows: true,
  maxReceiveMessageLength: true,
  maxSendMessageLength: true,
  compress: true,
  credentials: true,
  interceptors: true,
  maxHeaderListBytes: true,
  connectTimeoutMs: true,
  keepalive: true,
  backoff: true,
  serviceConfig: true,
  maxAttempts: true,
  lookUpServiceConfig: true,
  idleTimeoutMs: true,
  connections: true,
  shareConnections: true,
  proxy: true,
  attributes: true,
};

const CONCURRENCY_NAMES: OptionNames<AdaptiveConcurrencyOptions> = {
  initial: true,
  min: true,
  max: true,
  queueMs: true,
};

const KEEPALIVE_NAMES: OptionNames<KeepaliveOptions> = {
  timeMs: true,
  timeoutMs: true,
  permitWithoutStream: true,
  minTimeMs: true,
};

const BACKOFF_NAMES: OptionNames<BackoffOptions> = {
  initialMs: true,
  maxMs: true,
};

/** @throws RangeError that names the option and its value; TypeError for what is no option */
export function checkOptions(options: ChannelOptions): void {
  checkNames('connect', options, NAMES);
  checkClientTls(options.tls);
  checkCredentials(options.credentials);
  checkInterceptors(options.interceptors);
  const policy = options.admissionPolicy ?? 'wait';
  if (policy !== 'wait' && policy !== 'fail') {
    throw new RangeError(`admissionPolicy is ${String(policy)}; it must be wait or fail`);
  }
  checkConcurrency(options.adaptiveConcurrency);
  checkPositive('connectTimeoutMs', options.connectTimeoutMs, 'ms');
  checkPositive('maxReceiveMessageLength', options.maxReceiveMessageLength, 'bytes');
  checkPositive('maxSendMessageLength', options.maxSendMessageLength, 'bytes');
  checkHeaderList('maxHeaderListBytes', options.maxHeaderListBytes);
  checkTimes('keepalive', options.keepalive, KEEPALIVE_NAMES);
  checkTimes('backoff', options.backoff, BACKOFF_NAMES);
  checkCount('maxAttempts', options.maxAttempts);
  checkPositive('idleTimeoutMs', options.idleTimeoutMs, 'ms');
  checkProxy(options.proxy);
  sendingCodec(options.compress);
}

/** A count of calls: a fraction of one, or none at all, would stop every call. */
function checkCount(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) return;
  throw new RangeError(`${name} is ${String(value)}; it must be an integer of at least 1`);
}

function checkConcurrency(option: boolean | AdaptiveConcurrencyOptions | undefined): void {
  if (option === undefined || typeof option === 'boolean') return;
  const group = 'adaptiveConcurrency';
  checkNames(group, option, CONCURRENCY_NAMES);
  const { initial, min, max, queueMs } = option;
  checkCount(`${group}.initial`, initial);
  checkCount(`${group}.min`, min);
  checkCount(`${group}.max`, max);
  checkPositive(`${group}.queueMs`, queueMs, 'ms');
  if (min !== undefined && max !== undefined && min > max) {
    throw new RangeError(`${group}.min is ${min}; it must be at most max, ${max}`);
  }
  if (initial !== undefined && (initial > (max ?? initial) || initial < (min ?? initial))) {
    throw new RangeError(`${group}.initial is ${initial}; it must be from min to max`);
  }
}

function concurrencyOf(
  option: boolean | AdaptiveConcurrencyOptions | undefined,
  limits: ClientLimits,
): ConcurrencySettings | undefined {
  if (option === undefined || option === false) return undefined;
  return concurrencySettings(option === true ? {} : option, limits.openCalls);
}

/** @param authority the target's, where the options name none */
export function callDefaults(
  authority: string,
  isLocal: boolean,
  options: ChannelOptions,
): CallDefaults {
  const secure = options.tls !== undefined && options.tls !== false;
  return {
    authority: options.authority ?? authority,
    security: secure ? 'tls' : isLocal ? 'local' : 'none',
    credentials: options.credentials,
    compress: options.compress,
    maxSendMessageLength: options.maxSendMessageLength ?? Number.POSITIVE_INFINITY,
    interceptors: options.interceptors,
  };
}

/** Without settings of the user; one object, so that channels can share their connections. */
const DEFAULT_TLS: ClientTlsOptions = Object.freeze({});

/** What the connections of a channel have in common. The endpoint is each one's own. */
export type ConnectionSettings = Omit<SubchannelOptions, 'endpoint'>;

/** @param authority the target's, where the options name none */
export function connectionSettings(
  authority: string,
  options: ChannelOptions,
  limits: ClientLimits,
  wheel: TimerWheel,
): ConnectionSettings {
  const { userAgent, tls } = options;
  const name = options.authority ?? authority;
  return {
    authority: name,
    secure: tls === true ? DEFAULT_TLS : tls === false ? undefined : tls,
    serverName: serverNameOf(name),
    limits,
    concurrency: concurrencyOf(options.adaptiveConcurrency, limits),
    userAgent: userAgent === undefined ? USER_AGENT : `${userAgent} ${USER_AGENT}`,
    wheel,
    connectTimeoutMs: options.connectTimeoutMs,
    maxHeaderList: options.maxHeaderListBytes ?? MAX_HEADER_LIST,
    maxReceiveMessageLength: options.maxReceiveMessageLength ?? MAX_MESSAGE_LENGTH_DEFAULT,
    initialStreamWindow: windowOption('initialStreamWindow', options.initialStreamWindow),
    initialConnectionWindow: windowOption(
      'initialConnectionWindow',
      options.initialConnectionWindow,
    ),
    staticWindows: options.staticWindows ?? false,
    keepalive: options.keepalive ?? {},
    backoff: options.backoff ?? {},
    connections: connectionsSettings(options.connections),
  };
}
