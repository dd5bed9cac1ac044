// RFC 7541 §4.2, §6 as the encoder keeps them, and when it indexes what.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder } from '#sluice/hpack/decoder.js';
import { HpackEncoder } from '#sluice/hpack/encoder.js';
import { decoded, fieldsBlock, hex, segmentBlock } from './blocks.js';

const CALL = [':method', 'POST', ':path', '/a.B/C', ':authority', 'h:1', 'te', 'trailers'];

test('a segment is indexed once, then costs one octet a field and leaves the generation', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  const segment = encoder.createSegment(CALL);
  const out = Buffer.alloc(HpackEncoder.bound(CALL));
  const first = encoder.writeSegment(segment, out, 0);
  assert.deepEqual(decoded(decoder, out.subarray(0, first)).fields, CALL);
  const generation = encoder.generation;
  for (let i = 0; i < 3; i++) {
    const end = encoder.writeSegment(segment, out, 0);
    assert.deepEqual(out.subarray(0, end), hex('83c0bfbe'));
    assert.equal(encoder.generation, generation);
    assert.equal(segment.generation, generation);
  }
});

test('a segment cached at an older generation is encoded anew', () => {
  const encoder = new HpackEncoder();
  const segment = encoder.createSegment(CALL);
  const out = Buffer.alloc(256);
  encoder.writeSegment(segment, out, 0);
  encoder.writeSegment(segment, out, 0);
  segmentBlock(encoder, ['x', 'y']);
  assert.notEqual(segment.generation, encoder.generation);
  const end = encoder.writeSegment(segment, out, 0);
  assert.deepEqual(out.subarray(0, end), hex('83c1c0bf'));
});

test('a cached segment of many octets is written whole', () => {
  const fields: string[] = [];
  for (let i = 0; i < 20; i++) fields.push('n', `value-${i}`);
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  const segment = encoder.createSegment(fields);
  const out = Buffer.alloc(HpackEncoder.bound(fields));
  for (let i = 0; i < 3; i++) {
    const end = encoder.writeSegment(segment, out, 0);
    assert.deepEqual(decoded(decoder, out.subarray(0, end)).fields, fields);
  }
});

test('a segment of another encoder and a list without its last value are refused as misuse', () => {
  const segment = new HpackEncoder().createSegment(CALL);
  assert.throws(() => new HpackEncoder().writeSegment(segment, Buffer.alloc(64), 0), TypeError);
  assert.throws(() => new HpackEncoder().createSegment(['a']), TypeError);
});

test('per-call fields are literal at first, inserted when they come again, then indexed', () => {
  const encoder = new HpackEncoder(4096, false);
  assert.deepEqual(fieldsBlock(encoder, ['k', 'v']), hex('00016b 0176'));
  assert.equal(encoder.generation, 0);
  assert.deepEqual(fieldsBlock(encoder, ['k', 'v']), hex('40016b 0176'));
  assert.equal(encoder.generation, 1);
  assert.deepEqual(fieldsBlock(encoder, ['k', 'v']), hex('be'));
  assert.deepEqual(fieldsBlock(encoder, ['k', 'w']), hex('0f2f 0177'), 'the name by index');
  assert.equal(encoder.generation, 1);
});

test('per-call fields never evict', () => {
  const encoder = new HpackEncoder(128);
  segmentBlock(encoder, ['hot', 'x'.repeat(61)]);
  const generation = encoder.generation;
  for (let i = 0; i < 5; i++) fieldsBlock(encoder, ['k', 'v']);
  assert.equal(encoder.generation, generation);
  assert.deepEqual(fieldsBlock(encoder, ['hot', 'x'.repeat(61)]), hex('be'));
});

test('values that differ each time leave the table and the generation alone', () => {
  const encoder = new HpackEncoder();
  for (let i = 0; i < 1000; i++) fieldsBlock(encoder, ['x-id', `id-${i}`]);
  assert.equal(encoder.generation, 0);
});

test('single fields are never inserted, however often they come', () => {
  const encoder = new HpackEncoder();
  const out = Buffer.alloc(64);
  for (let i = 0; i < 5; i++) {
    assert.equal(encoder.writeField('k', 'v', out, 0), 5);
    assert.deepEqual(out.subarray(0, 5), hex('00016b 0176'));
    assert.equal(encoder.writeNeverIndexed('k', 'v', out, 0), 5);
    assert.deepEqual(out.subarray(0, 5), hex('10016b 0176'));
  }
  assert.equal(encoder.generation, 0);
});

test('a name made up for every call is still written rightly', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  for (let i = 0; i < 300; i++) {
    const fields = [`name-${i}`, 'v', 'long-'.repeat(20) + i, 'v'];
    for (let twice = 0; twice < 2; twice++) {
      assert.deepEqual(decoded(decoder, fieldsBlock(encoder, fields)).fields, fields);
    }
  }
});

