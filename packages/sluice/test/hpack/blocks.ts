// Shorthand of the HPACK tests: blocks from hex, whole blocks from an encoder, fields in a table.

import assert from 'node:assert/strict';
import type { HeaderBlock, HpackDecoder } from '#sluice/hpack/decoder.js';
import { HpackEncoder } from '#sluice/hpack/encoder.js';
import type { HeaderFields } from '#sluice/hpack/header-fields.js';

/** Bytes from hex, spaces ignored. */
export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

/** Decodes a block that has to be legal. */
export function decoded(decoder: HpackDecoder, block: Buffer): HeaderBlock {
  const result = decoder.decode(block, 0, block.length);
  assert.equal(decoder.fault, '');
  assert.ok(result !== undefined);
  return result;
}

/** Feeds a block that has to be refused; returns the fault. */
export function refused(decoder: HpackDecoder, block: Buffer): string {
  assert.equal(decoder.decode(block, 0, block.length), undefined);
  assert.notEqual(decoder.fault, '');
  return decoder.fault;
}

/** One block of per-call fields. */
export function fieldsBlock(encoder: HpackEncoder, fields: HeaderFields): Buffer {
  const out = Buffer.alloc(HpackEncoder.bound(fields));
  return out.subarray(0, encoder.writeFields(fields, out, encoder.beginBlock(out, 0)));
}

/** One block that is a fresh segment, which indexes all it can. */
export function segmentBlock(encoder: HpackEncoder, fields: HeaderFields): Buffer {
  const out = Buffer.alloc(HpackEncoder.bound(fields));
  const segment = encoder.createSegment(fields);
  return out.subarray(0, encoder.writeSegment(segment, out, encoder.beginBlock(out, 0)));
}

/** The newest `count` fields of a decoder's dynamic table, as references to them decode. */
export function tableOf(decoder: HpackDecoder, count: number): HeaderFields {
  const references = Buffer.alloc(count);
  for (let i = 0; i < count; i++) references[i] = 0x80 | (62 + i);
  return decoded(decoder, references).fields;
}
