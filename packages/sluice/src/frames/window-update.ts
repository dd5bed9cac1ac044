// WINDOW_UPDATE (RFC 9113 §6.9): gives back credit, for a stream or, on stream 0, for the
// connection. Whether the sum overflows the window (RFC 9113 §6.9.1) is known only to flow control.

import { ErrorCode } from './error-code.ts';
import { Flags } from './flags.ts';
import { connectionFault, type FrameFault, streamFault } from './frame-fault.ts';
import { FRAME_HEADER_LENGTH, writeFrameHeader } from './frame-header.ts';
import { FrameType } from './frame-type.ts';
import { writeUint32 } from './uint32.ts';

const WINDOW_UPDATE_LENGTH = 4;

/** Bytes of a whole WINDOW_UPDATE frame. */
export const WINDOW_UPDATE_FRAME_LENGTH: number = FRAME_HEADER_LENGTH + WINDOW_UPDATE_LENGTH;

const WRONG_LENGTH = connectionFault(
  ErrorCode.FRAME_SIZE_ERROR,
  'WINDOW_UPDATE payload is not 4 bytes',
);
const ZERO_ON_CONNECTION = connectionFault(
  ErrorCode.PROTOCOL_ERROR,
  'WINDOW_UPDATE of 0 on stream 0',
);
const ZERO_ON_STREAM = streamFault(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');

/** What a WINDOW_UPDATE header alone gets wrong (RFC 9113 §6.9). */
export function windowUpdateFault(length: number): FrameFault | undefined {
  return length === WINDOW_UPDATE_LENGTH ? undefined : WRONG_LENGTH;
}

/** The fault of an increment of 0: it reaches as far as the window it was meant for. */
export function zeroIncrementFault(streamId: number): FrameFault {
  return streamId === 0 ? ZERO_ON_CONNECTION : ZERO_ON_STREAM;
}

/**
 * Writes WINDOW_UPDATE.
 *
 * @param out - has room for {@link WINDOW_UPDATE_FRAME_LENGTH} bytes at `at`; borrowed until return
 * @param streamId - 0 for the connection
 * @param increment - 1 to 2^31 - 1 bytes
 * @returns the offset behind the frame
 */
export function writeWindowUpdate(
  out: Buffer,
  at: number,
  streamId: number,
  increment: number,
): number {
  at = writeFrameHeader(
    out,
    at,
    WINDOW_UPDATE_LENGTH,
    FrameType.WINDOW_UPDATE,
    Flags.NONE,
    streamId,
  );
  return writeUint32(out, at, increment);
}
