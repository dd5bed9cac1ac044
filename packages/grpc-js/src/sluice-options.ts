// The options of a channel of this package as options of a channel of the runtime below.
// Invariants: names that nobody knows, and values that make no sense, change nothing; limits are wide,
// so that programs which lean on patience without bounds still run, and can be made narrower with
// `sluice.options`. Not here: service configs (sluice-service-config.ts), TLS (channel-credentials.ts).

import { isIP } from 'node:net';
import type { ClientLimits, ChannelOptions as SluiceChannelOptions } from 'sluice';
import { channelAttributes } from './channel-attributes.ts';
import type { ChannelCredentials } from './channel-credentials.ts';
import type { ChannelOptions } from './channel-options.ts';
import { NO_SERVER_NAME, tlsOf } from './client-tls.ts';
import { CompressionAlgorithms } from './compression-algorithms.ts';
import { withOwnOptions } from './own-options.ts';
import { sluiceServiceConfig } from './sluice-service-config.ts';
import { isProxyUnusable } from './unusable-proxy.ts';
import { type GrpcUri, splitHostPort } from './uri-parser.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Settings = Mutable<SluiceChannelOptions>;

const VERSION = '1.14.7';
const MIB = 1024 * 1024;

/** Bytes of response headers: what Node's own clients take. */
const MAX_HEADER_LIST = 65_535;

const NAME = /^[\w.-]+$/;

// What Sluice's windows may begin with, bytes.
const LEAST_WINDOW = 16 * 1024;
const MOST_WINDOW = 0x7fff_ffff;

const OPEN_CALLS = 100_000;

/** Of each channel and its connections: calls, open or waiting, and bytes. */
const WIDE_LIMITS: Partial<ClientLimits> = Object.freeze({
  openCalls: OPEN_CALLS,
  waitingCalls: 100_000,
  waitingBytes: 256 * MIB,
  queuedItems: 1_000_000,
  queuedBytes: 256 * MIB,
  // Less would end the number of open calls before their own limit does.
  exposureBytes: OPEN_CALLS * LEAST_WINDOW,
});

/** More than anybody means; Infinity among them. */
const MOST_ATTEMPTS = 1_000_000;

/** Milliseconds, the shortest idle timeout. */
const LEAST_IDLE_TIMEOUT_MS = 1_000;

const ENCODINGS: Readonly<Record<number, string>> = {
  [CompressionAlgorithms.deflate]: 'deflate',
  [CompressionAlgorithms.gzip]: 'gzip',
};

/** @throws Error for a service config that is not valid; TypeError for credentials not understood */
export function sluiceOptions(
  target: GrpcUri,
  credentials: ChannelCredentials,
  options: ChannelOptions,
): SluiceChannelOptions {
  const settings: Settings = {
    limits: WIDE_LIMITS,
    admissionPolicy: 'wait',
    maxHeaderListBytes: MAX_HEADER_LIST,
    userAgent: userAgentOf(options),
    tls: tlsOf(credentials, tlsOptions(target, options)),
    attributes: channelAttributes(options, credentials),
  };
  const authority: unknown = options['grpc.default_authority'];
  if (typeof authority === 'string' && authority !== '') settings.authority = authority;
  else if (isNameAlone(target)) settings.authority = target.path;
  setLengths(settings, options);
  setConnections(settings, options);
  const encoding = ENCODINGS[Number(options['grpc.default_compression_algorithm'])];
  if (encoding !== undefined) settings.compress = encoding;
  const serviceConfig = sluiceServiceConfig(options);
  if (serviceConfig !== undefined) settings.serviceConfig = serviceConfig;
  const maxAttempts = positive(options['grpc-node.retry_max_attempts_limit']);
  if (maxAttempts !== undefined)
    settings.maxAttempts = Math.min(MOST_ATTEMPTS, Math.ceil(maxAttempts));
  if (options['grpc.service_config_disable_resolution'] === 0) settings.lookUpServiceConfig = true;
  return withOwnOptions(settings, options);
}

