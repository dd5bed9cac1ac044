// XXH64: published results, and the same as a plain 64-bit reading of the specification.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { xxHash64 } from '#sluice/channel/balancers/xxhash64.js';
import { mulberry32 } from '../../support/random.js';

const VECTORS: readonly (readonly [string, string])[] = [
  ['', 'ef46db3751d8e999'],
  ['a', 'd24ec4f1a98c6e5b'],
  ['as', '1c330fb2d66be179'],
  ['asd', '631c37ce72a97393'],
  ['asdf', '415872f599cea71e'],
  ['abc', '44bc2cf5ad770999'],
  ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
  ['Call me Ishmael. Some years ago--never mind how long precisely-', '02a2e85470d6fd96'],
];

function hashed(bytes: Uint8Array): string {
  const hash = { high: 0, low: 0 };
  xxHash64(bytes, bytes.length, hash);
  return hash.high.toString(16).padStart(8, '0') + hash.low.toString(16).padStart(8, '0');
}

// The specification once more, in 64-bit numbers.

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function rotate(value: bigint, bits: bigint): bigint {
  return u64(value << bits) | (value >> (64n - bits));
}

function round(accumulator: bigint, lane: bigint): bigint {
  return u64(rotate(u64(accumulator + lane * P2), 31n) * P1);
}

function expected(bytes: Buffer): string {
  let at = 0;
  let hash = P5;
  if (bytes.length >= 32) {
    const lanes: [bigint, bigint, bigint, bigint] = [u64(P1 + P2), P2, 0n, u64(-P1)];
    for (; at + 32 <= bytes.length; at += 32) {
      lanes[0] = round(lanes[0], bytes.readBigUInt64LE(at));
      lanes[1] = round(lanes[1], bytes.readBigUInt64LE(at + 8));
      lanes[2] = round(lanes[2], bytes.readBigUInt64LE(at + 16));
      lanes[3] = round(lanes[3], bytes.readBigUInt64LE(at + 24));
    }
    const [one, two, three, four] = lanes;
    hash = u64(rotate(one, 1n) + rotate(two, 7n) + rotate(three, 12n) + rotate(four, 18n));
    for (const lane of lanes) hash = u64((hash ^ round(0n, lane)) * P1 + P4);
  }
  hash = u64(hash + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) {
    hash = u64(rotate(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * P1 + P4);
  }
  if (at + 4 <= bytes.length) {
    hash = u64(rotate(hash ^ u64(BigInt(bytes.readUInt32LE(at)) * P1), 23n) * P2 + P3);
    at += 4;
  }
  for (; at < bytes.length; at += 1) {
    hash = u64(rotate(hash ^ u64(BigInt(bytes.readUInt8(at)) * P5), 11n) * P1);
  }
  hash = u64((hash ^ (hash >> 33n)) * P2);
  hash = u64((hash ^ (hash >> 29n)) * P3);
  return (hash ^ (hash >> 32n)).toString(16).padStart(16, '0');
}

describe('xxHash64', () => {
  it('gives the published results', () => {
    for (const [text, hash] of VECTORS) assert.equal(hashed(Buffer.from(text)), hash, text);
  });

  it('gives what the specification says, for every length up to 200 and any bytes', () => {
    const random = mulberry32(5);
    for (let run = 0; run < 2_000; run += 1) {
      const bytes = Buffer.from(Array.from({ length: run % 200 }, () => random() * 256));
      assert.equal(hashed(bytes), expected(bytes), bytes.toString('hex'));
    }
    const ones = Buffer.alloc(129, 0xff);
    assert.equal(hashed(ones), expected(ones));
  });

  it('reads no further than the length it is given', () => {
    const hash = { high: 0, low: 0 };
    xxHash64(Buffer.from('asdfgh'), 4, hash);
    assert.deepEqual(hash, { high: 0x415872f5, low: 0x99cea71e });
  });
});
