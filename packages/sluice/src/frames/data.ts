// DATA (RFC 9113 §6.1): a stream's bytes, the only frame that flow control counts, padding
// included. The writer makes the header alone; the payload is copied or put behind it by loopy.
// The payload is passed on by the reader as it arrives and is never gathered here.

import { ErrorCode } from './error-code.ts';
import { Flags } from './flags.ts';
import { connectionFault, type FrameFault } from './frame-fault.ts';
import { writeFrameHeader } from './frame-header.ts';
import { FrameType } from './frame-type.ts';

const ON_CONNECTION = connectionFault(ErrorCode.PROTOCOL_ERROR, 'DATA on stream 0');
const NO_PAD_LENGTH = connectionFault(
  ErrorCode.FRAME_SIZE_ERROR,
  'padded DATA too short for its pad length',
);

/** Padding that leaves no room for itself (RFC 9113 §6.1). */
export const DATA_OVERPADDED: FrameFault = connectionFault(
  ErrorCode.PROTOCOL_ERROR,
  'DATA padding is as long as its payload',
);

/** What a DATA header alone gets wrong (RFC 9113 §6.1). */
export function dataFault(streamId: number, flags: number, length: number): FrameFault | undefined {
  if (streamId === 0) return ON_CONNECTION;
  if (length === 0 && (flags & Flags.PADDED) !== 0) return NO_PAD_LENGTH;
  return undefined;
}

/**
 * Writes the header of an unpadded DATA frame.
 *
 * @param out - has room for 9 bytes at `at`; borrowed until return
 * @param length - payload bytes that the caller puts behind it
 * @returns the offset where the payload belongs
 */
export function writeDataHeader(
  out: Buffer,
  at: number,
  streamId: number,
  endStream: boolean,
  length: number,
): number {
  const flags = endStream ? Flags.END_STREAM : Flags.NONE;
  return writeFrameHeader(out, at, length, FrameType.DATA, flags, streamId);
}
