// The frame reader on chunks as a socket delivers them, with a handler that does nothing: the cost
// of finding and checking frames, nothing of what they mean.

import type { FrameHandler } from '../../../packages/sluice/dist/frames/frame-handler.js';
import { writeFrameHeader } from '../../../packages/sluice/dist/frames/frame-header.js';
import { FrameReader } from '../../../packages/sluice/dist/frames/frame-reader.js';
import { FrameType } from '../../../packages/sluice/dist/frames/frame-type.js';
import { writeWindowUpdate } from '../../../packages/sluice/dist/frames/window-update.js';
import type { MicroCase } from './case.ts';

const CHUNK = 65_536;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;

const idle: FrameHandler = {
  onDataFrame() {},
  onDataBytes() {},
  onDataEnd() {},
  onHeaders() {},
  onPriority() {},
  onRstStream() {},
  onSettings() {},
  onSettingsAck() {},
  onPing() {},
  onGoAway() {},
  onWindowUpdate() {},
  onPushPromise() {},
  onUnknown() {},
  onConnectionFault(_errorCode, reason) {
    throw new Error(reason);
  },
  onStreamFault(_streamId, _errorCode, reason) {
    throw new Error(reason);
  },
};

/** Fills one chunk with what `write` puts at an offset, as often as it fits whole. */
function repeated(
  length: number,
  write: (out: Buffer, at: number, index: number) => number,
): { chunk: Buffer; count: number } {
  const chunk = Buffer.alloc(CHUNK);
  let at = 0;
  let count = 0;
  while (at + length <= CHUNK) {
    at = write(chunk, at, count);
    count += 1;
  }
  return { chunk: chunk.subarray(0, at), count };
}

function reading(source: { chunk: Buffer; count: number }): (operations: number) => void {
  const reader = new FrameReader(idle, {
    maxFrameSize: 16_384,
    maxHeaderBlock: 65_536,
    maxContinuations: 8,
    expectPreface: false,
  });
  const { chunk, count } = source;
  return (operations) => {
    for (let done = 0; done < operations; done += count) reader.read(chunk, 0, chunk.length);
  };
}

/** HEADERS of 12 bytes and DATA of 21: what a repeated 16-byte unary call puts on the wire. */
function unaryRequest(out: Buffer, at: number, index: number): number {
  const streamId = 2 * index + 1;
  const body = writeFrameHeader(out, at, 12, FrameType.HEADERS, END_HEADERS, streamId) + 12;
  return writeFrameHeader(out, body, 21, FrameType.DATA, END_STREAM, streamId) + 21;
}

export const frameReaderCases: readonly MicroCase[] = [
  {
    name: 'micro-frame-reader-unary',
    measures: 'HEADERS and DATA of one 16-byte unary request, from a 64 KiB chunk of them.',
    run: reading(repeated(51, unaryRequest)),
  },
  {
    name: 'micro-frame-reader-window-update',
    measures: 'One WINDOW_UPDATE, from a 64 KiB chunk of them.',
    run: reading(repeated(13, (out, at, index) => writeWindowUpdate(out, at, 2 * index + 1, 1000))),
  },
  {
    name: 'micro-frame-reader-data-16k',
    measures: 'One DATA frame of 16,384 bytes, never copied.',
    run: reading(
      repeated(9 + 16_384, (out, at) => {
        return writeFrameHeader(out, at, 16_384, FrameType.DATA, 0, 1) + 16_384;
      }),
    ),
  },
];
