// No bytes make the reader throw, exceed its memory, or depend on how they were cut.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameReader } from '#sluice/frames/frame-reader.js';
import { mulberry32 } from '../support/random.js';
import { FRAMES } from './conversation.js';
import { eventsOf, OPTIONS, Recorder } from './recorder.js';

const LIMITS = { ...OPTIONS, maxHeaderBlock: 4096 };

function readAll(bytes: Buffer, chunkLength: () => number): string[] {
  const recorder = new Recorder();
  const reader = new FrameReader(recorder, LIMITS);
  let held = false;
  recorder.onEvent = () => {
    held = !held;
    if (held) reader.hold();
  };
  for (let start = 0; start < bytes.length; ) {
    const end = Math.min(bytes.length, start + chunkLength());
    let at = start;
    while (at < end) {
      const reached = reader.read(bytes, at, end);
      assert.ok(reached >= at && reached <= end);
      assert.ok(reader.retainedBytes <= 1032 + LIMITS.maxHeaderBlock);
      at = reached;
      reader.release();
    }
    start = end;
  }
  assert.equal(reader.stopped, recorder.events.at(-1)?.startsWith('CONNECTION') === true);
  return recorder.events;
}

/** Frames of the reference conversation with bytes changed, lost, added and mixed up. */
function mutated(random: () => number): Buffer {
  const below = (n: number): number => Math.floor(random() * n);
  const parts: Buffer[] = [];
  const count = 1 + below(12);
  for (let i = 0; i < count; i++) {
    const frame = Buffer.from(FRAMES[below(FRAMES.length)] ?? Buffer.alloc(0));
    const changes = below(3);
    for (let change = 0; change < changes; change++) {
      // Mostly in the header, and small values mostly: wild ones end at once in FRAME_SIZE_ERROR.
      const at = below(random() < 0.7 ? Math.min(9, frame.length) : frame.length);
      frame[at] = at < 2 && random() < 0.9 ? 0 : below(random() < 0.5 ? 16 : 256);
    }
    const tail = random();
    if (tail < 0.05) parts.push(frame.subarray(0, below(frame.length)));
    else parts.push(frame);
    if (tail > 0.95) parts.push(Buffer.from([below(256), below(256)]));
  }
  return Buffer.concat(parts);
}

test('20,000 mutated conversations tell the same in any chunking, and never throw', () => {
  const random = mulberry32(9113);
  let faults = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = mutated(random);
    const whole = eventsOf(bytes, [], LIMITS);
    const inPieces = readAll(bytes, () => 1 + Math.floor(random() * 24));
    assert.deepEqual(inPieces, whole, `round ${round}: ${bytes.toString('hex')}`);
    if (whole.at(-1)?.startsWith('CONNECTION')) faults++;
  }
  assert.ok(faults > 1000 && faults < 19_000, `${faults} of them faulty`);
});

test('20,000 runs of random bytes never throw', () => {
  const random = mulberry32(7540);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.alloc(1 + Math.floor(random() * 120));
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256);
    // Let most of them past the length check.
    if (random() < 0.8) bytes[0] = 0;
    if (random() < 0.8) bytes[1] = 0;
    if (random() < 0.8) bytes[3] = (bytes[3] ?? 0) & 0x0f;
    const whole = eventsOf(bytes, [], LIMITS);
    assert.deepEqual(
      readAll(bytes, () => 1 + Math.floor(random() * 9)),
      whole,
    );
  }
});
