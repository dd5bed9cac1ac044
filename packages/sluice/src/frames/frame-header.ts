// The nine bytes in front of every frame (RFC 9113 §4.1): length (24 bits), type, flags, and a
// reserved bit with the stream id (31 bits). The reader takes them apart where it stands, because
// the nine bytes may lie across two chunks; here are their sizes and the writer.

import { ErrorCode } from './error-code.ts';
import { connectionFault, type FrameFault } from './frame-fault.ts';
import { writeUint32 } from './uint32.ts';

/** Bytes of a frame header (RFC 9113 §4.1). */
export const FRAME_HEADER_LENGTH = 9;

/** Largest payload a peer may send before it has seen our MAX_FRAME_SIZE, in bytes (RFC 9113 §4.2). */
export const DEFAULT_MAX_FRAME_SIZE = 16_384;

/** Largest value MAX_FRAME_SIZE may take, in bytes (RFC 9113 §6.5.2). */
export const MAX_MAX_FRAME_SIZE = 0xff_ffff;

/** Largest stream id, window and window increment: 2^31 - 1 (RFC 9113 §5.1.1, §6.9). */
export const MAX_UINT31 = 0x7fff_ffff;

/**
 * A payload longer than our MAX_FRAME_SIZE. RFC 9113 §4.2 asks for the connection where the frame
 * changes its state and allows it elsewhere; a peer that ignores this limit is not worth the rest.
 */
export const FRAME_TOO_LARGE: FrameFault = connectionFault(
  ErrorCode.FRAME_SIZE_ERROR,
  'frame larger than MAX_FRAME_SIZE',
);

/**
 * Writes a frame header.
 *
 * @param out - has room for {@link FRAME_HEADER_LENGTH} bytes at `at`; borrowed until return
 * @param at - offset of the first byte
 * @param length - payload bytes, below 2^24
 * @returns the offset behind the header
 */
export function writeFrameHeader(
  out: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = flags;
  return writeUint32(out, at + 5, streamId);
}
