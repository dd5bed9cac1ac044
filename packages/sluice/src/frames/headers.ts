// HEADERS (RFC 9113 §6.2): opens a stream or ends it, and carries a field block. The writer wraps a
// block that the encoder has put nine bytes behind `at`, so that the common case copies nothing;
// longer blocks go on in CONTINUATION (RFC 9113 §6.10). What the block says is hpack's business.

import { ErrorCode } from './error-code.ts';
import { Flags } from './flags.ts';
import { connectionFault, type FrameFault, streamFault } from './frame-fault.ts';
import { FRAME_HEADER_LENGTH, writeFrameHeader } from './frame-header.ts';
import { FrameType } from './frame-type.ts';
import { PRIORITY_LENGTH } from './priority.ts';

const ON_CONNECTION = connectionFault(ErrorCode.PROTOCOL_ERROR, 'HEADERS on stream 0');
const TOO_SHORT = connectionFault(
  ErrorCode.FRAME_SIZE_ERROR,
  'HEADERS too short for its pad length or priority',
);

/** Padding longer than what is left for it (RFC 9113 §6.2). */
export const HEADERS_OVERPADDED: FrameFault = connectionFault(
  ErrorCode.PROTOCOL_ERROR,
  'HEADERS padding is longer than its payload',
);

/** HEADERS whose priority names its own stream (RFC 7540 §5.3.1). */
export const HEADERS_SELF_DEPENDENT: FrameFault = streamFault(
  ErrorCode.PROTOCOL_ERROR,
  'HEADERS makes its stream depend on itself',
);

/** Bytes in front of the field block: the pad length and the priority, each if its flag is set. */
export function headersPrefixLength(flags: number): number {
  return (
    ((flags & Flags.PADDED) !== 0 ? 1 : 0) + ((flags & Flags.PRIORITY) !== 0 ? PRIORITY_LENGTH : 0)
  );
}

/** What a HEADERS header alone gets wrong (RFC 9113 §6.2). */
export function headersFault(
  streamId: number,
  flags: number,
  length: number,
): FrameFault | undefined {
  if (streamId === 0) return ON_CONNECTION;
  if (length < headersPrefixLength(flags)) return TOO_SHORT;
  return undefined;
}

/**
 * Bytes of frame headers that a block needs, the nine in front of it included.
 *
 * @param blockLength - bytes of the field block
 * @param maxFrameSize - the peer's MAX_FRAME_SIZE, in bytes
 */
export function headersOverhead(blockLength: number, maxFrameSize: number): number {
  return blockLength <= maxFrameSize
    ? FRAME_HEADER_LENGTH
    : FRAME_HEADER_LENGTH * Math.ceil(blockLength / maxFrameSize);
}

/**
 * Makes HEADERS, and CONTINUATION where it is needed, of a field block that lies at
 * `out[at + 9, at + 9 + blockLength)`. A block of one frame only gets the nine bytes at `at`; the
 * parts of a longer one are moved apart, last part first so that none is overwritten.
 *
 * @param out - has `blockLength + headersOverhead(blockLength, maxFrameSize)` bytes at `at`;
 *   borrowed until return
 * @param maxFrameSize - the peer's MAX_FRAME_SIZE, in bytes
 * @returns the offset behind the last frame
 */
export function sealHeaders(
  out: Buffer,
  at: number,
  streamId: number,
  endStream: boolean,
  blockLength: number,
  maxFrameSize: number,
): number {
  const endFlag = endStream ? Flags.END_STREAM : Flags.NONE;
  if (blockLength <= maxFrameSize) {
    const flags = endFlag | Flags.END_HEADERS;
    return writeFrameHeader(out, at, blockLength, FrameType.HEADERS, flags, streamId) + blockLength;
  }
  const block = at + FRAME_HEADER_LENGTH;
  const last = Math.ceil(blockLength / maxFrameSize) - 1;
  let end = 0;
  for (let part = last; part > 0; part--) {
    const from = block + part * maxFrameSize;
    const length = part === last ? blockLength - part * maxFrameSize : maxFrameSize;
    const to = from + part * FRAME_HEADER_LENGTH;
    out.copyWithin(to, from, from + length);
    const flags = part === last ? Flags.END_HEADERS : Flags.NONE;
    const header = to - FRAME_HEADER_LENGTH;
    writeFrameHeader(out, header, length, FrameType.CONTINUATION, flags, streamId);
    if (part === last) end = to + length;
  }
  writeFrameHeader(out, at, maxFrameSize, FrameType.HEADERS, endFlag, streamId);
  return end;
}
