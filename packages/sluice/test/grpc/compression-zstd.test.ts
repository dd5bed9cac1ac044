// The outline of Zstandard frames: RFC 8878 §3.1.1. Where Node has zstd, its frames are the examples.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as zlib from 'node:zlib';
import { zstdClaimedLength, zstdFrameLength } from '#sluice/grpc/compression-zstd.js';

function frame(hex: string): Buffer {
  return Buffer.from(`28b52ffd${hex}`, 'hex');
}

test('a frame ends with its last block, and its checksum if it has one', () => {
  const cases: [string, number, number | undefined][] = [
    // Single segment, size 3, one raw block of 3 bytes.
    ['2003190000616263', 12, 3],
    // A window and no size, an RLE block of 8, then an empty raw block.
    ['005842000061010000', 13, undefined],
    // Two bytes of size, which count from 256, and a checksum.
    ['64000003000061deadbeef', 15, 256],
    // Eight bytes of size and a dictionary id of four.
    ['e3000000010500000000000000010000', 20, 5],
  ];
  for (const [hex, length, claim] of cases) {
    const bytes = frame(hex);
    assert.equal(zstdFrameLength(bytes), length, hex);
    assert.equal(bytes.length, length, hex);
    assert.equal(zstdClaimedLength(bytes), claim, hex);
    for (let end = 5; end < length; end += 1) {
      assert.ok(zstdFrameLength(bytes.subarray(0, end)) > end, `${hex} cut at ${end}`);
    }
    const more = Buffer.concat([bytes, Buffer.from('rest')]);
    assert.equal(zstdFrameLength(more), length, hex);
  }
  assert.ok(zstdFrameLength(Buffer.of()) > 0);
});

test('frames of Node end where they say', () => {
  // The types are those of Node 20, which has no zstd.
  const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer };
  for (const length of [0, 1, 255, 256, 1_000, 65_791, 65_792, 300_000]) {
    const bytes = zstdCompressSync?.(Buffer.alloc(length, 'abcdef'));
    if (bytes === undefined) continue;
    assert.equal(zstdFrameLength(bytes), bytes.length);
    assert.ok([length, undefined].includes(zstdClaimedLength(bytes)));
  }
});
