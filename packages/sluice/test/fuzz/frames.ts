// The frames fuzzer: bytes that are nearly a conversation, to a FrameReader. Read in one chunk, in
// random chunks with the reader held at random, and by the reference, they must tell the same; what is
// kept between chunks is bounded; what our writers make of it reads back the same.
// RFC 9113 §4, §6.

import type { FrameReaderOptions } from '#sluice/frames/frame-handler.js';
import { FrameReader } from '#sluice/frames/frame-reader.js';
import { mulberry32 } from '../support/random.js';
import { EventTape, Kind } from './event-tape.js';
import { FrameModel } from './frame-model.js';
import { FrameRewriter } from './frame-rewriter.js';
import { generateFrames } from './frame-steps.js';
import { broken, hold, type Target } from './target.js';
import { bytesAt, numberAt, type Step, type Transcript, wordOf } from './transcript.js';

/** Bytes that one transcript comes to at most. */
const MOST_BYTES = 200_000;

// One of each for all executions: they are emptied, not made anew.
const wire: Buffer = Buffer.alloc(MOST_BYTES);
const chunk: Buffer = Buffer.alloc(MOST_BYTES);
const whole = new EventTape();
const pieces = new EventTape();
const model = new EventTape();
const rewriter = new FrameRewriter();

export const frames: Target = { name: 'frames', share: 0.32, generate: generateFrames, run };

function run(transcript: Transcript): string {
  let options = optionsOf([]);
  let seed = 0;
  let most = 1;
  let holdEvery = 0;
  let length = 0;
  for (let step of transcript) {
    if (wordOf(step) === 'again') step = transcript[numberAt(step, 1, transcript.length)] ?? step;
    const word = wordOf(step);
    if (word === 'options') {
      options = optionsOf(step);
    } else if (word === 'chunks') {
      seed = numberAt(step, 1, 2 ** 31);
      most = Math.max(1, numberAt(step, 2, MOST_BYTES));
      holdEvery = numberAt(step, 3, 100);
    } else if (word === 'raw') {
      length += bytesAt(step, 1).copy(wire, length);
    } else if (word === 'frame') {
      length = putFrame(step, length);
    }
  }
  compare(options, length, seed, most, holdEvery);
  return whole.last === Kind.connectionFault ? `fault ${whole.lastCode}` : 'no fault';
}

function optionsOf(step: Step): FrameReaderOptions {
  return {
    maxFrameSize: Math.max(16_384, numberAt(step, 1, 2 ** 24 - 1)),
    maxHeaderBlock: Math.max(1, numberAt(step, 2, 65_536)),
    maxContinuations: Math.max(1, numberAt(step, 3, 1_000)),
    expectPreface: numberAt(step, 4, 1) === 1,
  };
}

function putFrame(step: Step, at: number): number {
  const payload = bytesAt(step, 4);
  if (at + 9 + payload.length > wire.length) return at;
  const length = (payload.length + numberAt(step, 5, 2 ** 24)) % 2 ** 24;
  const id = numberAt(step, 3, 2 ** 32 - 1);
  wire[at] = length >>> 16;
  wire[at + 1] = length >>> 8;
  wire[at + 2] = length;
  wire[at + 3] = numberAt(step, 1, 255);
  wire[at + 4] = numberAt(step, 2, 255);
  wire[at + 5] = id >>> 24;
  wire[at + 6] = id >>> 16;
  wire[at + 7] = id >>> 8;
  wire[at + 8] = id;
  payload.copy(wire, at + 9);
  return at + 9 + payload.length;
}

function compare(
  options: FrameReaderOptions,
  length: number,
  seed: number,
  most: number,
  holdEvery: number,
): void {
  whole.clear();
  const reader = new FrameReader(whole, options);
  hold(reader.read(wire, 0, length) === length, 'a reader that is not held reads all there is');
  model.clear();
  const isOver = new FrameModel(wire.subarray(0, length), options, model).read();
  if (!whole.equals(model)) broken(`the reader tells\n${whole}\nand should tell\n${model}`);
  if (reader.stopped !== isOver) broken(`stopped is ${reader.stopped}`);
  const ends = whole.last === Kind.connectionFault;
  hold(ends === isOver, 'a connection fault is the last thing told');
  readPieces(options, length, seed, most, holdEvery);
  if (!pieces.equals(whole)) broken(`in pieces it tells\n${pieces}\nand in one\n${whole}`);
  if (seed % 4 === 0) rewrite(options, length);
}

function readPieces(
  options: FrameReaderOptions,
  length: number,
  seed: number,
  most: number,
  holdEvery: number,
): void {
  const random = mulberry32(seed);
  pieces.clear();
  const reader = new FrameReader(pieces, options);
  pieces.onEvent =
    holdEvery === 0
      ? undefined
      : (): void => {
          if (pieces.count % holdEvery === 0) reader.hold();
        };
  wire.copy(chunk, 0, 0, length);
  for (let start = 0; start < length; ) {
    const end = Math.min(length, start + 1 + Math.floor(random() * most));
    let at = start;
    while (at < end) {
      const reached = reader.read(chunk, at, end);
      if (reached < at || reached > end) broken(`reached ${reached} of ${at} to ${end}`);
      if (reader.retainedBytes > 1032 + options.maxHeaderBlock)
        broken(`${reader.retainedBytes} bytes kept`);
      at = reached;
      reader.release();
    }
    // A view of it that a reader kept would see this.
    if (end - start > 64) chunk.fill(0xee, start, end);
    else for (let i = start; i < end; i++) chunk[i] = 0xee;
    start = end;
  }
}

function rewrite(options: FrameReaderOptions, length: number): void {
  rewriter.clear();
  new FrameReader(rewriter, options).read(wire, 0, length);
  rewriter.check();
}
