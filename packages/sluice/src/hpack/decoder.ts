// Decodes the header blocks of one direction of one connection.
// Invariants: every block is decoded to its end, kept or not, so that the table stays in step with
// the peer's; what is kept of one list never exceeds `maxListSize`, whatever the bytes refer to;
// after a fault the table is unknown and every later block is refused.
// Spec: RFC 7541 §3.2, §4.2, §6; RFC 9113 §4.3, §6.5.2. Not here: which names and values are legal
// (RFC 9113 §8.2), and joining CONTINUATION.

import { BlockCache, MAX_CACHED_BYTES } from './block-cache.ts';
import { BlockReader } from './block-reader.ts';
import { DynamicTable, INITIAL_TABLE_SIZE } from './dynamic-table.ts';
import { DecodedBlock, type HeaderBlock } from './header-block.ts';
import { FIELD_OVERHEAD, fieldSize } from './header-fields.ts';
import {
  INCREMENTAL,
  INCREMENTAL_MASK,
  INDEXED,
  INDEXED_MASK,
  LITERAL_MASK,
  SIZE_UPDATE,
  SIZE_UPDATE_MASK,
} from './representation.ts';
import { STATIC_LENGTH, staticName, staticValue } from './static-table.ts';

export type { HeaderBlock } from './header-block.ts';

// A peer may signal the lowest size since its last block, then the final one (RFC 7541 §4.2).
const MAX_SIZE_UPDATES = 2;

// Stands in `fields` between blocks, so that no list is held longer than its reader holds it.
const NO_FIELDS: string[] = [];

/** An HPACK decoder. */
export class HpackDecoder {
  /** Why the last `decode` returned undefined; '' while none did. */
  fault: string;
  /** Changes when a field is inserted or evicted or the table's size updated. */
  generation: number;
  private readonly maxTableSize: number;
  private readonly maxListSize: number;
  private readonly table: DynamicTable;
  private readonly reader: BlockReader;
  private readonly cache: BlockCache;
  private fields: string[];
  private listSize: number;

  /**
   * @param maxTableSize our SETTINGS_HEADER_TABLE_SIZE, in octets; default 4096. A peer that has
   *   not seen it yet starts from 4096, so the table does too, until a size update.
   * @param maxListSize our SETTINGS_MAX_HEADER_LIST_SIZE, in octets; default 16384.
   */
  constructor(maxTableSize: number = INITIAL_TABLE_SIZE, maxListSize: number = 16_384) {
    this.fault = '';
    this.generation = 0;
    this.maxTableSize = maxTableSize;
    this.maxListSize = maxListSize;
    this.table = new DynamicTable(INITIAL_TABLE_SIZE);
    this.reader = new BlockReader();
    this.cache = new BlockCache();
    this.fields = NO_FIELDS;
    this.listSize = 0;
  }

  /**
   * Decodes the whole block that `buf` (borrowed until return) holds from `start` to `end`.
   * Undefined is a COMPRESSION_ERROR (RFC 9113 §4.3): the connection has to close, `fault` says why.
   */
  decode(buf: Buffer, start: number, end: number): HeaderBlock | undefined {
    if (this.fault !== '') return undefined;
    const cacheable = end - start <= MAX_CACHED_BYTES;
    if (cacheable) {
      const known = this.cache.find(buf, start, end, this.generation);
      if (known !== undefined) return known;
    }
    const generation = this.generation;
    const fields: string[] = [];
    this.fields = fields;
    this.listSize = 0;
    this.reader.open(buf, start, end);
    this.fault = this.readBlock(buf, end);
    this.reader.close();
    this.fields = NO_FIELDS;
    if (this.fault !== '') return undefined;
    const tooLarge = this.listSize > this.maxListSize;
    const block = new DecodedBlock(tooLarge ? [] : fields, this.listSize, tooLarge);
    if (cacheable && !tooLarge && generation === this.generation) {
      this.cache.offer(buf, start, end, block);
    }
    return block;
  }

