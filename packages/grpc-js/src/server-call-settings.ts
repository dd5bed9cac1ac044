// What each call of a server needs of the server's options.
// Not here: what the runtime below needs of them (server-options.ts).

import type { ChannelOptions } from './channel-options.ts';

/** What each call of a server needs of its options. */
export interface ServerCallSettings {
  /** Bytes; Infinity for no limit. */
  readonly maxSendMessageLength: number;
  /** Whether what a call's metrics recorder has goes into its trailers. */
  readonly sendsMetrics: boolean;
}

/** What each call of a server needs of them. */
export function callSettings(options: ChannelOptions): ServerCallSettings {
  return {
    maxSendMessageLength: lengthOf(options['grpc.max_send_message_length'], -1),
    sendsMetrics: Boolean(options['grpc.server_call_metric_recording']),
  };
}

/** Bytes of one message; Infinity for -1, which is no limit. */
export function lengthOf(value: unknown, byDefault: number): number {
  const length = typeof value === 'number' && Number.isFinite(value) ? value : byDefault;
  if (length < 0) return Number.POSITIVE_INFINITY;
  // The runtime takes no limit of 0; less than a byte is the same.
  return length === 0 ? 0.5 : length;
}
