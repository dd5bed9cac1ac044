// RFC 7541 §4, §6 and RFC 9113 §6.5.2 as the decoder keeps them: faults, limits, repeated blocks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder } from '#sluice/hpack/decoder.js';
import { HpackEncoder } from '#sluice/hpack/encoder.js';
import { decoded, hex, refused, segmentBlock, tableOf } from './blocks.js';

test('what no block may hold is refused with its reason, and so is every block after it', () => {
  const cases: readonly [string, RegExp][] = [
    ['80', /index 0/],
    ['be', /past the end/],
    ['ffff ffff 7f', /past the end/],
    ['7f00 0161', /past the end/],
    ['ffff ffff ff7f', /longer than 5/],
    ['ff', /inside an integer/],
    ['40', /where a string should start/],
    ['4001 61', /where a string should start/],
    ['4001', /inside a string/],
    ['0082 ffff 0161', /Huffman/],
    ['3fe2 1f', /above the limit/],
    ['3fff ffff 7f', /above the limit/],
    ['82 20', /follows a field/],
    ['20 82 20', /follows a field/],
    ['20 20 20 82', /more than two/],
  ];
  for (const [block, reason] of cases) {
    const decoder = new HpackDecoder();
    assert.match(refused(decoder, hex(block)), reason, block);
    assert.match(refused(decoder, hex('82')), reason, 'after a fault the table is unknown');
  }
});

test('an empty block and one of size updates alone are legal and empty', () => {
  const decoder = new HpackDecoder();
  for (const bytes of ['', '20', '20 3fe11f']) {
    const block = decoded(decoder, hex(bytes));
    assert.deepEqual(block.fields, []);
    assert.equal(block.listSize, 0);
    assert.equal(block.tooLarge, false);
  }
});

test('only the bytes from start to end are read', () => {
  const decoder = new HpackDecoder();
  const block = decoder.decode(hex('80 82 84 80'), 1, 3);
  assert.deepEqual(block?.fields, [':method', 'GET', ':path', '/']);
  assert.equal(decoder.decode(hex('0001 6101 62'), 0, 4), undefined);
});

test('octets above 127 arrive as latin1, coded or not', () => {
  const fields = ['x', 'caf\u00e9 \u0000\u00ff', 'y', `${'aeiost'.repeat(9)}\u00e9`];
  const block = segmentBlock(new HpackEncoder(), fields);
  assert.deepEqual(decoded(new HpackDecoder(), block).fields, fields);
});

test('a field larger than the table empties it and is no fault', () => {
  const decoder = new HpackDecoder();
  decoded(decoder, hex('3f21 4001 6101 62')); // capacity 64, then a: b
  assert.deepEqual(tableOf(decoder, 1), ['a', 'b']);
  const big = decoded(decoder, Buffer.concat([hex('4001 6140'), Buffer.alloc(64, 'x')]));
  assert.deepEqual(big.fields, ['a', 'x'.repeat(64)]);
  refused(decoder, hex('be'));
});

test('a name may refer to an entry that adding the field evicts', () => {
  const decoder = new HpackDecoder();
  decoded(decoder, hex('3f07 4001 6101 62')); // capacity 38, then a: b
  assert.deepEqual(decoded(decoder, hex('7e 0163')).fields, ['a', 'c']);
  assert.deepEqual(tableOf(decoder, 1), ['a', 'c']);
});

test('a size update to 0 empties the table', () => {
  const decoder = new HpackDecoder();
  decoded(decoder, hex('4001 6101 62'));
  decoded(decoder, hex('20'));
  refused(decoder, hex('be'));
});

test('the table keeps its order while its ring grows and wraps', () => {
  const decoder = new HpackDecoder();
  const expected: string[] = [];
  for (let i = 0; i < 500; i++) {
    const value = String(i).padStart(3, '0');
    const block = Buffer.concat([hex('4001 6103'), Buffer.from(value)]);
    decoded(decoder, block);
    expected.unshift('a', value);
  }
  const held = Math.floor(4096 / 36);
  const references = Buffer.alloc(held * 2);
  let at = 0;
  for (let i = 0; i < held; i++) {
    if (62 + i < 127) references[at++] = 0x80 | (62 + i);
    else {
      references[at++] = 0xff;
      references[at++] = 62 + i - 127;
    }
  }
  const block = decoded(decoder, references.subarray(0, at));
  assert.deepEqual(block.fields, expected.slice(0, 2 * held));
  refused(decoder, Buffer.of(0xff, 62 + held - 127));
});

