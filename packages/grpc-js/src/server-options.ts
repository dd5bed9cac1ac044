// Options of a server in the terms of the runtime.
// Invariant: no value but one of `sluice.options` makes the runtime throw: what it cannot use counts as
// not given, as unknown keys do. Limits are wide: programs that lean on patience without end still run,
// and a flood ends.
// Not here: options of channels (sluice-options.ts), TLS (server-tls.ts).

import type { ServerOptions as RuntimeOptions } from 'sluice';
import type { ChannelOptions } from './channel-options.ts';
import { CompressionAlgorithms } from './compression-algorithms.ts';
import { DEFAULT_MAX_RECEIVE_MESSAGE_LENGTH } from './constants.ts';
import { withOwnOptions } from './own-options.ts';
import { lengthOf } from './server-call-settings.ts';

/** Handlers that one connection may have running; past it RESOURCE_EXHAUSTED. */
const MAX_HANDLERS = 100_000;

/** Bytes that one connection may have waiting to be written. */
const MAX_QUEUED_BYTES: number = 256 * 1024 * 1024;

/** Bytes of request headers: what Node's own servers take. */
const MAX_HEADER_LIST = 65_535;

/** The largest time that the original can wait for; it and all above it mean "never". */
const LONGEST_MS = 2 ** 31 - 1;

/** The smallest window and the largest, bytes. */
const SMALLEST_WINDOW: number = 16 * 1024;
const LARGEST_WINDOW: number = 2 ** 31 - 1;

/** The runtime's options. @throws TypeError or RangeError, as the server is made, for `sluice.options` */
export function runtimeOptions(options: ChannelOptions): RuntimeOptions {
  return withOwnOptions(settingsOf(options), options);
}

function settingsOf(options: ChannelOptions): RuntimeOptions {
  const window = windowOf(options['grpc-node.flow_control_window']);
  const compress = encodingOf(options['grpc.default_compression_algorithm']);
  return {
    limits: {
      streams: countOf(options['grpc.max_concurrent_streams']),
      handlers: MAX_HANDLERS,
      queuedBytes: MAX_QUEUED_BYTES,
      // Less would end the number of calls before that of their handlers does.
      exposureBytes: MAX_HANDLERS * SMALLEST_WINDOW,
    },
    maxReceiveMessageLength: lengthOf(
      options['grpc.max_receive_message_length'],
      DEFAULT_MAX_RECEIVE_MESSAGE_LENGTH,
    ),
    maxHeaderListBytes: MAX_HEADER_LIST,
    keepalive: {
      timeMs: timeOf(options['grpc.keepalive_time_ms'], Number.POSITIVE_INFINITY),
      minTimeMs: 1,
      timeoutMs: timeOf(options['grpc.keepalive_timeout_ms'], undefined),
      maxIdleMs: timeOf(options['grpc.max_connection_idle_ms'], undefined),
      maxAgeMs: timeOf(options['grpc.max_connection_age_ms'], undefined),
      maxAgeGraceMs: timeOf(options['grpc.max_connection_age_grace_ms'], undefined),
    },
    // Clients may ping as often as they like: the original counts no strikes.
    minPingIntervalMs: 0,
    permitPingsWithoutStream: true,
    ...(window === undefined
      ? {}
      : { initialStreamWindow: window, initialConnectionWindow: window }),
    ...(compress === undefined ? {} : { compress }),
    onHandlerError: rethrow,
  };
}

// What a handler's stream or callback throws belongs to nobody but the process. The runtime throws it
// again where the process hears of it.
function rethrow(error: unknown): void {
  throw error;
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1
    ? value
    : Number.POSITIVE_INFINITY;
}

// Programs pass what they find in the environment, which is text.
function timeOf<D>(given: unknown, byDefault: D): number | D {
  const value = typeof given === 'string' ? Number(given) : given;
  if (typeof value !== 'number' || !(value > 0)) return byDefault;
  return value >= LONGEST_MS ? Number.POSITIVE_INFINITY : value;
}

function windowOf(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isInteger(value) || value <= 0) return undefined;
  return Math.min(Math.max(value, SMALLEST_WINDOW), LARGEST_WINDOW);
}

function encodingOf(value: unknown): string | undefined {
  if (value === CompressionAlgorithms.gzip) return 'gzip';
  return value === CompressionAlgorithms.deflate ? 'deflate' : undefined;
}
