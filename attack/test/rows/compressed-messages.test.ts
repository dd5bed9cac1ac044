// The messages of the row about compression are what they say: bombs inflate to more than the limit,
// and the damaged ones cannot be inflated at all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync, inflateSync } from 'node:zlib';
import { type Compressed, compressedMessages } from '../../dist/rows/20-compressed-messages.js';

const LIMIT = 4 * 1024 * 1024;
const PREFIX = 5;

function inflated({ encoding, bytes }: Compressed): Buffer {
  const body = bytes.subarray(PREFIX);
  return encoding === 'deflate' ? inflateSync(body) : gunzipSync(body);
}

test('what is too large is a thousand times as large as it looks, or a byte too large', () => {
  const bombs = compressedMessages().filter(({ answer }) => answer === 'status 8');
  assert.equal(bombs.length, 4);
  for (const bomb of bombs) {
    const { length } = inflated(bomb);
    assert.ok(length > LIMIT, `${bomb.name}: ${length}`);
    assert.ok(bomb.bytes.length < 80_000, `${bomb.name}: ${bomb.bytes.length}`);
  }
});

test('what is damaged has a flag of 1 and cannot be inflated, or another flag', () => {
  const broken = compressedMessages().filter(({ answer }) => answer === 'status 13');
  for (const one of broken) {
    assert.equal(one.bytes.readUInt32BE(1), one.bytes.length - PREFIX, one.name);
    const isFlagged = one.bytes[0] === 1 && one.encoding !== '' && one.encoding !== 'identity';
    if (isFlagged) assert.throws(() => inflated(one), Error, one.name);
  }
});