  /** Reads every representation of the block; returns the fault, '' for none. */
  private readBlock(buf: Buffer, end: number): string {
    const reader = this.reader;
    let updates = 0;
    let fault = '';
    while (reader.at < end && fault === '') {
      const octet = buf[reader.at] ?? 0;
      if (octet >= INDEXED) {
        fault = this.readIndexed();
      } else if (octet >= INCREMENTAL) {
        fault = this.readLiteral(INCREMENTAL_MASK, true);
      } else if (octet < SIZE_UPDATE) {
        fault = this.readLiteral(LITERAL_MASK, false);
      } else if (this.listSize > 0) {
        fault = 'a table size update follows a field';
      } else if (++updates > MAX_SIZE_UPDATES) {
        fault = 'a block starts with more than two table size updates';
      } else {
        fault = this.readSizeUpdate();
      }
    }
    return fault;
  }

  private readIndexed(): string {
    const index = this.reader.readInteger(INDEXED_MASK);
    if (this.reader.fault !== '') return this.reader.fault;
    if (index === 0) return 'a field has index 0';
    if (index <= STATIC_LENGTH) {
      const name = staticName(index);
      const value = staticValue(index);
      this.append(name, value, fieldSize(name, value));
      return '';
    }
    const addition = this.addition(index);
    if (addition === 0) return 'a field has an index past the end of the table';
    const name = this.table.name(addition);
    const value = this.table.value(addition);
    this.append(name, value, fieldSize(name, value));
    return '';
  }

  private readLiteral(mask: number, insert: boolean): string {
    const reader = this.reader;
    const index = reader.readInteger(mask);
    if (reader.fault !== '') return reader.fault;
    const left = this.maxListSize - this.listSize;
    const keep = insert ? Math.max(left, this.table.capacity) : left;
    let name: string;
    let nameLength: number;
    if (index === 0) {
      name = reader.readString(keep);
      if (reader.fault !== '') return reader.fault;
      nameLength = reader.stringLength;
    } else if (index <= STATIC_LENGTH) {
      name = staticName(index);
      nameLength = name.length;
    } else {
      const addition = this.addition(index);
      if (addition === 0) return 'a name has an index past the end of the table';
      name = this.table.name(addition);
      nameLength = name.length;
    }
    const value = reader.readString(keep);
    if (reader.fault !== '') return reader.fault;
    // By the lengths read: a string too long to keep is '' here.
    const size = nameLength + reader.stringLength + FIELD_OVERHEAD;
    if (insert) this.insert(name, value, size);
    this.append(name, value, size);
    return '';
  }

  private readSizeUpdate(): string {
    const size = this.reader.readInteger(SIZE_UPDATE_MASK);
    if (this.reader.fault !== '') return this.reader.fault;
    if (size > this.maxTableSize) return 'a table size update is above the limit we set';
    this.generation++;
    this.table.capacity = size;
    this.evictTo(size);
    return '';
  }

  /** The addition to the table that `index` (above the static ones) refers to, or 0 for none. */
  private addition(index: number): number {
    const age = index - STATIC_LENGTH - 1;
    return age < this.table.length ? this.table.additions - age : 0;
  }

  /** RFC 7541 §4.4: a field larger than the table empties it, and is no fault. */
  private insert(name: string, value: string, size: number): void {
    this.generation++;
    this.evictTo(this.table.capacity - size);
    if (size <= this.table.capacity) this.table.add(name, value);
  }

  private evictTo(size: number): void {
    while (this.table.size > size && this.table.length > 0) this.table.evictOldest();
  }

  /** Counts a field, and keeps it while the list is within its limit. */
  private append(name: string, value: string, size: number): void {
    this.listSize += size;
    if (this.listSize <= this.maxListSize) this.fields.push(name, value);
  }
}
