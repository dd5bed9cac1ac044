// What arrives does not keep the event loop: a turn parses for a slice of time over all connections,
// and goes on in the next one. What a socket gave that is small goes ahead.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { FrameReader } from '#sluice/frames/frame-reader.js';
import { CALLS_AHEAD, DISPATCH_SLICE_MS, SMALL_CHUNK } from '#sluice/transport/limits.js';
import { Reader } from '#sluice/transport/reader.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { OPTIONS, Recorder } from '../frames/recorder.js';
import { VirtualClock } from '../support/virtual-clock.js';

const PING = Buffer.from('0000080600000000000000000000000000', 'hex');
/** Pings of more than SMALL_CHUNK bytes. */
const PINGS = Math.floor(SMALL_CHUNK / PING.length) + 1;
const LARGE = Buffer.concat(Array.from({ length: PINGS }, () => PING));

/** An event loop whose chunks each take a millisecond to parse. */
class Loop {
  private readonly clock = new VirtualClock();
  private readonly wheel = new TimerWheel(this.clock);
  private readonly turns: (() => void)[] = [];
  private readonly schedule = (turn: () => void): unknown => this.turns.push(turn);

  reader(): Busy {
    const recorder = new Recorder();
    const listener = {
      gateOpen: () => true,
      writeBlocked: () => false,
      onGateClosed: () => {},
      onChunk: () => this.clock.now(),
      onChunkEnd: () => this.clock.advance(1),
    };
    const frames = new FrameReader(recorder, OPTIONS);
    const reader = new Reader(new PassThrough(), frames, listener, this.wheel, this.schedule);
    return new Busy(reader, recorder);
  }

  nextTurn(): void {
    for (const turn of this.turns.splice(0)) turn();
  }

  get isQuiet(): boolean {
    return this.turns.length === 0;
  }
}

class Busy {
  private readonly reader: Reader;
  private readonly recorder: Recorder;

  constructor(reader: Reader, recorder: Recorder) {
    this.reader = reader;
    this.recorder = recorder;
  }

  /** Large chunks until the reader asks to wait: how many it took. */
  push(most: number): number {
    for (let i = 0; i < most; i += 1) if (!this.reader.push(LARGE, LARGE.length)) return i;
    return most;
  }

  pushSmall(): boolean {
    return this.reader.push(PING, PING.length);
  }

  /** A few calls in one small chunk; each asks whether its turn is over, as a new call does. */
  pushCalls(count: number): boolean {
    this.recorder.onEvent = () => this.reader.shareTurn();
    const calls = Buffer.concat(Array.from({ length: count }, () => PING));
    return this.reader.push(calls, calls.length);
  }

  /** Frames that were parsed. */
  get frames(): number {
    return this.recorder.events.length;
  }

  /** Large chunks that were parsed; a small one counts as a part of one. */
  get parsed(): number {
    return this.recorder.events.length / PINGS;
  }
}

/** The first chunk of a slice begins it, and the one that passes it is still parsed. */
const IN_A_SLICE = DISPATCH_SLICE_MS + 1;

test('large chunks that keep coming are parsed for a slice, the next of them a turn later', () => {
  const loop = new Loop();
  const busy = loop.reader();
  assert.equal(busy.push(32), IN_A_SLICE);
  assert.equal(busy.parsed, IN_A_SLICE);
  loop.nextTurn();
  assert.equal(busy.parsed, IN_A_SLICE + 1);
  // The held one began the slice.
  assert.equal(busy.push(32), IN_A_SLICE - 1);
});

test('the slice of a turn is shared by all connections, and each has its turn', () => {
  const loop = new Loop();
  const readers = Array.from({ length: 2 * IN_A_SLICE }, () => loop.reader());
  for (const reader of readers) reader.push(1);
  assert.equal(readers.filter(({ parsed }) => parsed === 1).length, IN_A_SLICE);
  loop.nextTurn();
  assert.ok(readers.every(({ parsed }) => parsed === 1));
});

test('what did not fit into the slice of a later turn either waits again, in its order', () => {
  const loop = new Loop();
  const readers = Array.from({ length: 4 * IN_A_SLICE }, () => loop.reader());
  for (const reader of readers) reader.push(1);
  const parsed = (): number => readers.filter((reader) => reader.parsed === 1).length;
  for (const expected of [1, 2, 3]) {
    assert.equal(parsed(), expected * IN_A_SLICE);
    assert.ok(readers.slice(0, expected * IN_A_SLICE).every((reader) => reader.parsed === 1));
    loop.nextTurn();
  }
  assert.equal(parsed(), 4 * IN_A_SLICE);
});

test('a small chunk is parsed also when the slice is spent', () => {
  const loop = new Loop();
  loop.reader().push(32);
  const good = loop.reader();
  assert.ok(good.pushSmall());
  assert.equal(good.parsed, 1 / PINGS);
});

test('a few calls of a small chunk go ahead together, what is more of them a turn later', () => {
  const loop = new Loop();
  loop.reader().push(32);
  const good = loop.reader();
  assert.ok(!good.pushCalls(CALLS_AHEAD + 3));
  assert.equal(good.frames, CALLS_AHEAD + 1);
  loop.nextTurn();
  assert.equal(good.frames, CALLS_AHEAD + 3);
});

test('chunks of different turns never wait', () => {
  const loop = new Loop();
  const busy = loop.reader();
  for (let i = 0; i < 50; i += 1) {
    assert.equal(busy.push(1), 1);
    loop.nextTurn();
  }
  assert.ok(loop.isQuiet);
});
