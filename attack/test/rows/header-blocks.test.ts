// The field blocks of rows 10 and 11 are what they claim to be.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder } from '../../../packages/sluice/dist/hpack/decoder.js';
import { listByTable, literalList, referringList } from '../../dist/rows/10-header-list.js';
import { ALLOWED, FAULTS } from '../../dist/rows/11-hpack-faults.js';
import { ECHO } from '../../dist/runtimes/runtime.js';
import { requestBlock } from '../../dist/wire/frames.js';

const NOTHING = Buffer.alloc(0);

function decode(decoder: HpackDecoder, block: Buffer) {
  return decoder.decode(block, 0, block.length);
}

test('a header list is of exactly the size that was asked for', () => {
  for (const size of [8_192, 16_384, 16_385, 40_960, 65_536, 65_537]) {
    assert.equal(decode(new HpackDecoder(), literalList(size))?.listSize, size);
    const block = referringList(size);
    assert.equal(decode(new HpackDecoder(), block)?.listSize, size);
    assert.ok(block.length < 16_384);
  }
});

test('its path is in the table of whoever read it to its end, and of nobody else', () => {
  const decoder = new HpackDecoder();
  assert.equal(decode(decoder, referringList(16_385))?.tooLarge, true);
  const fields = decode(decoder, listByTable())?.fields ?? [];
  assert.equal(fields[fields.indexOf(':path') + 1], ECHO);
  assert.equal(decode(new HpackDecoder(), listByTable()), undefined);
});

test('each fault of HPACK is one of its own, and what is allowed is none', () => {
  for (const { name, before, after } of FAULTS) {
    const block = Buffer.concat([before ?? NOTHING, requestBlock(ECHO), after ?? NOTHING]);
    assert.equal(decode(new HpackDecoder(), block), undefined, name);
  }
  for (const { name, before, after } of ALLOWED) {
    const block = Buffer.concat([before ?? NOTHING, requestBlock(ECHO), after ?? NOTHING]);
    assert.ok(decode(new HpackDecoder(), block), name);
  }
});
