// Header blocks made up one representation at a time: legal ones, and ones that are off by a little in
// an index, a length, a size, a code or an octet. It counts what it has put into the table, evictions
// aside, so that most references lead somewhere. RFC 7541 §5, §6.

import { huffmanEncode } from '#sluice/hpack/huffman.js';
import type { Dice } from '../model/dice.js';

const out: Buffer = Buffer.alloc(8192);

/** How often anything is off. */
const OFF = 0.012;

export class BlockMaker {
  private readonly dice: Dice;
  /** Fields put into the table. */
  private entries = 0;

  constructor(dice: Dice) {
    this.dice = dice;
  }

  block(): Buffer {
    const { dice } = this;
    let at = 0;
    if (dice.chance(0.1)) {
      const times = dice.chance(0.1) ? 3 : 1 + dice.int(2);
      for (let left = times; left > 0; left--) at = this.sizeUpdate(at);
    }
    for (let left = dice.int(dice.chance(0.1) ? 40 : 7); left > 0 && at < 4000; left--) {
      at = this.representation(at);
    }
    const block = Buffer.from(out.subarray(0, dice.chance(OFF) ? dice.int(at + 1) : at));
    if (block.length > 0 && dice.chance(0.03)) block[dice.int(block.length)] = dice.int(256);
    return block;
  }

  private sizeUpdate(at: number): number {
    const { dice } = this;
    const size = dice.chance(0.1) ? dice.pick(4097, 20_000) : dice.pick(0, 64, 100, 200, 4096);
    return integer(at, size, 5, 0x20);
  }

  private index(): number {
    const { dice, entries } = this;
    if (dice.chance(OFF)) return dice.pick(0, 62 + entries, 63 + entries, 2 ** 28);
    if (entries > 0 && dice.chance(0.5)) return 62 + dice.int(Math.min(entries, 12));
    return 1 + dice.int(61);
  }

  private representation(at: number): number {
    const { dice } = this;
    const kind = dice.int(12);
    if (kind < 5) return integer(at, this.index(), 7, 0x80, dice.chance(0.02) ? dice.int(4) : 0);
    if (dice.chance(OFF / 3)) return this.sizeUpdate(at);
    const isNamed = dice.chance(0.5);
    const index = isNamed ? this.index() : 0;
    const pattern = kind < 10 ? 0x40 : kind === 10 ? 0 : 0x10;
    at = integer(at, index, pattern === 0x40 ? 6 : 4, pattern);
    if (index === 0) at = this.string(at, dice.chance(0.9) ? 6 : 60);
    if (pattern === 0x40) this.entries++;
    return this.string(at, dice.chance(0.8) ? 8 : 200);
  }

  private string(at: number, most: number): number {
    const { dice } = this;
    const length = Math.floor(dice.random() ** 2 * most);
    let text = '';
    const isWild = dice.chance(0.2);
    for (let i = 0; i < length; i++) {
      text += String.fromCharCode(isWild ? dice.int(256) : 97 + dice.int(20));
    }
    const lie = dice.chance(OFF / 3) ? dice.pick(1, 2, 100) : 0;
    if (dice.chance(0.5)) {
      at = integer(at, length + lie, 7, 0);
      return at + out.write(text, at, 'latin1');
    }
    at = integer(at, 0, 7, 0x80);
    const start = at + 4;
    let end = huffmanEncode(text, out, start, out.length);
    if (dice.chance(OFF)) out[end++] = dice.pick(0xff, 0, 0x7f, dice.int(256));
    if (end > start && dice.chance(OFF)) out[end - 1] = (out[end - 1] ?? 0) ^ (1 << dice.int(8));
    // The length is known now: it may take more octets than the one left for it.
    const behind = integer(at - 1, end - start + lie, 7, 0x80);
    out.copyWithin(behind, start, end);
    return behind + end - start;
  }
}

/** An integer, with so many octets of leading zeros behind its prefix that mean nothing. */
function integer(at: number, value: number, bits: number, pattern: number, zeros = 0): number {
  const mask = 2 ** bits - 1;
  // Below the mask there is one way only to write it.
  if (value < mask) {
    out[at] = pattern | value;
    return at + 1;
  }
  out[at++] = pattern | mask;
  let left = value - mask;
  while (left >= 128) {
    out[at++] = 128 + (left % 128);
    left = Math.floor(left / 128);
  }
  if (zeros === 0) {
    out[at++] = left;
    return at;
  }
  out[at++] = 128 + left;
  for (let i = 1; i < zeros; i++) out[at++] = 128;
  out[at++] = 0;
  return at;
}
