// One message on its way into DATA frames: the 5-byte prefix and the payload, which is not copied
// until a frame of it is written.
// Invariant: `written` counts prefix and payload together; the payload is the stream's from `send`
// on and must not change. gRPC PROTOCOL-HTTP2.md "Length-Prefixed-Message".

import { MESSAGE_PREFIX_LENGTH, writeMessagePrefix } from '../grpc/message-framing.ts';

const NO_PAYLOAD: Uint8Array = new Uint8Array(0);

/** For `DataItem.flag`: the payload goes out as it is, no message of gRPC. */
export const NO_PREFIX = -1;

export class DataItem {
  next: DataItem | undefined;
  readonly payload: Uint8Array;
  /** Compressed flag of the prefix, 0 or 1; or NO_PREFIX. */
  readonly flag: number;
  readonly endStream: boolean;
  /** Bytes written of prefix and payload together. */
  written: number;
  /** When it was queued, ms. */
  queuedAt: number;
  /** Length of prefix and payload together. */
  readonly length: number;

  constructor(payload: Uint8Array, flag: number, endStream: boolean) {
    this.next = undefined;
    this.payload = payload;
    this.flag = flag;
    this.endStream = endStream;
    this.written = 0;
    this.queuedAt = 0;
    this.length = payload.length + (flag === NO_PREFIX ? 0 : MESSAGE_PREFIX_LENGTH);
  }
}

/** The bare end of a stream: END_STREAM on an empty DATA frame. */
export function endOfStream(): DataItem {
  return new DataItem(NO_PAYLOAD, NO_PREFIX, true);
}

/** Writes the next `size` bytes of the item at `out[at...]`; `written` is the caller's to raise. */
export function writeItemBytes(item: DataItem, size: number, out: Buffer, at: number): number {
  const prefix = item.flag === NO_PREFIX ? 0 : MESSAGE_PREFIX_LENGTH;
  let left = size;
  if (left > 0 && item.written < prefix) {
    const end = writePrefixPart(item, left, out, at);
    left -= end - at;
    at = end;
  }
  if (left === 0) return at;
  const from = Math.max(0, item.written - prefix);
  copyBytes(item.payload, from, from + left, out, at);
  return at + left;
}

// A stream window can end inside the prefix.
function writePrefixPart(item: DataItem, room: number, out: Buffer, at: number): number {
  if (item.written === 0 && room >= MESSAGE_PREFIX_LENGTH) {
    return writeMessagePrefix(out, at, item.flag, item.payload.length);
  }
  const prefix = Buffer.allocUnsafe(MESSAGE_PREFIX_LENGTH);
  writeMessagePrefix(prefix, 0, item.flag, item.payload.length);
  const end = Math.min(MESSAGE_PREFIX_LENGTH, item.written + room);
  prefix.copy(out, at, item.written, end);
  return at + end - item.written;
}

// Below this many bytes a loop is cheaper than the call into the runtime's copy.
const LOOP_COPY = 32;

function copyBytes(from: Uint8Array, start: number, end: number, out: Buffer, at: number): void {
  if (end - start <= LOOP_COPY) {
    for (let i = start; i < end; i += 1, at += 1) out[at] = from[i] ?? 0;
    return;
  }
  out.set(start === 0 && end === from.length ? from : from.subarray(start, end), at);
}
