// PRIORITY (RFC 9113 §6.3, deprecated) and the same five bytes inside HEADERS. Sluice keeps no
// priority tree and never sends these; they are checked, because a peer that gets them wrong is
// owed a stream error, and then forgotten.

import { ErrorCode } from './error-code.ts';
import { connectionFault, type FrameFault, streamFault } from './frame-fault.ts';
import { readUint31 } from './uint32.ts';

/** Bytes of stream dependency and weight (RFC 9113 §6.3). */
export const PRIORITY_LENGTH = 5;

const ON_CONNECTION = connectionFault(ErrorCode.PROTOCOL_ERROR, 'PRIORITY on stream 0');
const WRONG_LENGTH = streamFault(ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY payload is not 5 bytes');

/** A PRIORITY that names its own stream (RFC 7540 §5.3.1). */
export const PRIORITY_SELF_DEPENDENT: FrameFault = streamFault(
  ErrorCode.PROTOCOL_ERROR,
  'PRIORITY makes its stream depend on itself',
);

/** What a PRIORITY header alone gets wrong; the wrong length is a stream fault (RFC 9113 §6.3). */
export function priorityFault(streamId: number, length: number): FrameFault | undefined {
  if (streamId === 0) return ON_CONNECTION;
  return length === PRIORITY_LENGTH ? undefined : WRONG_LENGTH;
}

/**
 * Whether the dependency at `payload[at, at + 4)` names the stream itself. The exclusive bit in
 * front of it does not matter.
 */
export function dependsOnItself(payload: Buffer, at: number, streamId: number): boolean {
  return readUint31(payload, at) === streamId;
}
