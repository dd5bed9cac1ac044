// HPACK as a connection uses it: the header block of a repeated call, encoded from a segment and
// decoded from the block cache, and the slow paths beside them.

import { HpackDecoder } from '../../../packages/sluice/dist/hpack/decoder.js';
import { HpackEncoder } from '../../../packages/sluice/dist/hpack/encoder.js';
import type { MicroCase } from './case.ts';

const REQUEST: readonly string[] = [
  ':method',
  'POST',
  ':scheme',
  'http',
  ':path',
  '/bench.Bench/Unary',
  ':authority',
  '127.0.0.1:50051',
  'content-type',
  'application/grpc',
  'te',
  'trailers',
  'user-agent',
  'sluice-node/0.1.0',
];

const METADATA: readonly string[] = [
  'authorization',
  'Bearer 0123456789abcdef',
  'x-request-id',
  '7',
];

function encodeRepeated(withTimeout: boolean): (operations: number) => void {
  const encoder = new HpackEncoder();
  const segment = encoder.createSegment(REQUEST);
  const out = Buffer.alloc(1024);
  return (operations) => {
    for (let i = 0; i < operations; i++) {
      const at = encoder.writeSegment(segment, out, encoder.beginBlock(out, 0));
      if (withTimeout) encoder.writeField('grpc-timeout', '29999m', out, at);
    }
  };
}

function encodeMetadata(): (operations: number) => void {
  const encoder = new HpackEncoder();
  const segment = encoder.createSegment(REQUEST);
  const out = Buffer.alloc(1024);
  return (operations) => {
    for (let i = 0; i < operations; i++) {
      const at = encoder.writeSegment(segment, out, encoder.beginBlock(out, 0));
      encoder.writeFields(METADATA, out, at);
    }
  };
}

/** A decoder that has seen the request once, and the block that repeats it. */
function requestBlock(): { decoder: HpackDecoder; encoder: HpackEncoder; block: Buffer } {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  const segment = encoder.createSegment(REQUEST);
  const out = Buffer.alloc(1024);
  let end = 0;
  // The first block inserts, the second refers to what the first inserted.
  for (let block = 0; block < 2; block++) {
    end = encoder.writeSegment(segment, out, encoder.beginBlock(out, 0));
    if (decoder.decode(out, 0, end) === undefined) throw new Error(decoder.fault);
  }
  return { decoder, encoder, block: out.subarray(0, end) };
}

function decodeRepeated(): (operations: number) => void {
  const { decoder, block } = requestBlock();
  return (operations) => {
    for (let i = 0; i < operations; i++) decoder.decode(block, 0, block.length);
  };
}

/** Blocks that differ in one literal, more of them than any cache holds. */
function decodeVarying(): (operations: number) => void {
  const { decoder, encoder, block } = requestBlock();
  const blocks: Buffer[] = [];
  for (let i = 0; i < 4096; i++) {
    const out = Buffer.alloc(block.length + 64);
    const at = block.copy(out, encoder.beginBlock(out, 0));
    const end = encoder.writeField('grpc-timeout', `${100_000 + i}u`, out, at);
    blocks.push(out.subarray(0, end));
  }
  let next = 0;
  return (operations) => {
    for (let i = 0; i < operations; i++) {
      const varied = blocks[next] ?? block;
      decoder.decode(varied, 0, varied.length);
      next = (next + 1) & 4095;
    }
  };
}

export const hpackCases: readonly MicroCase[] = [
  {
    name: 'micro-hpack-encode',
    measures: 'Request block of a repeated call: one segment.',
    run: encodeRepeated(false),
  },
  {
    name: 'micro-hpack-encode-timeout',
    measures: 'The same and a grpc-timeout literal.',
    run: encodeRepeated(true),
  },
  {
    name: 'micro-hpack-encode-metadata',
    measures: 'The same segment and two fields of user metadata.',
    run: encodeMetadata(),
  },
  {
    name: 'micro-hpack-decode-hit',
    measures: 'Request block that repeats byte for byte.',
    run: decodeRepeated(),
  },
  {
    name: 'micro-hpack-decode-miss',
    measures: 'Request block with a grpc-timeout that differs each time.',
    run: decodeVarying(),
  },
];