test('the list size counts 32 for each field, and at the limit the list is kept', () => {
  const fields = ['abc', 'defg', 'h', ''];
  const block = segmentBlock(new HpackEncoder(), fields);
  const kept = decoded(new HpackDecoder(4096, 72), block);
  assert.deepEqual(kept.fields, fields);
  assert.equal(kept.listSize, 72);
  assert.equal(kept.tooLarge, false);
  const dropped = decoded(new HpackDecoder(4096, 71), block);
  assert.deepEqual(dropped.fields, []);
  assert.equal(dropped.listSize, 72);
  assert.equal(dropped.tooLarge, true);
});

test('a list that is too large still goes into the table, so later blocks decode rightly', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(4096, 200);
  const large = ['a', 'x'.repeat(150), 'b', 'y'.repeat(150), 'c', 'z'];
  assert.equal(decoded(decoder, segmentBlock(encoder, large)).tooLarge, true);
  assert.equal(decoded(decoder, segmentBlock(encoder, large)).tooLarge, true);
  const small = ['b', 'y'.repeat(150)];
  const block = segmentBlock(encoder, small);
  assert.deepEqual(block, hex('bf'));
  assert.deepEqual(decoded(decoder, block).fields, small);
});

test('strings past every limit are counted without being made', () => {
  const decoder = new HpackDecoder(4096, 100);
  const long = 'e'.repeat(1_000_000);
  const out = Buffer.alloc(1_000_100);
  const end = new HpackEncoder().writeField('x', long, out, 0);
  const block = decoded(decoder, out.subarray(0, end));
  assert.equal(block.tooLarge, true);
  assert.equal(block.listSize, 1_000_033);
  assert.deepEqual(decoded(decoder, hex('82')).fields, [':method', 'GET']);
});

test('15,000 references to a large entry keep nothing past the limit', () => {
  const decoder = new HpackDecoder();
  const fields = ['bomb', 'x'.repeat(4000)];
  decoded(decoder, segmentBlock(new HpackEncoder(), fields));
  const block = decoded(decoder, Buffer.alloc(15_000, 0xbe));
  assert.equal(block.tooLarge, true);
  assert.equal(block.fields.length, 0);
  assert.equal(block.listSize, 15_000 * 4036);
  assert.deepEqual(tableOf(decoder, 1), fields);
});

test('a repeated block is the same frozen object from its third coming', () => {
  const decoder = new HpackDecoder();
  const bytes = hex('8286 0001 6101 62');
  decoded(decoder, bytes);
  const block = decoded(decoder, bytes);
  block.derived = 'kept';
  const shifted = Buffer.concat([hex('ffff'), bytes]);
  const again = decoder.decode(shifted, 2, shifted.length);
  assert.equal(again, block);
  assert.equal(again?.derived, 'kept');
  assert.ok(Object.isFrozen(block.fields));
});

test('the same bytes mean something else once the table changed', () => {
  const decoder = new HpackDecoder();
  decoded(decoder, hex('4001 6101 31'));
  for (let i = 0; i < 4; i++) assert.deepEqual(tableOf(decoder, 1), ['a', '1']);
  const generation = decoder.generation;
  decoded(decoder, hex('4001 6101 32'));
  assert.notEqual(decoder.generation, generation);
  for (let i = 0; i < 4; i++) assert.deepEqual(tableOf(decoder, 1), ['a', '2']);
  decoded(decoder, hex('20'));
  refused(decoder, hex('be'));
});

test('blocks that insert, resize or are too large come as objects of their own each time', () => {
  const insert = hex('4001 6101 62');
  const resize = hex('3fe11f 82');
  const large = Buffer.concat([hex('0001 617f 01'), Buffer.alloc(128, 'x')]);
  for (const bytes of [insert, resize, large]) {
    const decoder = new HpackDecoder(4096, 100);
    const seen = new Set<unknown>();
    for (let i = 0; i < 5; i++) seen.add(decoded(decoder, bytes));
    assert.equal(seen.size, 5);
  }
});

test('blocks of more than 256 bytes are decoded each time', () => {
  const decoder = new HpackDecoder();
  const seen = new Set<unknown>();
  for (let i = 0; i < 5; i++) seen.add(decoded(decoder, Buffer.alloc(257, 0x82)));
  assert.equal(seen.size, 5);
});

test('a remembered block does not depend on the buffer it came in', () => {
  const decoder = new HpackDecoder();
  const bytes = hex('0001 6101 62');
  for (let i = 0; i < 3; i++) decoded(decoder, bytes);
  bytes[4] = 0x63;
  assert.deepEqual(decoded(decoder, bytes).fields, ['a', 'c']);
  assert.deepEqual(decoded(decoder, hex('0001 6101 62')).fields, ['a', 'b']);
});
