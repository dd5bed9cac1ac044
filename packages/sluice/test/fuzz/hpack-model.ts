// A decoder of header blocks that is slow and obvious: the reference that the HPACK fuzzer holds the
// real one to. Written from RFC 7541 and from what src/hpack promises beside it: integers of five
// octets at most, two size updates in front of a block, lists above the limit dropped, refusal for good.
// It shares the two tables of the appendices, which have tests of their own, and no other code.

import { EOS, HUFFMAN_LENGTHS } from '#sluice/hpack/huffman-code.js';
import { STATIC_LENGTH, staticName, staticValue } from '#sluice/hpack/static-table.js';

export interface ModelList {
  readonly fields: readonly string[];
  readonly listSize: number;
  readonly tooLarge: boolean;
}

/** What ends a block: it makes no sense. */
class Refusal extends Error {}

const refusal = new Refusal('refused');

export class HpackModel {
  /** Newest first: name, value. */
  private readonly entries: (readonly [string, string])[] = [];
  private size = 0;
  private capacity = 4096;
  /** The least that the table might have, while the last block was read. */
  lowest = 4096;
  private isRefused = false;
  private readonly maxTableSize: number;
  private readonly maxListSize: number;
  private block: Buffer = Buffer.alloc(0);
  private at = 0;

  constructor(maxTableSize: number, maxListSize: number) {
    this.maxTableSize = maxTableSize;
    this.maxListSize = maxListSize;
  }

  /** Octets of the dynamic table, and fields in it. */
  get table(): string {
    return `${this.size} of ${this.capacity} in ${this.entries.length}`;
  }

  get length(): number {
    return this.entries.length;
  }

  /** Octets that the table may have now. */
  get limit(): number {
    return this.capacity;
  }

  decode(block: Buffer): ModelList | undefined {
    if (this.isRefused) return undefined;
    this.block = block;
    this.at = 0;
    this.lowest = this.capacity;
    try {
      return this.list();
    } catch (error) {
      if (error !== refusal) throw error;
      this.isRefused = true;
      return undefined;
    }
  }

  private list(): ModelList {
    const fields: string[] = [];
    let listSize = 0;
    let updates = 0;
    while (this.at < this.block.length) {
      const octet = this.block.readUInt8(this.at);
      if ((octet & 0xe0) === 0x20) {
        updates++;
        if (listSize > 0 || updates > 2) throw refusal;
        const capacity = this.integer(5);
        if (capacity > this.maxTableSize) throw refusal;
        this.capacity = capacity;
        this.lowest = Math.min(this.lowest, capacity);
        this.evict(0);
        continue;
      }
      const field = this.field(octet);
      listSize += sizeOf(field);
      fields.push(field[0], field[1]);
    }
    const tooLarge = listSize > this.maxListSize;
    return { fields: tooLarge ? [] : fields, listSize, tooLarge };
  }

  private field(octet: number): readonly [string, string] {
    if ((octet & 0x80) !== 0) return this.entry(this.integer(7));
    const isIndexed = (octet & 0x40) !== 0;
    const index = this.integer(isIndexed ? 6 : 4);
    const name = index === 0 ? this.string() : this.entry(index)[0];
    const field = [name, this.string()] as const;
    if (isIndexed) {
      this.evict(sizeOf(field));
      if (sizeOf(field) <= this.capacity) {
        this.entries.unshift(field);
        this.size += sizeOf(field);
      }
    }
    return field;
  }

  private evict(room: number): void {
    while (this.size + room > this.capacity) {
      const last = this.entries.pop();
      if (last === undefined) return;
      this.size -= sizeOf(last);
    }
  }

  private entry(index: number): readonly [string, string] {
    if (index === 0) throw refusal;
    if (index <= STATIC_LENGTH) return [staticName(index), staticValue(index)];
    const entry = this.entries[index - STATIC_LENGTH - 1];
    if (entry === undefined) throw refusal;
    return entry;
  }

  private octet(): number {
    if (this.at >= this.block.length) throw refusal;
    return this.block.readUInt8(this.at++);
  }

  private integer(bits: number): number {
    const mask = 2 ** bits - 1;
    let value = this.octet() & mask;
    if (value < mask) return value;
    for (let place = 0; place < 4; place++) {
      const octet = this.octet();
      value += (octet % 128) * 128 ** place;
      if (octet < 128) return value;
    }
    throw refusal;
  }

  private string(): string {
    const isCoded = this.at < this.block.length && this.block.readUInt8(this.at) >= 128;
    const length = this.integer(7);
    const end = this.at + length;
    if (end > this.block.length) throw refusal;
    const octets = this.block.subarray(this.at, end);
    this.at = end;
    return isCoded ? huffmanText(octets) : octets.toString('latin1');
  }
}

function sizeOf(field: readonly [string, string]): number {
  return field[0].length + field[1].length + 32;
}

interface Length {
  readonly first: number;
  readonly symbols: readonly number[];
}

// The code is canonical: codes of one length are consecutive, in the order of their symbols.
const LENGTHS: readonly Length[] = canonicalLengths();

function canonicalLengths(): readonly Length[] {
  const lengths: Length[] = [];
  let code = 0;
  for (let bits = 0; bits <= 30; bits++) {
    const symbols: number[] = [];
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (HUFFMAN_LENGTHS[symbol] === bits) symbols.push(symbol);
    }
    lengths.push({ first: code, symbols });
    code = (code + symbols.length) * 2;
  }
  return lengths;
}

function huffmanText(octets: Buffer): string {
  let text = '';
  let code = 0;
  let bits = 0;
  for (const octet of octets) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((octet >> bit) & 1);
      bits++;
      const length = LENGTHS[bits];
      if (length === undefined) throw refusal;
      const symbol = length.symbols[code - length.first];
      if (symbol === undefined) continue;
      if (symbol === EOS) throw refusal;
      text += String.fromCharCode(symbol);
      code = 0;
      bits = 0;
    }
  }
  // Padding: fewer than eight bits, all of them ones (RFC 7541 §5.2).
  if (bits > 7 || code !== 2 ** bits - 1) throw refusal;
  return text;
}
