// The frame writers: bytes of one frame into a buffer that has room.
// Not here: the batching around them (loopy.ts).

import { writeFrameHeader } from '../../../packages/sluice/dist/frames/frame-header.js';
import { FrameType } from '../../../packages/sluice/dist/frames/frame-type.js';
import { sealHeaders } from '../../../packages/sluice/dist/frames/headers.js';
import { writePing } from '../../../packages/sluice/dist/frames/ping.js';
import { writeWindowUpdate } from '../../../packages/sluice/dist/frames/window-update.js';
import { writeMessagePrefix } from '../../../packages/sluice/dist/grpc/message-framing.js';
import type { MicroCase } from './case.ts';

const out: Buffer = Buffer.alloc(65_536);
const END_STREAM = 0x1;

export const frameWriterCases: readonly MicroCase[] = [
  {
    name: 'micro-frame-writer-data',
    measures: 'Frame header and message prefix of a DATA frame.',
    run: (operations) => {
      for (let i = 0; i < operations; i++) {
        const at = writeFrameHeader(out, 0, 21, FrameType.DATA, END_STREAM, i & 0xffff);
        writeMessagePrefix(out, at, 0, 16);
      }
    },
  },
  {
    name: 'micro-frame-writer-headers',
    measures: 'Seals a 12-byte header block into one HEADERS frame.',
    run: (operations) => {
      for (let i = 0; i < operations; i++) sealHeaders(out, 0, i & 0xffff, false, 12, 16_384);
    },
  },
  {
    name: 'micro-frame-writer-headers-40k',
    measures: 'Seals a 40,000-byte header block into HEADERS and two CONTINUATION.',
    run: (operations) => {
      for (let i = 0; i < operations; i++) sealHeaders(out, 0, 1, false, 40_000, 16_384);
    },
  },
  {
    name: 'micro-frame-writer-window-update',
    measures: 'One WINDOW_UPDATE.',
    run: (operations) => {
      for (let i = 0; i < operations; i++) writeWindowUpdate(out, 0, i & 0xffff, 1000);
    },
  },
  {
    name: 'micro-frame-writer-ping',
    measures: 'One PING.',
    run: (operations) => {
      for (let i = 0; i < operations; i++) writePing(out, 0, true, i, i);
    },
  },
];
