// The settings of a server, and the check of those that a type cannot hold to their range.
// Not here: limits (transport/limits.ts).

import { sendingCodec } from '../grpc/compression-names.ts';
import { systemClock } from '../transport/clock.ts';
import type { ServerLimits } from '../transport/limits.ts';
import type { ServerTlsOptions } from '../transport/listener.ts';
import { eventLoopIdleMs } from '../transport/loop-stalls.ts';
import {
  checkHeaderList,
  checkInterceptors,
  checkPositive,
  checkTimes,
} from '../transport/option-checks.ts';
import { checkNames, type OptionNames } from '../transport/option-names.ts';
import type { ServerKeepaliveOptions } from '../transport/server-keepalive.ts';
import { checkServerTls } from '../transport/tls-settings.ts';
import type { Shedding } from './handler-load.ts';
import type { ServerInterceptor } from './interceptor.ts';
import { QueueDelay, type QueueDelayOptions } from './queue-delay.ts';

/** Settings of a server. */
export interface ServerOptions {
  /** TLS settings of listeners that are given none of their own; plain text by default. */
  readonly tls?: ServerTlsOptions;
  /** Limits to change; see `limits` for units, defaults and reasons. */
  readonly limits?: Partial<ServerLimits>;
  /** Bytes, the first window of each stream; default 65,535. BDP grows it from there. */
  readonly initialStreamWindow?: number;
  /** Bytes, the first window of a connection; default 65,535. BDP grows it from there. */
  readonly initialConnectionWindow?: number;
  /** Windows stay as they start: turns the BDP estimator off; default false. */
  readonly staticWindows?: boolean;
  /** Bytes of one received message; default 4 MiB. */
  readonly maxReceiveMessageLength?: number;
  /** Bytes of one message sent; default no limit. */
  readonly maxSendMessageLength?: number;
  /** Encoding of responses ("gzip"), for clients that take it; default none. */
  readonly compress?: string;
  /**
   * Run around every handler, callback handlers and the fallback included; the first is the
   * outermost. Default none.
   */
  readonly interceptors?: readonly ServerInterceptor[];
  /**
   * Asked about each call that has a handler when its headers are here, before a message is read:
   * the error it answers ends the call. Must be quick. Default none.
   */
  readonly shed?: Shedding;
  /**
   * Sheds calls once those that are taken wait too long here, for the event loop or inside unary
   * handlers: RESOURCE_EXHAUSTED by the name `queue-delay`, with `grpc-retry-pushback-ms` (gRFC A6).
   * Default false. Decided before `shed` is asked; health checks are never shed.
   */
  readonly shedQueueDelay?: boolean | QueueDelayOptions;
  /** Bytes of request headers, at most 65,536; default 16 KiB. */
  readonly maxHeaderListBytes?: number;
  /** Pings of ours, idle and age limits; defaults 2 h, 20 s, none. */
  readonly keepalive?: ServerKeepaliveOptions;
  /**
   * Milliseconds between pings of a client with open streams below which it earns a strike; default
   * 5 min; 0: no ping does.
   */
  readonly minPingIntervalMs?: number;
  /** Clients may ping without open streams at the same interval; default false: every 2 h. */
  readonly permitPingsWithoutStream?: boolean;
  /** Hears of errors that handlers throw and clients only see as INTERNAL; default console.error. */
  readonly onHandlerError?: (error: unknown, path: string) => void;
}

const NAMES: OptionNames<ServerOptions> = {
  tls: true,
  limits: true,
  initialStreamWindow: true,
  initialConnectionWindow: true,
  staticWindows: true,
  maxReceiveMessageLength: true,
  maxSendMessageLength: true,
  compress: true,
  interceptors: true,
  shed: true,
  shedQueueDelay: true,
  maxHeaderListBytes: true,
  keepalive: true,
  minPingIntervalMs: true,
  permitPingsWithoutStream: true,
  onHandlerError: true,
};

const QUEUE_DELAY_NAMES: OptionNames<QueueDelayOptions> = {
  targetMs: true,
  intervalMs: true,
  pushbackMs: true,
};

const KEEPALIVE_NAMES: OptionNames<ServerKeepaliveOptions> = {
  timeMs: true,
  timeoutMs: true,
  maxIdleMs: true,
  maxAgeMs: true,
  maxAgeGraceMs: true,
  minTimeMs: true,
};

/** @throws RangeError that names the option and its value; TypeError for what is no option */
export function checkOptions(options: ServerOptions): void {
  checkNames('createServer', options, NAMES);
  checkServerTls(options.tls);
  checkInterceptors(options.interceptors);
  checkPositive('maxReceiveMessageLength', options.maxReceiveMessageLength, 'bytes');
  checkPositive('maxSendMessageLength', options.maxSendMessageLength, 'bytes');
  // Throws for an encoding that is not known.
  if (options.compress !== undefined) sendingCodec(options.compress);
  if (typeof options.shedQueueDelay !== 'boolean') {
    checkTimes('shedQueueDelay', options.shedQueueDelay, QUEUE_DELAY_NAMES);
  }
  checkHeaderList('maxHeaderListBytes', options.maxHeaderListBytes);
  // C-core's `grpc.http2.max_ping_strikes` of 0 says the same: a proxy may ping as it likes.
  if (options.minPingIntervalMs !== 0) {
    checkPositive('minPingIntervalMs', options.minPingIntervalMs, 'ms');
  }
  checkTimes('keepalive', options.keepalive, KEEPALIVE_NAMES);
}

/** The shedding that a server's option asks for. */
export function queueDelayOf(
  option: boolean | QueueDelayOptions | undefined,
): QueueDelay | undefined {
  if (option === undefined || option === false) return undefined;
  return new QueueDelay(option === true ? {} : option, {
    clock: systemClock,
    idle: eventLoopIdleMs,
    random: Math.random,
  });
}
