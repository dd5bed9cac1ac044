// Who reads next to nothing: a peer that blocks the socket, or gives credit by drops; and who may.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROGRESS_BYTES, PROGRESS_WINDOW_MS } from '#sluice/transport/limits.js';
import { type ProgressSubject, ProgressWatch } from '#sluice/transport/progress-watch.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { request, ServerEnd } from '../support/server-end.js';
import { VirtualClock } from '../support/virtual-clock.js';

class Watched implements ProgressSubject {
  readonly clock: VirtualClock = new VirtualClock(0);
  readonly wheel: TimerWheel = new TimerWheel(this.clock);
  readonly watch: ProgressWatch = new ProgressWatch(this.wheel, this);
  bytesTaken = 0;
  dataWritten = 0;
  ended = '';

  onSlowRead(reason: string): void {
    this.ended = reason;
  }
}

test('a blocked socket that takes less than 20 KiB in 20 s is given up, and its timer with it', () => {
  const watched = new Watched();
  watched.watch.watch(true);
  watched.clock.advance(PROGRESS_WINDOW_MS - 100);
  assert.equal(watched.ended, '');
  watched.bytesTaken = PROGRESS_BYTES - 1;
  watched.clock.advance(200);
  assert.match(
    watched.ended,
    /^slow-read: the peer took 20479 bytes in 20000 ms, 20480 is the least/,
  );
  assert.equal(watched.wheel.size, 0);
});

test('one that takes more is watched on', () => {
  const watched = new Watched();
  watched.watch.watch(true);
  for (let i = 0; i < 10; i += 1) {
    watched.bytesTaken += PROGRESS_BYTES;
    watched.clock.advance(PROGRESS_WINDOW_MS + 10);
  }
  assert.equal(watched.ended, '');
  watched.watch.watch(false);
  assert.equal(watched.wheel.size, 0);
});

test('a few small credits are no reason, and are forgotten after 20 s', () => {
  const watched = new Watched();
  for (let i = 0; i < 10; i += 1) {
    for (let drip = 0; drip < 19; drip += 1) watched.watch.onDrip();
    watched.clock.advance(PROGRESS_WINDOW_MS + 10);
  }
  assert.equal(watched.ended, '');
  assert.equal(watched.wheel.size, 0);
});

test('drips go on being watched while the socket blocks and goes on', () => {
  const watched = new Watched();
  for (let drip = 0; drip < 20; drip += 1) watched.watch.onDrip();
  watched.watch.watch(true);
  watched.watch.watch(false);
  assert.equal(watched.wheel.size, 1);
  watched.clock.advance(PROGRESS_WINDOW_MS + 10);
  assert.match(watched.ended, /by credit of less than 1024/);
});

test('of drips the data counts, not the headers of its frames', () => {
  const watched = new Watched();
  for (let drip = 0; drip < 6_000; drip += 1) watched.watch.onDrip();
  watched.bytesTaken = 60_000;
  watched.dataWritten = 6_000;
  watched.clock.advance(PROGRESS_WINDOW_MS + 10);
  assert.match(watched.ended, /^slow-read: the peer took 6000 bytes in 20000 ms by credit/);
});

test('drips of one stream are no reason while others take what is theirs', () => {
  const watched = new Watched();
  for (let drip = 0; drip < 100; drip += 1) watched.watch.onDrip();
  watched.dataWritten = PROGRESS_BYTES;
  watched.clock.advance(PROGRESS_WINDOW_MS + 10);
  assert.equal(watched.ended, '');
  assert.equal(watched.wheel.size, 0);
});

/** A server with a hundred answers of 1 MB, whose client gives no stream any credit by itself. */
async function owing(): Promise<ServerEnd> {
  const end = await ServerEnd.ready(
    { INITIAL_WINDOW_SIZE: 0 },
    { limits: { queuedBytes: 200_000_000 } },
  );
  const answer = Buffer.alloc(1_000_000);
  end.handler = (call) => {
    call.send(answer);
    call.end();
  };
  for (let id = 1; id < 201; id += 2) end.peer.headers(id, request(), { endStream: true });
  await end.settle();
  return end;
}

test('a client that gives credit a byte at a time is given up after 20 s', async () => {
  const end = await owing();
  for (let second = 0; second < 21 && end.closedBy === undefined; second += 1) {
    for (let id = 1; id < 201; id += 2) end.peer.windowUpdate(id, 1);
    await end.settle();
    end.clock.advance(1_000);
  }
  await end.settle();
  assert.match(
    end.closedBy?.reason ?? '',
    /^slow-read: the peer took \d+ bytes in 20000 ms by credit/,
  );
  assert.equal(end.transport.connection.limits.acted.of('slow-read'), 1);
  end.clock.advance(2_000);
  await end.finish();
});

test('a client whose application pauses for a minute and resumes loses nothing', async () => {
  const end = await owing();
  end.clock.advance(60_000);
  await end.settle();
  assert.equal(end.closedBy, undefined);
  end.peer.windowUpdate(0, 200_000_000);
  for (let id = 1; id < 201; id += 2) end.peer.windowUpdate(id, 1_100_000);
  await end.settle();
  assert.equal(end.peer.body(199).length, 1_000_005);
  assert.equal(end.peer.field(199, 'grpc-status', 1), '0');
  assert.equal(end.closedBy, undefined);
  await end.finish();
});
