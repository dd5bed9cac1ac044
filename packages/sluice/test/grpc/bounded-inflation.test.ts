// What a message that decompresses to too much leaves behind: nothing that waits for the garbage
// collector.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { isTooLarge, type MessageCodec } from '#sluice/grpc/compression-codec.js';
import { deflateEncoding, gzipEncoding } from '#sluice/grpc/compression-zlib.js';

const MIB = 1024 * 1024;
const LIMIT = 4 * MIB;
const BOMBS = 20;
/** Less than two messages at the limit. */
const MOST_LEFT = 7 * MIB;

/** The error; rejects where there is none. */
function fault(codec: MessageCodec, compressed: Uint8Array): Promise<Error> {
  return new Promise((resolve, reject) => {
    codec.decompressAsync?.(compressed, LIMIT, (error) => {
      if (error === null) reject(new Error('it was decompressed'));
      else resolve(error);
    });
  });
}

/** Bytes of buffers at the most above what there once was less of: a collection only lowers that. */
async function leftBehind(
  codec: MessageCodec,
  compressed: Uint8Array,
  error: RegExp,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < BOMBS; i += 1) {
    assert.match(String(await fault(codec, compressed)), error);
    const { arrayBuffers } = process.memoryUsage();
    least = Math.min(least, arrayBuffers);
    most = Math.max(most, arrayBuffers - least);
  }
  return most;
}

test('gzip bombs leave a chunk each, not the limit each', async () => {
  const bomb = gzipSync(Buffer.alloc(8 * LIMIT));
  assert.equal(isTooLarge(await fault(gzipEncoding(), bomb)), true);
  const left = await leftBehind(gzipEncoding(), bomb, /it is longer than 4194304 bytes/);
  assert.ok(left < MOST_LEFT, `${left} bytes after ${BOMBS} bombs`);
});

test('bombs that do not say how long they are leave no more', async () => {
  const bomb = deflateSync(Buffer.alloc(8 * LIMIT));
  const left = await leftBehind(deflateEncoding(), bomb, /it is longer than 4194304 bytes/);
  assert.ok(left < MOST_LEFT, `${left} bytes after ${BOMBS} bombs`);
});

test('what comes before the damage is given back too', async () => {
  const damaged = deflateSync(Buffer.alloc(LIMIT - 1));
  damaged.fill(0xff, damaged.length - 4);
  const left = await leftBehind(deflateEncoding(), damaged, /incorrect data check/);
  assert.ok(left < MOST_LEFT, `${left} bytes after ${BOMBS} damaged messages`);
});
