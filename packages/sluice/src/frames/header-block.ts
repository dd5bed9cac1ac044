// The field block that a reader is gathering (RFC 9113 §4.3), when it lies in more than one chunk or
// frame. Its bytes grow as they arrive, never by what a length field claims, and at most to `limit`;
// what grew past KEPT is let go afterwards. The reader asks about a fragment before it appends it.

import {
  BLOCK_TOO_LARGE,
  CONTINUATION_UNEXPECTED,
  TOO_MANY_CONTINUATIONS,
} from './continuation.ts';
import type { FrameFault } from './frame-fault.ts';

const NO_BYTES: Buffer = Buffer.alloc(0);

/** Bytes of the first allocation: most blocks are smaller. */
const FIRST = 1024;

/** Bytes kept for the next block; more is rare and would be held by every idle connection. */
const KEPT = 16_384;

/** A field block under way; `streamId` 0 means that none is. */
export class HeaderBlock {
  /** Most bytes a block may have. */
  readonly limit: number;
  private readonly maxContinuations: number;
  bytes: Buffer;
  length: number;
  streamId: number;
  /** Those of the HEADERS frame. */
  flags: number;
  /** Its priority names its own stream: a stream fault once the block has been decoded. */
  selfDependent: boolean;
  /** CONTINUATION frames so far. */
  continuations: number;

  constructor(limit: number, maxContinuations: number) {
    this.limit = limit;
    this.maxContinuations = maxContinuations;
    this.bytes = NO_BYTES;
    this.length = 0;
    this.streamId = 0;
    this.flags = 0;
    this.selfDependent = false;
    this.continuations = 0;
  }

  open(streamId: number, flags: number): void {
    this.length = 0;
    this.streamId = streamId;
    this.flags = flags;
    this.selfDependent = false;
    this.continuations = 0;
  }

  /** Counts a CONTINUATION of `length` bytes, or tells why it may not go on the block. */
  continuationFault(streamId: number, length: number): FrameFault | undefined {
    if (this.streamId === 0 || this.streamId !== streamId) return CONTINUATION_UNEXPECTED;
    if (++this.continuations > this.maxContinuations) return TOO_MANY_CONTINUATIONS;
    return this.length + length > this.limit ? BLOCK_TOO_LARGE : undefined;
  }

  /** Copies `chunk[start, end)` behind the block, which has room for it under its limit. */
  append(chunk: Buffer, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.bytes.length) {
      const doubled = Math.max(length, this.bytes.length * 2, FIRST);
      const grown = Buffer.allocUnsafeSlow(Math.min(doubled, this.limit));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    chunk.copy(this.bytes, this.length, start, end);
    this.length = length;
  }

  /** No block is open any more; its bytes stay readable until the next `append`. */
  close(): void {
    this.streamId = 0;
  }

  /** Gives back what is more than an idle connection should hold. */
  trim(): void {
    if (this.bytes.length > KEPT) this.bytes = NO_BYTES;
  }
}
