// Encodes header blocks for one direction of one connection.
// Invariants: the table is changed in the order the peer will read the bytes, so blocks must reach
// the wire in the order they were begun, whole; every byte written depends only on the static
// table and on the dynamic table at `generation`, which is what makes cached segments valid.
// Spec: RFC 7541 §4.2, §6. Not here: framing, and which fields a request has.

import { INITIAL_TABLE_SIZE } from './dynamic-table.ts';
import { FieldIndex } from './field-index.ts';
import { fieldSize, type HeaderFields } from './header-fields.ts';
import { MAX_INTEGER_BYTES, writeInteger } from './integer.ts';
import { RecentFields } from './recent-fields.ts';
import {
  INCREMENTAL,
  INCREMENTAL_MASK,
  INDEXED,
  INDEXED_MASK,
  LITERAL_MASK,
  NEVER_INDEXED,
  SIZE_UPDATE,
  SIZE_UPDATE_MASK,
  WITHOUT_INDEXING,
} from './representation.ts';
import { writeName, writeString } from './string-literal.ts';

// What an integer of `MAX_INTEGER_BYTES` can tell in a size update, in octets.
const MAX_TABLE_SIZE = 0x0fff_ffff;

// Encodings of one segment that may evict other fields. Past it the segment only fills free room:
// else the segments of more methods than the table holds would evict one another for ever, and
// none would stay cached.
const EVICTING_ENCODINGS = 2;

// Up to this length a loop beats the call into C++ that `TypedArray.set` is.
const SHORT_COPY = 12;

// A field costs at most three integers (index, two lengths) and its octets.
const FIELD_BOUND = 3 * MAX_INTEGER_BYTES;

const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Fields that recur together, such as a method's constant request headers; one encoder's own. */
export class HeaderSegment {
  readonly fields: HeaderFields;
  /** The encoder whose table `bytes` refers to. */
  readonly owner: HpackEncoder;
  /** The encoding at `generation`. */
  bytes: Uint8Array;
  /** Generation of the encoder at which `bytes` is valid; -1 while there is none. */
  generation: number;
  /** Encodings left that may evict other fields. */
  evictions: number;

  constructor(owner: HpackEncoder, fields: HeaderFields) {
    this.fields = fields;
    this.owner = owner;
    this.bytes = NO_BYTES;
    this.generation = -1;
    this.evictions = EVICTING_ENCODINGS;
  }
}

/**
 * An HPACK encoder. A block is `beginBlock`, then any of the write methods, each taking the offset
 * the one before returned. `out` is borrowed until return and has room for `bound` of the fields.
 */
export class HpackEncoder {
  /** Changes when a field is inserted or evicted or the table resized, and on nothing else. */
  generation: number;
  private readonly index: FieldIndex;
  private readonly recent: RecentFields;
  private readonly maxTableSize: number;
  private readonly huffman: boolean;
  private resized: boolean;
  /** The lowest capacity since the last block, which the next must signal first (RFC 7541 §4.2). */
  private lowestSize: number;

  /**
   * @param maxTableSize our own cap on the table's memory, in octets of RFC 7541 §4.1; default 4096.
   * @param huffman false sends every string as it is: more bytes, less work; default true.
   */
  constructor(maxTableSize: number = INITIAL_TABLE_SIZE, huffman: boolean = true) {
    const capacity = Math.min(maxTableSize, INITIAL_TABLE_SIZE);
    this.generation = 0;
    this.index = new FieldIndex(capacity);
    this.recent = new RecentFields();
    this.maxTableSize = Math.min(maxTableSize, MAX_TABLE_SIZE);
    this.huffman = huffman;
    this.resized = capacity !== INITIAL_TABLE_SIZE;
    this.lowestSize = capacity;
  }

  /**
   * Takes the peer's SETTINGS_HEADER_TABLE_SIZE, in octets. Between blocks only: the next block
   * starts with the size updates this calls for.
   */
  setPeerTableSize(size: number): void {
    const capacity = Math.min(size, this.maxTableSize);
    if (capacity === this.index.capacity) return;
    this.lowestSize = this.resized ? Math.min(this.lowestSize, capacity) : capacity;
    this.resized = true;
    this.generation++;
    this.index.resize(capacity);
  }

  /** Upper bound, in bytes, of a block of these fields in any mode, size updates included. */
  static bound(fields: HeaderFields): number {
    let bytes = 2 * MAX_INTEGER_BYTES + (fields.length >>> 1) * FIELD_BOUND;
    for (let i = 0; i < fields.length; i++) bytes += (fields[i] ?? '').length;
    return bytes;
  }

