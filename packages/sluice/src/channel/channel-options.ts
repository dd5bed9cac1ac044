// The settings of a channel, and the check of those that a type cannot hold to their range.
// Not here: targets (target.ts), limits (transport/limits.ts).

import type { KeepaliveOptions } from '../transport/client-keepalive.ts';
import type { ClientTlsOptions } from '../transport/connector.ts';
import type { ClientLimits } from '../transport/limits.ts';
import { checkHeaderList, checkPositive, checkTimes } from '../transport/option-checks.ts';
import type { BackoffOptions } from './backoff.ts';

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
  /** Bytes, the first window of each stream; default 65,535. BDP grows it from there. */
  readonly initialStreamWindow?: number;
  /** Bytes, the first window of the connection; default 65,535. BDP grows it from there. */
  readonly initialConnectionWindow?: number;
  /** Windows stay as they start: turns the BDP estimator off; default false. */
  readonly staticWindows?: boolean;
  /** Bytes of one received message; default 4 MiB. */
  readonly maxReceiveMessageLength?: number;
  /** Bytes of response headers, at most 65,536; default 16 KiB. */
  readonly maxHeaderListBytes?: number;
  /** Milliseconds for a connection attempt, handshakes included; default 20,000. */
  readonly connectTimeoutMs?: number;
  /** Keepalive pings; off by default. */
  readonly keepalive?: KeepaliveOptions;
  /** Waits between connection attempts. */
  readonly backoff?: BackoffOptions;
}

/** @throws RangeError that names the option and its value */
export function checkOptions(options: ChannelOptions): void {
  const policy = options.admissionPolicy ?? 'wait';
  if (policy !== 'wait' && policy !== 'fail') {
    throw new RangeError(`admissionPolicy is ${String(policy)}; it must be wait or fail`);
  }
  checkPositive('connectTimeoutMs', options.connectTimeoutMs, 'ms');
  checkPositive('maxReceiveMessageLength', options.maxReceiveMessageLength, 'bytes');
  checkHeaderList('maxHeaderListBytes', options.maxHeaderListBytes);
  checkTimes('keepalive', options.keepalive);
  checkTimes('backoff', options.backoff);
}
