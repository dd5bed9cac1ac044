// The streaming generator: what it offers is sent or held back, and each message sent is counted
// once, whatever becomes of its stream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallSink, ClientRuntime, StreamSink } from '../../dist/storm/runtime.js';
import { StreamLoad } from '../../dist/storm/stream-load.js';

/** Streams that take `room` messages each before they ask for a pause; calls end at once. */
class Streams implements ClientRuntime {
  readonly taken: number[] = [];
  ended = 0;
  private sink: StreamSink | null = null;
  private readonly room: number;

  constructor(room: number) {
    this.room = room;
  }

  call(_payload: Buffer, startedMs: number, _timeoutMs: number, sink: CallSink): void {
    sink.ended(startedMs, 0, '');
  }

  depths(): null {
    return null;
  }

  acted(): Record<string, number> {
    return {};
  }

  openStream(place: number, sink: StreamSink) {
    this.sink = sink;
    this.taken[place] = 0;
    return {
      send: () => {
        this.taken[place] = (this.taken[place] ?? 0) + 1;
        return (this.taken[place] ?? 0) < this.room;
      },
      end: () => {
        this.ended++;
      },
    };
  }

  told(): StreamSink {
    assert.ok(this.sink);
    return this.sink;
  }
}

/** A clock that goes on by a millisecond each time it is read. */
function tickingClock(): () => number {
  let ms = 0;
  return () => ms++;
}

const PAYLOAD = Buffer.alloc(16);

test('what is due while every stream asks for a pause is held back and counted', async () => {
  const runtime = new Streams(10);
  const load = new StreamLoad(runtime, PAYLOAD, 4, tickingClock());
  await load.openLoop(10_000, 0.1, 0);
  const { offered, heldBack, finished } = load.counts();
  assert.deepEqual(runtime.taken, [10, 10, 10, 10]);
  assert.equal(offered - heldBack, 40);
  assert.ok(heldBack > 0);
  assert.equal(finished, 0);
  assert.equal(load.inFlight, 40);
});

test('a stream with room again is written to again', async () => {
  const runtime = new Streams(1);
  const load = new StreamLoad(runtime, PAYLOAD, 2, tickingClock());
  await load.openLoop(1000, 0.05, 0);
  assert.deepEqual(runtime.taken, [1, 1]);
  runtime.told().writable(1);
  await load.openLoop(1000, 0.05, 0);
  assert.deepEqual(runtime.taken, [1, 2]);
});

test('messages are answered in order, and latencies count while the load runs', async () => {
  const runtime = new Streams(1000);
  const load = new StreamLoad(runtime, PAYLOAD, 1, tickingClock());
  const running = load.openLoop(1000, 0.1, 0);
  runtime.told().acknowledged(0);
  await running;
  const during = load.counts();
  assert.ok((during.messageP99Ms ?? 0) > 0);
  runtime.told().acknowledged(0);
  assert.equal(load.counts().messageP99Ms, during.messageP99Ms);
  assert.equal(load.counts().finished, 2);
});

test('the end of a stream ends its unanswered messages with its status', async () => {
  const runtime = new Streams(1000);
  const load = new StreamLoad(runtime, PAYLOAD, 1, tickingClock());
  await load.openLoop(1000, 0.05, 0);
  const sent = runtime.taken[0] ?? 0;
  runtime.told().acknowledged(0);
  runtime.told().streamEnded(0, 14, 'gone');
  const counts = load.counts();
  assert.equal(counts.finished, sent);
  assert.equal(counts.statuses[14], sent - 1);
  assert.equal(counts.firstDetails[14], 'gone');
  assert.equal(load.inFlight, 0);
  assert.equal(load.openStreams, 0);
});

test('a stream that ends OK without each answer has lost the rest', async () => {
  const runtime = new Streams(1000);
  const load = new StreamLoad(runtime, PAYLOAD, 1, tickingClock());
  await load.openLoop(1000, 0.05, 0);
  runtime.told().streamEnded(0, 0, '');
  assert.equal(load.inFlight, runtime.taken[0]);
});

test('unary calls go beside the streams and are counted apart', async () => {
  const runtime = new Streams(1);
  const load = new StreamLoad(runtime, PAYLOAD, 1, tickingClock());
  await load.openLoop(1000, 0.2, 0);
  const { beside } = load.counts();
  assert.ok(beside !== null && beside.offered > 0);
  assert.equal(beside.ok, beside.offered);
});

test('ending ends each open stream', () => {
  const runtime = new Streams(1);
  const load = new StreamLoad(runtime, PAYLOAD, 3, tickingClock());
  load.end();
  assert.equal(runtime.ended, 3);
});
