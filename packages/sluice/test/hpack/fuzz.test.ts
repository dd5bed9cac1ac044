// Seeded fuzzing: an encoder against a decoder, and a decoder against noise.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder } from '#sluice/hpack/decoder.js';
import { type HeaderSegment, HpackEncoder } from '#sluice/hpack/encoder.js';
import { mulberry32 } from '../support/random.js';
import { decoded, hex, segmentBlock } from './blocks.js';

const NAMES = [':path', ':status', 'te', 'grpc-status', 'x-a', 'x-b', 'cookie', ''];

function randomText(random: () => number, most: number): string {
  const length = Math.floor(random() ** 3 * most);
  const range = random() < 0.2 ? 256 : 64;
  let text = '';
  for (let i = 0; i < length; i++)
    text += String.fromCharCode((range === 64 ? 48 : 0) + random() * range);
  return text;
}

function randomFields(random: () => number): string[] {
  const fields: string[] = [];
  for (let count = Math.floor(random() * 6); count > 0; count--) {
    const known = NAMES[Math.floor(random() * NAMES.length)] ?? '';
    fields.push(random() < 0.8 ? known : randomText(random, 30));
    fields.push(random() < 0.6 ? String(Math.floor(random() * 6)) : randomText(random, 300));
  }
  return fields;
}

test('whatever an encoder writes, in any mode and through resizes, a decoder reads', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = mulberry32(seed);
    const cap = [0, 100, 512, 4096, 10_000][seed % 5] ?? 0;
    const limit = 20_000;
    const encoder = new HpackEncoder(cap, seed % 3 !== 0);
    const decoder = new HpackDecoder(limit, 1_000_000);
    const segments: HeaderSegment[] = [];
    for (let i = 0; i < 6; i++) segments.push(encoder.createSegment(randomFields(random)));
    for (let block = 0; block < 250; block++) {
      while (random() < 0.08) encoder.setPeerTableSize(Math.floor(random() ** 2 * limit));
      const before = encoder.generation;
      const sent: string[] = [];
      const out = Buffer.alloc(20_000, 0xa5);
      let at = encoder.beginBlock(out, 0);
      for (let part = 0; part < 3; part++) {
        const segment = segments[Math.floor(random() * segments.length)];
        const fields =
          random() < 0.5 && segment !== undefined ? segment.fields : randomFields(random);
        const from = at;
        if (segment !== undefined && fields === segment.fields) {
          at = encoder.writeSegment(segment, out, at);
        } else if (random() < 0.7) {
          at = encoder.writeFields(fields, out, at);
        } else {
          for (let i = 0; i < fields.length; i += 2) {
            const name = fields[i] ?? '';
            const value = fields[i + 1] ?? '';
            at =
              random() < 0.5
                ? encoder.writeField(name, value, out, at)
                : encoder.writeNeverIndexed(name, value, out, at);
          }
        }
        assert.ok(at - from <= HpackEncoder.bound(fields));
        assert.equal(out[at], 0xa5, 'nothing is written past the block');
        sent.push(...fields);
      }
      const read = decoded(decoder, out.subarray(0, at));
      assert.deepEqual(read.fields, sent, `seed ${seed}, block ${block}, generation ${before}`);
      let size = 0;
      for (let i = 0; i < sent.length; i++) size += (sent[i] ?? '').length + 16;
      assert.equal(read.listSize, size);
    }
  }
});

function noise(random: () => number): Buffer {
  const block = Buffer.alloc(Math.floor(random() * 60));
  for (let i = 0; i < block.length; i++) block[i] = random() * 256;
  return block;
}

// One representation each; the last refers far into the table, which may not reach there.
const PIECES = [
  '82',
  'be',
  '4001 6101 62',
  '0001 6101 62',
  '1001 6182 1fff',
  '7e01 63',
  '0f2f 00',
  'c4',
];

/** Representations in a row, at times after a size update, at times with one octet changed. */
function almostLegal(random: () => number): Buffer {
  const parts: Buffer[] = [];
  if (random() < 0.1) parts.push(Buffer.of(0x20 | (random() * 31)));
  for (let count = Math.floor(random() * 12); count > 0; count--) {
    parts.push(hex(PIECES[Math.floor(random() ** 3 * PIECES.length)] ?? ''));
  }
  const block = Buffer.concat(parts);
  if (random() < 0.2) block[Math.floor(random() * block.length)] = random() * 256;
  return block;
}

test('20,000 blocks of noise: no throw, no list past the limit, a reason for each refusal', () => {
  const random = mulberry32(20_000);
  const limit = 300;
  let decoder = new HpackDecoder(4096, limit);
  let legal = 0;
  for (let round = 0; round < 20_000; round++) {
    if (decoder.fault !== '') decoder = new HpackDecoder(4096, limit);
    const block = random() < 0.5 ? noise(random) : almostLegal(random);
    const read = decoder.decode(block, 0, block.length);
    if (read === undefined) {
      assert.notEqual(decoder.fault, '');
      continue;
    }
    legal++;
    let size = 0;
    for (const text of read.fields) size += text.length + 16;
    assert.ok(size <= limit);
    assert.equal(read.tooLarge, read.listSize > limit);
    if (!read.tooLarge) assert.equal(size, read.listSize);
  }
  assert.ok(legal > 3000, `${legal} legal blocks`);
});

test('a valid block with any one octet changed never throws', () => {
  const fields = [
    ':path',
    '/a.B/C',
    'x-key',
    'some value',
    'te',
    'trailers',
    'x-bin',
    '\u0000\u00ff',
  ];
  const valid = segmentBlock(new HpackEncoder(), fields);
  for (let at = 0; at < valid.length; at++) {
    for (let octet = 0; octet < 256; octet++) {
      const block = Buffer.from(valid);
      block[at] = octet;
      const decoder = new HpackDecoder();
      const read = decoder.decode(block, 0, block.length);
      assert.equal(read === undefined, decoder.fault !== '');
    }
  }
});
