// Remembers decoded blocks by their bytes, for peers that send the same request again and again.
// Invariant: what is held was decoded at `generation` of the decoder's table and changed nothing
// there, so the same bytes mean the same list; when the generation moves on all of it is dropped,
// which also frees the strings of evicted fields. At most 64 blocks of at most 256 bytes.
// Not here: whether a block may be remembered (decoder.ts).

import type { HeaderBlock } from './header-block.ts';

/** Longest block, in bytes, worth looking up: past it hashing costs too much of what it saves. */
export const MAX_CACHED_BYTES: number = 256;

// A power of two, because slots are found by masking.
const SLOTS = 64;

/** The bytes of a block and what they decode to. */
interface Entry {
  readonly bytes: Uint8Array;
  readonly block: HeaderBlock;
}

/** A direct-mapped cache of header blocks; `offer` belongs to the `find` just before it. */
export class BlockCache {
  private generation: number;
  private held: number;
  private hash: number;
  private readonly entries: (Entry | undefined)[];
  /** Hash of the last block that missed, by slot: one seen only once is not worth a copy. */
  private readonly missed: Int32Array;

  constructor() {
    this.generation = 0;
    this.held = 0;
    this.hash = 0;
    this.entries = new Array<Entry | undefined>(SLOTS).fill(undefined);
    this.missed = new Int32Array(SLOTS);
  }

  /** The block these bytes decoded to at this generation, if it is held. Allocates nothing. */
  find(buf: Buffer, start: number, end: number, generation: number): HeaderBlock | undefined {
    let hash = end - start;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ (buf[i] ?? 0), 0x01000193);
    this.hash = hash;
    if (this.generation !== generation) {
      this.drop(generation);
      return undefined;
    }
    const entry = this.entries[(hash >>> 16) & (SLOTS - 1)];
    if (entry === undefined) return undefined;
    const bytes = entry.bytes;
    if (bytes.length !== end - start) return undefined;
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== buf[start + i]) return undefined;
    }
    return entry.block;
  }

  /** Takes what the bytes last looked for decoded to; keeps it if they came for a second time. */
  offer(buf: Buffer, start: number, end: number, block: HeaderBlock): void {
    const slot = (this.hash >>> 16) & (SLOTS - 1);
    if (this.missed[slot] !== this.hash) {
      this.missed[slot] = this.hash;
      return;
    }
    if (this.entries[slot] === undefined) this.held++;
    this.entries[slot] = { bytes: new Uint8Array(buf.subarray(start, end)), block };
  }

  private drop(generation: number): void {
    this.generation = generation;
    if (this.held === 0) return;
    this.entries.fill(undefined);
    this.held = 0;
  }
}