/** A name without a port, which servers are told as it stands. */
function isNameAlone({ path, scheme }: GrpcUri): boolean {
  return scheme === 'dns' && NAME.test(path) && isIP(path) === 0;
}

function userAgentOf(options: ChannelOptions): string {
  const { 'grpc.primary_user_agent': primary, 'grpc.secondary_user_agent': secondary } = options;
  return [primary, `grpc-node-js/${VERSION}`, secondary].filter(Boolean).join(' ');
}

// The name that the certificate must have is that of the target, whatever authority is sent.
function tlsOptions(target: GrpcUri, options: ChannelOptions): ChannelOptions {
  const { 'grpc.default_authority': authority, 'grpc.ssl_target_name_override': name } = options;
  if (!authority || name) return options;
  const { scheme } = target;
  if (scheme === 'ipv4' || scheme === 'ipv6') return { ...options, [NO_SERVER_NAME]: true };
  if (scheme !== 'dns') return options;
  const host = splitHostPort(target.path)?.host;
  if (host === undefined) return options;
  // An address has no place in SNI.
  if (isIP(host) !== 0) return { ...options, [NO_SERVER_NAME]: true };
  return { ...options, 'grpc.ssl_target_name_override': host };
}

function setLengths(settings: Settings, options: ChannelOptions): void {
  const send = lengthOf(options['grpc.max_send_message_length']);
  const receive = lengthOf(options['grpc.max_receive_message_length']);
  if (send !== undefined) settings.maxSendMessageLength = send;
  if (receive !== undefined) settings.maxReceiveMessageLength = receive;
  const window = positive(options['grpc-node.flow_control_window']);
  if (window === undefined) return;
  const bytes = Math.min(MOST_WINDOW, Math.max(LEAST_WINDOW, Math.floor(window)));
  settings.initialStreamWindow = bytes;
  settings.initialConnectionWindow = bytes;
}

/** Bytes; -1 is no limit. */
function lengthOf(given: unknown): number | undefined {
  const value = typeof given === 'string' ? Number(given) : given;
  if (typeof value !== 'number' || Number.isNaN(value)) return undefined;
  if (value < 0) return Number.POSITIVE_INFINITY;
  // None at all would be no length to Sluice; an empty message passes as it does with half a byte.
  return value === 0 ? 0.5 : value;
}

function setConnections(settings: Settings, options: ChannelOptions): void {
  const timeMs = positive(options['grpc.keepalive_time_ms']);
  if (timeMs !== undefined) {
    settings.keepalive = {
      timeMs,
      timeoutMs: positive(options['grpc.keepalive_timeout_ms']),
      permitWithoutStream: options['grpc.keepalive_permit_without_calls'] === 1,
      // Whatever was asked for; servers that find it too often say so.
      minTimeMs: Math.min(timeMs, 10_000),
    };
  }
  const initialMs = positive(options['grpc.initial_reconnect_backoff_ms']);
  const maxMs = positive(options['grpc.max_reconnect_backoff_ms']);
  if (initialMs !== undefined || maxMs !== undefined) {
    settings.backoff = {
      ...(initialMs === undefined ? undefined : { initialMs }),
      ...(maxMs === undefined ? undefined : { maxMs }),
    };
  }
  const idleMs = positive(options['grpc.client_idle_timeout_ms']);
  if (idleMs !== undefined) settings.idleTimeoutMs = Math.max(idleMs, LEAST_IDLE_TIMEOUT_MS);
  if (options['grpc.use_local_subchannel_pool'] === 1) settings.shareConnections = false;
  if (options['grpc.enable_http_proxy'] === 0 || isProxyUnusable()) settings.proxy = false;
}

// Programs pass what they find in the environment, which is text.
function positive(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && number > 0 ? number : undefined;
}
