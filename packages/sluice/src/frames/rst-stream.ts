// RST_STREAM (RFC 9113 §6.4): ends one stream at once. Four bytes: the error code.
// Whether the stream may be reset in its state is the transport's question.

import { ErrorCode } from './error-code.ts';
import { Flags } from './flags.ts';
import { connectionFault, type FrameFault } from './frame-fault.ts';
import { FRAME_HEADER_LENGTH, writeFrameHeader } from './frame-header.ts';
import { FrameType } from './frame-type.ts';
import { writeUint32 } from './uint32.ts';

const RST_STREAM_LENGTH = 4;

/** Bytes of a whole RST_STREAM frame. */
export const RST_STREAM_FRAME_LENGTH: number = FRAME_HEADER_LENGTH + RST_STREAM_LENGTH;

const ON_CONNECTION = connectionFault(ErrorCode.PROTOCOL_ERROR, 'RST_STREAM on stream 0');
const WRONG_LENGTH = connectionFault(
  ErrorCode.FRAME_SIZE_ERROR,
  'RST_STREAM payload is not 4 bytes',
);

/** What an RST_STREAM header alone gets wrong (RFC 9113 §6.4). */
export function rstStreamFault(streamId: number, length: number): FrameFault | undefined {
  if (streamId === 0) return ON_CONNECTION;
  return length === RST_STREAM_LENGTH ? undefined : WRONG_LENGTH;
}

/**
 * Writes RST_STREAM.
 *
 * @param out - has room for {@link RST_STREAM_FRAME_LENGTH} bytes at `at`; borrowed until return
 * @param errorCode - any uint32 (RFC 9113 §7)
 * @returns the offset behind the frame
 */
export function writeRstStream(
  out: Buffer,
  at: number,
  streamId: number,
  errorCode: number,
): number {
  at = writeFrameHeader(out, at, RST_STREAM_LENGTH, FrameType.RST_STREAM, Flags.NONE, streamId);
  return writeUint32(out, at, errorCode);
}