test('more segments than the table holds settle down instead of evicting one another', () => {
  const encoder = new HpackEncoder(1024);
  const decoder = new HpackDecoder(1024);
  const out = Buffer.alloc(512);
  const segments = [];
  for (let i = 0; i < 40; i++) {
    segments.push(encoder.createSegment([':path', `/service.Name/Method${i}`, 'te', 'trailers']));
  }
  let before = -1;
  for (let round = 0; round < 8; round++) {
    before = encoder.generation;
    for (const segment of segments) {
      const end = encoder.writeSegment(segment, out, encoder.beginBlock(out, 0));
      assert.deepEqual(decoded(decoder, out.subarray(0, end)).fields, segment.fields);
    }
  }
  assert.equal(encoder.generation, before);
  for (const segment of segments) assert.equal(segment.generation, before);
});

test('a field larger than the table is sent as a literal and evicts nothing', () => {
  const encoder = new HpackEncoder(128);
  segmentBlock(encoder, ['a', 'b']);
  const generation = encoder.generation;
  segmentBlock(encoder, ['big', 'x'.repeat(128)]);
  assert.equal(encoder.generation, generation);
});

test('a name is referred to before the entry that has it is evicted', () => {
  const encoder = new HpackEncoder(64);
  const decoder = new HpackDecoder(64);
  for (const value of ['one', 'two', 'three', 'four']) {
    const fields = ['x-name', value];
    const block = segmentBlock(encoder, fields);
    if (value !== 'one') assert.equal(block[0], 0x40 | 62);
    assert.deepEqual(decoded(decoder, block).fields, fields);
  }
});

test('the same field inserted again after eviction gets its new index', () => {
  const encoder = new HpackEncoder(64);
  segmentBlock(encoder, ['a', '1']);
  segmentBlock(encoder, ['b', '2']);
  segmentBlock(encoder, ['a', '1']);
  assert.deepEqual(segmentBlock(encoder, ['a', '1']), hex('be'));
  assert.notDeepEqual(segmentBlock(encoder, ['b', '2']), hex('bf'));
});

test('a cap below 4096 is signalled in the first block only', () => {
  const encoder = new HpackEncoder(256);
  assert.deepEqual(fieldsBlock(encoder, [':method', 'GET']), hex('3fe101 82'));
  assert.deepEqual(fieldsBlock(encoder, [':method', 'GET']), hex('82'));
});

test('a cap above 4096 is used when the peer allows it', () => {
  const encoder = new HpackEncoder(8192);
  assert.deepEqual(fieldsBlock(encoder, [':method', 'GET']), hex('82'));
  encoder.setPeerTableSize(65_536);
  assert.deepEqual(fieldsBlock(encoder, [':method', 'GET']), hex('3fe13f 82'));
});

test('a peer table size that changes nothing is not signalled', () => {
  const encoder = new HpackEncoder();
  encoder.setPeerTableSize(4096);
  encoder.setPeerTableSize(0xffff_ffff);
  assert.equal(encoder.generation, 0);
  assert.deepEqual(fieldsBlock(encoder, [':method', 'GET']), hex('82'));
});

test('a size that dips and rises is signalled as its minimum, then as what it came to', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  decoded(decoder, segmentBlock(encoder, CALL));
  encoder.setPeerTableSize(300);
  encoder.setPeerTableSize(0);
  encoder.setPeerTableSize(100);
  const block = segmentBlock(encoder, CALL);
  assert.deepEqual(block.subarray(0, 3), hex('20 3f45'));
  assert.deepEqual(decoded(decoder, block).fields, CALL);
  assert.deepEqual(decoded(decoder, segmentBlock(encoder, CALL)).fields, CALL);
});

test('a dip back to the size it was is signalled all the same: the table was emptied', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  decoded(decoder, segmentBlock(encoder, ['a', 'b']));
  encoder.setPeerTableSize(0);
  encoder.setPeerTableSize(4096);
  const block = segmentBlock(encoder, ['a', 'b']);
  assert.deepEqual(block.subarray(0, 4), hex('20 3fe11f'));
  assert.deepEqual(decoded(decoder, block).fields, ['a', 'b']);
});

test('a fall is signalled once, and a later rise alone', () => {
  const encoder = new HpackEncoder();
  encoder.setPeerTableSize(100);
  assert.deepEqual(fieldsBlock(encoder, [':method', 'GET']), hex('3f45 82'));
  encoder.setPeerTableSize(200);
  assert.deepEqual(fieldsBlock(encoder, [':method', 'GET']), hex('3fa901 82'));
});

test('with a table of no octets nothing is indexed and all is decoded', () => {
  const encoder = new HpackEncoder(0);
  const decoder = new HpackDecoder(0);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(decoded(decoder, segmentBlock(encoder, CALL)).fields, CALL);
    assert.deepEqual(decoded(decoder, fieldsBlock(encoder, CALL)).fields, CALL);
  }
});
