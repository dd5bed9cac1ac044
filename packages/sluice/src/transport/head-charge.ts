// What the HEADERS of a request are charged while they wait, in bytes of the client's accounts.
// Invariant: the same wherever a call waits, in a channel's line or in a connection's queue.

import type { HeaderFields } from '../hpack/header-fields.ts';

// A HEADERS frame in the queue is charged its path and fields and this many bytes for the rest.
const HEAD_CHARGE = 128;

/** Bytes that a call's metadata is charged with, wherever the call waits. */
export function metadataCharge(fields: HeaderFields): number {
  let bytes = 0;
  for (let i = 0; i < fields.length; i += 1) bytes += (fields[i] ?? '').length + 16;
  return bytes;
}

/** Bytes that a call's HEADERS are charged with while they are queued. */
export function headCharge(path: string, metadataBytes: number): number {
  return HEAD_CHARGE + path.length + metadataBytes;
}
