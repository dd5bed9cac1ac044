// The examples of RFC 7541 Appendix C, read and written.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockReader } from '#sluice/hpack/block-reader.js';
import { HpackDecoder } from '#sluice/hpack/decoder.js';
import { HpackEncoder } from '#sluice/hpack/encoder.js';
import type { HeaderFields } from '#sluice/hpack/header-fields.js';
import { writeInteger } from '#sluice/hpack/integer.js';
import { decoded, hex, refused, segmentBlock, tableOf } from './blocks.js';

interface Example {
  readonly block: string;
  /** What the encoder writes where it may differ. */
  readonly written?: string;
  readonly fields: HeaderFields;
  /** The dynamic table afterwards, newest first. */
  readonly table: HeaderFields;
}

const host = [':authority', 'www.example.com'];
const noCache = ['cache-control', 'no-cache'];
const custom = ['custom-key', 'custom-value'];
const get = [':method', 'GET', ':scheme', 'http', ':path', '/', ...host];
const getIndex = [':method', 'GET', ':scheme', 'https', ':path', '/index.html', ...host];

function requests(first: string, second: string, third: string): readonly Example[] {
  return [
    { block: first, fields: get, table: host },
    { block: second, fields: [...get, ...noCache], table: [...noCache, ...host] },
    { block: third, fields: [...getIndex, ...custom], table: [...custom, ...noCache, ...host] },
  ];
}

const isPrivate = ['cache-control', 'private'];
const date21 = ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'];
const date22 = ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'];
const location = ['location', 'https://www.example.com'];
const gzip = ['content-encoding', 'gzip'];
const cookie = ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'];
const tail = [...isPrivate, ...date21, ...location];

function responses(first: string, second: string, third: string): readonly Example[] {
  return [
    {
      block: first,
      fields: [':status', '302', ...tail],
      table: [...location, ...date21, ...isPrivate, ':status', '302'],
    },
    {
      block: second,
      fields: [':status', '307', ...tail],
      table: [':status', '307', ...location, ...date21, ...isPrivate],
    },
    {
      block: third,
      fields: [':status', '200', ...isPrivate, ...date22, ...location, ...gzip, ...cookie],
      table: [...cookie, ...gzip, ...date22],
    },
  ];
}

const C3 = requests(
  '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
  '8286 84be 5808 6e6f 2d63 6163 6865',
  '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
);
const C4 = requests(
  '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
  '8286 84be 5886 a8eb 1064 9cbf',
  '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
);
const C5 = responses(
  '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 ' +
    '2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
  '4803 3330 37c1 c0bf',
  '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d ' +
    '54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 ' +
    '5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
);
const C6 = responses(
  '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 ' +
    '2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
  '4883 640e ffc1 c0bf',
  '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab ' +
    '77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f ' +
    '9587 3160 65c0 03ed 4ee5 b106 3d50 07',
);
// The Appendix codes "307" although that saves nothing; the encoder codes what gets shorter.
const C6_WRITTEN = C6.map((example, i) =>
  i === 1 ? { ...example, written: '4803 3330 37c1 c0bf' } : example,
);

// Size update to 256, which the examples of C.5 and C.6 take as settled.
const TO_256 = '3fe1 01';

function checkSeries(examples: readonly Example[], tableSize: number, huffman: boolean): void {
  const decoder = new HpackDecoder(tableSize);
  const encoder = new HpackEncoder(tableSize, huffman);
  let lead = tableSize === 4096 ? '' : TO_256;
  for (const { block, written, fields, table } of examples) {
    const bytes = hex(lead + block);
    assert.deepEqual(segmentBlock(encoder, fields), hex(lead + (written ?? block)));
    lead = '';
    assert.deepEqual(decoded(decoder, bytes).fields, fields);
    assert.deepEqual(tableOf(decoder, table.length / 2), table);
  }
  const held = (examples.at(-1)?.table.length ?? 0) / 2;
  refused(decoder, Buffer.of(0x80 | (62 + held)));
}

test('C.1: the three integers are written and read as printed', () => {
  const cases: readonly [number, number, string][] = [
    [10, 0x1f, '0a'],
    [1337, 0x1f, '1f9a0a'],
    [42, 0xff, '2a'],
  ];
  const out = Buffer.alloc(8);
  const reader = new BlockReader();
  for (const [value, mask, bytes] of cases) {
    const end = writeInteger(value, mask, 0, out, 0);
    assert.equal(out.toString('hex', 0, end), bytes);
    reader.open(out, 0, end);
    assert.equal(reader.readInteger(mask), value);
    assert.equal(reader.at, end);
    assert.equal(reader.fault, '');
  }
});

test('C.2.1: a literal with incremental indexing', () => {
  const bytes = hex('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572');
  const fields = ['custom-key', 'custom-header'];
  assert.deepEqual(segmentBlock(new HpackEncoder(4096, false), fields), bytes);
  const decoder = new HpackDecoder();
  const block = decoded(decoder, bytes);
  assert.deepEqual(block.fields, fields);
  assert.equal(block.listSize, 55);
  assert.deepEqual(tableOf(decoder, 1), fields);
});

test('C.2.2: a literal without indexing', () => {
  const bytes = hex('040c 2f73 616d 706c 652f 7061 7468');
  const out = Buffer.alloc(64);
  const end = new HpackEncoder(4096, false).writeField(':path', '/sample/path', out, 0);
  assert.deepEqual(out.subarray(0, end), bytes);
  const decoder = new HpackDecoder();
  assert.deepEqual(decoded(decoder, bytes).fields, [':path', '/sample/path']);
  refused(decoder, hex('be'));
});

test('C.2.3: a literal never indexed', () => {
  const bytes = hex('1008 7061 7373 776f 7264 0673 6563 7265 74');
  const out = Buffer.alloc(64);
  const end = new HpackEncoder(4096, false).writeNeverIndexed('password', 'secret', out, 0);
  assert.deepEqual(out.subarray(0, end), bytes);
  const decoder = new HpackDecoder();
  assert.deepEqual(decoded(decoder, bytes).fields, ['password', 'secret']);
  refused(decoder, hex('be'));
});

test('C.2.4: an indexed field', () => {
  assert.deepEqual(segmentBlock(new HpackEncoder(), [':method', 'GET']), hex('82'));
  assert.deepEqual(decoded(new HpackDecoder(), hex('82')).fields, [':method', 'GET']);
});

test('C.3: requests without Huffman coding', () => checkSeries(C3, 4096, false));
test('C.4: requests with Huffman coding', () => checkSeries(C4, 4096, true));
test('C.5: responses without Huffman coding, with evictions', () => checkSeries(C5, 256, false));
test('C.6: responses with Huffman coding, with evictions', () =>
  checkSeries(C6_WRITTEN, 256, true));

test('every example cut short at any byte is a fault or a shorter list, never a throw', () => {
  for (const series of [C3, C4, C5, C6]) {
    for (let last = 0; last < series.length; last++) {
      const whole = hex(series[last]?.block ?? '');
      for (let cut = 0; cut < whole.length; cut++) {
        const decoder = new HpackDecoder();
        for (let i = 0; i < last; i++) decoded(decoder, hex(series[i]?.block ?? ''));
        const block = decoder.decode(whole, 0, cut);
        if (block === undefined) {
          assert.notEqual(decoder.fault, '');
        } else {
          const fields = series[last]?.fields ?? [];
          assert.ok(block.fields.length < fields.length);
          assert.deepEqual(block.fields, fields.slice(0, block.fields.length));
        }
      }
    }
  }
});
