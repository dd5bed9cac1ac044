// GOAWAY (RFC 9113 §6.8): the last stream the sender may act on, why, and text for people. The text
// is opaque bytes: read and written as latin1, which loses nothing and cannot fail, and cut at 1,024
// bytes both ways so that a peer cannot make us hold or log more.

import { ErrorCode } from './error-code.ts';
import { Flags } from './flags.ts';
import { connectionFault, type FrameFault } from './frame-fault.ts';
import { FRAME_HEADER_LENGTH, writeFrameHeader } from './frame-header.ts';
import { FrameType } from './frame-type.ts';
import { writeUint32 } from './uint32.ts';

/** Bytes of last stream id and error code. */
export const GO_AWAY_FIXED_LENGTH = 8;

/** Bytes of debug data kept when reading and sent when writing. */
export const MAX_DEBUG_DATA = 1024;

/** Bytes of the longest GOAWAY that {@link writeGoAway} makes, its header included. */
export const MAX_GO_AWAY_FRAME_LENGTH: number =
  FRAME_HEADER_LENGTH + GO_AWAY_FIXED_LENGTH + MAX_DEBUG_DATA;

const ON_STREAM = connectionFault(ErrorCode.PROTOCOL_ERROR, 'GOAWAY not on stream 0');
const TOO_SHORT = connectionFault(ErrorCode.FRAME_SIZE_ERROR, 'GOAWAY payload is under 8 bytes');

/** What a GOAWAY header alone gets wrong (RFC 9113 §6.8). */
export function goAwayFault(streamId: number, length: number): FrameFault | undefined {
  if (streamId !== 0) return ON_STREAM;
  return length < GO_AWAY_FIXED_LENGTH ? TOO_SHORT : undefined;
}

/**
 * Writes GOAWAY.
 *
 * @param out - has room for {@link MAX_GO_AWAY_FRAME_LENGTH} bytes at `at`, or for 17 and the debug
 *   data; borrowed until return
 * @param lastStreamId - highest stream id of the peer that was or may be acted on
 * @param errorCode - any uint32 (RFC 9113 §7)
 * @param debugData - cut at {@link MAX_DEBUG_DATA} bytes; a string is written as latin1
 * @returns the offset behind the frame
 */
export function writeGoAway(
  out: Buffer,
  at: number,
  lastStreamId: number,
  errorCode: number,
  debugData: Buffer | string,
): number {
  const debugLength = Math.min(debugData.length, MAX_DEBUG_DATA);
  const length = GO_AWAY_FIXED_LENGTH + debugLength;
  at = writeFrameHeader(out, at, length, FrameType.GOAWAY, Flags.NONE, 0);
  at = writeUint32(out, at, lastStreamId);
  at = writeUint32(out, at, errorCode);
  if (typeof debugData === 'string') out.write(debugData, at, debugLength, 'latin1');
  else debugData.copy(out, at, 0, debugLength);
  return at + debugLength;
}