  /** Makes a segment for this encoder. Throws TypeError if a value is missing. */
  createSegment(fields: HeaderFields): HeaderSegment {
    if (fields.length % 2 !== 0) throw new TypeError('a header list is names and values in turn');
    return new HeaderSegment(this, fields);
  }

  /** Starts a block: writes the size updates that are due. Call it first for each block. */
  beginBlock(out: Buffer, at: number): number {
    if (!this.resized) return at;
    const capacity = this.index.capacity;
    if (this.lowestSize < capacity) {
      at = writeInteger(this.lowestSize, SIZE_UPDATE_MASK, SIZE_UPDATE, out, at);
    }
    this.resized = false;
    return writeInteger(capacity, SIZE_UPDATE_MASK, SIZE_UPDATE, out, at);
  }

  /**
   * Writes a segment of this encoder: from its cache while the generation stands, else field by
   * field with incremental indexing. Throws TypeError for another encoder's segment.
   */
  writeSegment(segment: HeaderSegment, out: Buffer, at: number): number {
    if (segment.owner !== this) throw new TypeError('the segment belongs to another encoder');
    if (segment.generation !== this.generation) return this.encodeSegment(segment, out, at);
    const bytes = segment.bytes;
    if (bytes.length > SHORT_COPY) {
      out.set(bytes, at);
      return at + bytes.length;
    }
    for (let i = 0; i < bytes.length; i++) out[at++] = bytes[i] ?? 0;
    return at;
  }

  /**
   * Writes fields of one call: indexed where a table holds them, added to it on their second
   * sighting if that evicts nothing, else literal.
   */
  writeFields(fields: HeaderFields, out: Buffer, at: number): number {
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const name = fields[i] ?? '';
      const value = fields[i + 1] ?? '';
      const index = this.index.field(name, value);
      if (index !== 0) {
        at = writeInteger(index, INDEXED_MASK, INDEXED, out, at);
      } else if (this.index.fits(fieldSize(name, value)) && this.recent.sighted(name, value)) {
        at = this.insert(name, value, out, at);
      } else {
        at = this.writeLiteral(WITHOUT_INDEXING, LITERAL_MASK, name, value, out, at);
      }
    }
    return at;
  }

  /** Writes a literal without indexing (RFC 7541 §6.2.2), the name by index where it has one. */
  writeField(name: string, value: string, out: Buffer, at: number): number {
    return this.writeLiteral(WITHOUT_INDEXING, LITERAL_MASK, name, value, out, at);
  }

  /** Writes a literal that no intermediary may index either (RFC 7541 §6.2.3): secrets. */
  writeNeverIndexed(name: string, value: string, out: Buffer, at: number): number {
    return this.writeLiteral(NEVER_INDEXED, LITERAL_MASK, name, value, out, at);
  }

  private encodeSegment(segment: HeaderSegment, out: Buffer, start: number): number {
    const generation = this.generation;
    const fields = segment.fields;
    let evicted = false;
    let at = start;
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] ?? '';
      const value = fields[i + 1] ?? '';
      const index = this.index.field(name, value);
      if (index !== 0) {
        at = writeInteger(index, INDEXED_MASK, INDEXED, out, at);
        continue;
      }
      const size = fieldSize(name, value);
      if (this.index.fits(size)) {
        at = this.insert(name, value, out, at);
      } else if (segment.evictions > 0 && size <= this.index.capacity) {
        evicted = true;
        at = this.insert(name, value, out, at);
      } else {
        at = this.writeLiteral(WITHOUT_INDEXING, LITERAL_MASK, name, value, out, at);
      }
    }
    if (evicted) segment.evictions--;
    if (generation === this.generation) {
      segment.bytes = new Uint8Array(out.subarray(start, at));
      segment.generation = generation;
    }
    return at;
  }

  /** RFC 7541 §6.2.1. The name's index is taken first: the entry it names may be the one evicted. */
  private insert(name: string, value: string, out: Buffer, at: number): number {
    at = this.writeLiteral(INCREMENTAL, INCREMENTAL_MASK, name, value, out, at);
    this.index.add(name, value);
    this.generation++;
    return at;
  }

  private writeLiteral(
    flags: number,
    mask: number,
    name: string,
    value: string,
    out: Buffer,
    at: number,
  ): number {
    const index = this.index.name(name);
    at = writeInteger(index, mask, flags, out, at);
    if (index === 0) at = writeName(name, this.huffman, out, at);
    return writeString(value, this.huffman, out, at);
  }
}
