// PING (RFC 9113 §6.7): eight opaque bytes that the peer sends back. They are passed as two uint32,
// so that neither reading nor answering one allocates.

import { ErrorCode } from './error-code.ts';
import { Flags } from './flags.ts';
import { connectionFault, type FrameFault } from './frame-fault.ts';
import { FRAME_HEADER_LENGTH, writeFrameHeader } from './frame-header.ts';
import { FrameType } from './frame-type.ts';
import { writeUint32 } from './uint32.ts';

const PING_LENGTH = 8;

/** Bytes of a whole PING frame. */
export const PING_FRAME_LENGTH: number = FRAME_HEADER_LENGTH + PING_LENGTH;

const ON_STREAM = connectionFault(ErrorCode.PROTOCOL_ERROR, 'PING not on stream 0');
const WRONG_LENGTH = connectionFault(ErrorCode.FRAME_SIZE_ERROR, 'PING payload is not 8 bytes');

/** What a PING header alone gets wrong (RFC 9113 §6.7). */
export function pingFault(streamId: number, length: number): FrameFault | undefined {
  if (streamId !== 0) return ON_STREAM;
  return length === PING_LENGTH ? undefined : WRONG_LENGTH;
}

/**
 * Writes PING.
 *
 * @param out - has room for {@link PING_FRAME_LENGTH} bytes at `at`; borrowed until return
 * @param ack - an answer; then `high` and `low` are the peer's
 * @param high - the first four payload bytes, a uint32
 * @param low - the last four payload bytes, a uint32
 * @returns the offset behind the frame
 */
export function writePing(
  out: Buffer,
  at: number,
  ack: boolean,
  high: number,
  low: number,
): number {
  const flags = ack ? Flags.ACK : Flags.NONE;
  at = writeFrameHeader(out, at, PING_LENGTH, FrameType.PING, flags, 0);
  return writeUint32(out, writeUint32(out, at, high), low);
}
