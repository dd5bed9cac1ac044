// PUSH_PROMISE (RFC 9113 §6.6). gRPC has no use for push: a Sluice client sends ENABLE_PUSH 0, and
// a server must refuse it anyway (RFC 9113 §8.4). Only the header is checked; the payload, with a
// field block that hpack never sees, is skipped, so the connection cannot go on after one.

import { ErrorCode } from './error-code.ts';
import { Flags } from './flags.ts';
import { connectionFault, type FrameFault } from './frame-fault.ts';

const PROMISED_STREAM_ID_LENGTH = 4;

const ON_CONNECTION = connectionFault(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE on stream 0');
const TOO_SHORT = connectionFault(
  ErrorCode.FRAME_SIZE_ERROR,
  'PUSH_PROMISE too short for its promised stream id',
);

/** What a PUSH_PROMISE header alone gets wrong (RFC 9113 §6.6). */
export function pushPromiseFault(
  streamId: number,
  flags: number,
  length: number,
): FrameFault | undefined {
  if (streamId === 0) return ON_CONNECTION;
  const padLength = (flags & Flags.PADDED) !== 0 ? 1 : 0;
  return length < PROMISED_STREAM_ID_LENGTH + padLength ? TOO_SHORT : undefined;
}
