// RFC 7541 Appendix A: the 61 indices every peer knows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackDecoder } from '#sluice/hpack/decoder.js';
import { HpackEncoder } from '#sluice/hpack/encoder.js';
import { decoded, refused, segmentBlock } from './blocks.js';

// Written out again, from the Appendix, so that a slip in the table shows.
const NAMES =
  `:authority :method :method :path :path :scheme :scheme :status :status :status :status
  :status :status :status accept-charset accept-encoding accept-language accept-ranges accept
  access-control-allow-origin age allow authorization cache-control content-disposition
  content-encoding content-language content-length content-location content-range content-type
  cookie date etag expect expires from host if-match if-modified-since if-none-match if-range
  if-unmodified-since last-modified link location max-forwards proxy-authenticate
  proxy-authorization range referer refresh retry-after server set-cookie
  strict-transport-security transfer-encoding user-agent vary via www-authenticate`.split(/\s+/);

const VALUES: ReadonlyMap<number, string> = new Map([
  [2, 'GET'],
  [3, 'POST'],
  [4, '/'],
  [5, '/index.html'],
  [6, 'http'],
  [7, 'https'],
  [8, '200'],
  [9, '204'],
  [10, '206'],
  [11, '304'],
  [12, '400'],
  [13, '404'],
  [14, '500'],
  [16, 'gzip, deflate'],
]);

test('each static index decodes to its field, and the field encodes to its index', () => {
  assert.equal(NAMES.length, 61);
  for (let index = 1; index <= 61; index++) {
    const fields = [NAMES[index - 1] ?? '', VALUES.get(index) ?? ''];
    const reference = Buffer.of(0x80 | index);
    assert.deepEqual(decoded(new HpackDecoder(), reference).fields, fields);
    assert.deepEqual(segmentBlock(new HpackEncoder(), fields), reference);
  }
});

test('index 62 of an empty dynamic table is a fault', () => {
  assert.match(refused(new HpackDecoder(), Buffer.of(0x80 | 62)), /past the end/);
});

test('a literal names its field by the lowest static index of that name', () => {
  const encoder = new HpackEncoder();
  const out = Buffer.alloc(32);
  encoder.writeField(':status', '418', out, 0);
  assert.equal(out[0], 8);
  encoder.writeField('www-authenticate', 'x', out, 0);
  assert.deepEqual([out[0], out[1]], [0x0f, 61 - 15]);
});
