// RFC 7541 §5: the two primitive types, at their edges.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockReader } from '#sluice/hpack/block-reader.js';
import { huffmanDecode, huffmanEncode, huffmanLength } from '#sluice/hpack/huffman.js';
import { EOS, HUFFMAN_CODES, HUFFMAN_LENGTHS } from '#sluice/hpack/huffman-code.js';
import { MAX_INTEGER_BYTES, writeInteger } from '#sluice/hpack/integer.js';
import { writeString } from '#sluice/hpack/string-literal.js';
import { mulberry32 } from '../support/random.js';
import { hex } from './blocks.js';

interface StringRead {
  readonly text: string;
  readonly length: number;
  readonly at: number;
  readonly fault: string;
}

function readString(bytes: Buffer, keep: number = Number.POSITIVE_INFINITY): StringRead {
  const reader = new BlockReader();
  reader.open(bytes, 0, bytes.length);
  const text = reader.readString(keep);
  return { text, length: reader.stringLength, at: reader.at, fault: reader.fault };
}

test('integers round-trip at the edges of every prefix and length', () => {
  const out = Buffer.alloc(8);
  const reader = new BlockReader();
  for (let bits = 4; bits <= 8; bits++) {
    const mask = (1 << bits) - 1;
    for (const edge of [0, mask, mask + 0x80, mask + 0x4000, mask + 0x20_0000, 0x0fff_ffff]) {
      for (const value of [edge - 1, edge, edge + 1]) {
        if (value < 0 || value > 0x0fff_ffff) continue;
        const end = writeInteger(value, mask, 0, out, 0);
        assert.ok(end <= MAX_INTEGER_BYTES);
        reader.open(out, 0, end);
        assert.equal(reader.readInteger(mask), value);
        assert.equal(reader.at, end);
      }
    }
  }
});

test('an integer of more than 5 octets is a fault, and so is one cut short', () => {
  for (const bytes of ['7f80 8080 8001', '7fff ffff ffff ffff ff7f', '7f', '7f80', '7fff ffff']) {
    const block = hex(bytes);
    const reader = new BlockReader();
    reader.open(block, 0, block.length);
    assert.equal(reader.readInteger(0x7f), 0);
    assert.notEqual(reader.fault, '');
  }
});

test('the Huffman code is complete and begins and ends as Appendix B prints it', () => {
  let space = 0;
  for (const length of HUFFMAN_LENGTHS) space += 2 ** -length;
  assert.equal(space, 1);
  const code = (symbol: number): [number | undefined, number | undefined] => [
    HUFFMAN_CODES[symbol],
    HUFFMAN_LENGTHS[symbol],
  ];
  assert.deepEqual(code(48), [0x0, 5]);
  assert.deepEqual(code(0), [0x1ff8, 13]);
  assert.deepEqual(code(1), [0x7fffd8, 23]);
  assert.deepEqual(code(97), [0x3, 5]);
  assert.deepEqual(code(92), [0x7fff0, 19]);
  assert.deepEqual(code(255), [0x3ffffee, 26]);
  assert.deepEqual(code(10), [0x3ffffffc, 30]);
  assert.deepEqual(code(EOS), [0x3fffffff, 30]);
});

test('every octet, alone and beside every other, survives Huffman coding', () => {
  const out = Buffer.alloc(16);
  const back = Buffer.alloc(16);
  for (let a = 0; a < 256; a++) {
    for (let b = -1; b < 256; b++) {
      const text = b < 0 ? String.fromCharCode(a) : String.fromCharCode(a, b);
      const end = huffmanEncode(text, out, 0, out.length);
      assert.equal(end, huffmanLength(text));
      assert.equal(huffmanDecode(out, 0, end, back), text.length);
      assert.equal(back.toString('latin1', 0, text.length), text);
    }
  }
});

test('padding has to be at most 7 bits, all ones, and EOS is never legal', () => {
  const out = Buffer.alloc(8);
  assert.equal(huffmanDecode(hex('1f'), 0, 1, out), 1, 'a and 3 ones');
  assert.equal(huffmanDecode(hex(''), 0, 0, out), 0, 'nothing');
  for (const bytes of [
    'ff', // 8 bits of padding
    '1fff', // a, then 11 bits
    '18', // a, then zeros
    '1e', // a, then 110
    'fffffffc', // EOS and padding
    'ffffffff', // EOS and the start of another
    '1fffffffff', // a, EOS
    'fffffffcff', // EOS in the middle
  ]) {
    const block = hex(bytes);
    assert.equal(huffmanDecode(block, 0, block.length, out), -1, bytes);
  }
});

test('a string is Huffman coded only where that is shorter', () => {
  const out = Buffer.alloc(64);
  const cases: readonly [string, string][] = [
    ['', '00'],
    ['a', '0161'], // 5 bits, one octet either way
    ['aa', '0261 61'], // 10 bits, two octets either way
    ['aaa', '8218 c7'],
    ['\u00ff', '01ff'], // 26 bits
  ];
  for (const [text, bytes] of cases) {
    const end = writeString(text, true, out, 0);
    assert.deepEqual(out.subarray(0, end), hex(bytes), JSON.stringify(text));
  }
});

test('strings of every length to 400, plain and binary, round-trip in no more than their size', () => {
  const random = mulberry32(7541);
  const out = Buffer.alloc(512);
  for (let length = 0; length <= 400; length++) {
    for (const range of [26, 96, 256]) {
      let text = '';
      for (let i = 0; i < length; i++) {
        text += String.fromCharCode((range === 256 ? 0 : 97 - (range >> 2)) + random() * range);
      }
      const end = writeString(text, true, out, 0);
      assert.ok(end <= length + (length < 127 ? 1 : 3));
      const read = readString(out.subarray(0, end));
      assert.equal(read.fault, '');
      assert.equal(read.text, text);
      assert.equal(read.length, length);
      assert.equal(read.at, end);
    }
  }
});

test('of a string longer than what is kept only the length is read', () => {
  const out = Buffer.alloc(512);
  for (const text of ['e'.repeat(300), '\u0080'.repeat(300)]) {
    const bytes = out.subarray(0, writeString(text, true, out, 0));
    const read = readString(bytes, 299);
    assert.equal(read.fault, '');
    assert.equal(read.text, '');
    assert.equal(read.length, 300);
    assert.equal(readString(bytes, 300).text, text);
  }
});

test('a string that reaches past the block is a fault', () => {
  for (const bytes of ['', '01', '0261', '81', '82ff', '7f80 8080 7f']) {
    assert.notEqual(readString(hex(bytes)).fault, '', bytes);
  }
});
