// One socket that never stops sending does not keep the event loop: Node reads it many times in one
// turn, so the reader itself ends its share, and goes on in the next turn where it was.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { FrameReader } from '#sluice/frames/frame-reader.js';
import { DISPATCH_SLICE_MS } from '#sluice/transport/limits.js';
import { Reader } from '#sluice/transport/reader.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { OPTIONS, Recorder } from '../frames/recorder.js';
import { VirtualClock } from '../support/virtual-clock.js';

const PING = Buffer.from('000008060000000000' + '0000000000000000', 'hex');

/** A reader whose chunks each take a millisecond to parse. */
class Busy {
  readonly recorder = new Recorder();
  readonly turns: (() => void)[] = [];
  private readonly clock = new VirtualClock();
  private readonly reader: Reader;

  constructor() {
    const listener = {
      gateOpen: () => true,
      writeBlocked: () => false,
      onGateClosed: () => {},
      onChunk: () => this.clock.now(),
      onChunkEnd: () => this.clock.advance(1),
    };
    this.reader = new Reader(
      new PassThrough(),
      new FrameReader(this.recorder, OPTIONS),
      listener,
      new TimerWheel(this.clock),
      (turn) => this.turns.push(turn),
    );
  }

  /** Chunks of one PING each, until the reader asks to wait: how many it took. */
  push(most: number): number {
    for (let i = 0; i < most; i += 1) if (!this.reader.push(PING, PING.length)) return i;
    return most;
  }

  rest(ms: number): void {
    this.clock.advance(ms);
  }

  nextTurn(): void {
    for (const turn of this.turns.splice(0)) turn();
  }
}

test('chunks that keep coming are parsed for a slice of time, the next of them a turn later', () => {
  const busy = new Busy();
  assert.equal(busy.push(32), DISPATCH_SLICE_MS + 1);
  assert.equal(busy.recorder.events.length, DISPATCH_SLICE_MS + 1);
  busy.nextTurn();
  // The held one was parsed, and the slice begins anew with it.
  assert.equal(busy.recorder.events.length, DISPATCH_SLICE_MS + 2);
  assert.equal(busy.push(32), DISPATCH_SLICE_MS);
});

test('a chunk that waited is parsed in the next turn, also when that comes late in its own slice', () => {
  const busy = new Busy();
  const taken = busy.push(32);
  busy.rest(DISPATCH_SLICE_MS - 1);
  busy.nextTurn();
  assert.equal(busy.recorder.events.length, taken + 1);
  assert.equal(busy.turns.length, 0);
});

test('chunks with time between them never wait', () => {
  const busy = new Busy();
  for (let i = 0; i < 50; i += 1) {
    assert.equal(busy.push(1), 1);
    busy.rest(DISPATCH_SLICE_MS + 1);
  }
  assert.equal(busy.turns.length, 0);
});
