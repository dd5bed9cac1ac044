// Keepalive on a clock that the test turns: gRFC A8, and whose silence it is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ClientKeepalive,
  KEEPALIVE_PING_HIGH,
  type KeepaliveCallbacks,
  type KeepaliveOptions,
} from '#sluice/transport/client-keepalive.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { VirtualClock } from '../support/virtual-clock.js';

const SECOND = 1_000;

class Connection implements KeepaliveCallbacks {
  readonly clock = new VirtualClock(5_000);
  readonly wheel = new TimerWheel(this.clock);
  readonly keepalive: ClientKeepalive;
  pings: { at: number; low: number }[] = [];
  closed: { at: number; reason: string }[] = [];
  streams = 1;
  gateIsClosed = false;

  constructor(options: KeepaliveOptions) {
    this.keepalive = new ClientKeepalive(this.wheel, this, options);
    this.keepalive.start();
  }

  sendPing(high: number, low: number): void {
    assert.equal(high, KEEPALIVE_PING_HIGH);
    this.pings.push({ at: this.clock.now() - 5_000, low });
  }

  close(reason: string): void {
    this.closed.push({ at: this.clock.now() - 5_000, reason });
  }

  hasStreams(): boolean {
    return this.streams > 0;
  }

  gateClosed(): boolean {
    return this.gateIsClosed;
  }

  /** The acknowledgement of the last ping arrives. */
  acknowledge(): void {
    this.keepalive.onRead();
    assert.equal(this.keepalive.onPingAck(KEEPALIVE_PING_HIGH, this.pings.at(-1)?.low ?? -1), true);
  }
}

test('it is off by default and puts nothing in the wheel', () => {
  const connection = new Connection({});
  assert.equal(connection.wheel.size, 0);
  connection.keepalive.onRead();
  connection.keepalive.onStreamsChanged();
  connection.clock.advance(10 * 3_600 * SECOND);
  assert.deepEqual(connection.pings, []);
});

test('a peer that vanished is closed at time + timeout, within 10 %', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.clock.advance(60 * SECOND);
  assert.equal(connection.pings.length, 1);
  assert.equal(connection.closed.length, 1);
  const at = connection.closed[0]?.at ?? 0;
  assert.ok(at >= 30 * SECOND && at <= 33 * SECOND, `closed after ${at} ms`);
  assert.match(connection.closed[0]?.reason ?? '', /keepalive.*20000 ms/);
  assert.equal(connection.wheel.size, 0);
});

test('a peer that vanished right after it sent something is closed within 10 % as well', () => {
  for (const lastRead of [100, 5_000, 9_990, 15_123]) {
    const connection = new Connection({ timeMs: 10 * SECOND });
    for (let at = 100; at <= lastRead; at += 100) {
      connection.clock.advance(100);
      connection.keepalive.onRead();
    }
    const last = connection.clock.now() - 5_000;
    connection.clock.advance(60 * SECOND);
    const quiet = (connection.closed[0]?.at ?? 0) - last;
    assert.ok(quiet >= 30 * SECOND && quiet <= 33 * SECOND, `closed after ${quiet} ms`);
  }
});

test('a time below 10 s is raised to it', () => {
  assert.equal(new Connection({ timeMs: 1 }).keepalive.doubleTime(), 20 * SECOND);
  assert.equal(new Connection({ timeMs: 1, minTimeMs: 1_000 }).keepalive.doubleTime(), 2 * SECOND);
});

test('as long as anything is read no ping goes out', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  for (let i = 0; i < 1_000; i++) {
    connection.clock.advance(9 * SECOND);
    connection.keepalive.onRead();
  }
  assert.deepEqual(connection.pings, []);
});

test('an acknowledged ping is followed by the next after one more quiet time', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.clock.advance(10 * SECOND + 100);
  assert.equal(connection.pings.length, 1);
  connection.acknowledge();
  connection.clock.advance(9 * SECOND);
  assert.equal(connection.pings.length, 1);
  connection.clock.advance(SECOND + 100);
  assert.equal(connection.pings.length, 2);
  connection.acknowledge();
  assert.deepEqual(connection.closed, []);
});

test('data instead of an acknowledgement proves life too', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.clock.advance(12 * SECOND);
  connection.keepalive.onRead();
  connection.clock.advance(25 * SECOND);
  assert.deepEqual(connection.closed, []);
});

test('an acknowledgement of another ping is not taken for ours', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.clock.advance(12 * SECOND);
  assert.equal(connection.keepalive.onPingAck(0x02041010, 0x090e0707), false);
  assert.equal(connection.keepalive.onPingAck(KEEPALIVE_PING_HIGH, 77), true);
  connection.clock.advance(21 * SECOND);
  assert.equal(connection.closed.length, 1, 'neither ended the wait');
});

test('without streams it goes dormant, and the first stream brings a ping at once', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.streams = 0;
  connection.clock.advance(3_600 * SECOND);
  assert.deepEqual(connection.pings, []);
  assert.equal(connection.wheel.size, 0, 'a dormant connection costs no wakes');
  connection.keepalive.onStreamsChanged();
  assert.deepEqual(connection.pings, [], 'there is still no stream');
  connection.streams = 1;
  connection.keepalive.onStreamsChanged();
  assert.equal(connection.pings.length, 1);
  connection.clock.advance(21 * SECOND);
  assert.equal(connection.closed.length, 1);
});

test('calls that come and go before a quiet time is over bring no ping', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  for (let i = 0; i < 100; i++) {
    connection.streams = i % 2;
    connection.keepalive.onStreamsChanged();
  }
  assert.deepEqual(connection.pings, []);
});

test('permitWithoutStream pings without streams', () => {
  const connection = new Connection({ timeMs: 10 * SECOND, permitWithoutStream: true });
  connection.streams = 0;
  connection.clock.advance(11 * SECOND);
  assert.equal(connection.pings.length, 1);
});

test('while our own gate is closed the silence is ours: nothing expires', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.clock.advance(11 * SECOND);
  assert.equal(connection.pings.length, 1);
  connection.gateIsClosed = true;
  connection.clock.advance(500 * SECOND);
  assert.deepEqual(connection.closed, []);
  connection.gateIsClosed = false;
  connection.clock.advance(41 * SECOND);
  assert.equal(connection.closed.length, 1, 'once it is open the wait counts again');
});

test('after a stall of the event loop the peer gets one more timeout', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.clock.advance(11 * SECOND);
  connection.clock.stall(60 * SECOND);
  assert.deepEqual(connection.closed, []);
  connection.clock.advance(19 * SECOND);
  assert.deepEqual(connection.closed, []);
  connection.clock.advance(2 * SECOND);
  assert.equal(connection.closed.length, 1);
});

test('a stall before the ping counts as no quiet time', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.clock.advance(SECOND);
  connection.clock.stall(60 * SECOND);
  connection.clock.advance(9 * SECOND);
  assert.deepEqual(connection.pings, []);
  connection.clock.advance(2 * SECOND);
  assert.equal(connection.pings.length, 1);
});

test('too_many_pings doubles the time', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  assert.equal(connection.keepalive.doubleTime(), 20 * SECOND);
  assert.equal(connection.keepalive.doubleTime(), 40 * SECOND);
  connection.clock.advance(39 * SECOND);
  assert.deepEqual(connection.pings, []);
  connection.clock.advance(4 * SECOND);
  assert.equal(connection.pings.length, 1);
});

test('stop leaves no timer behind', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.keepalive.stop();
  assert.equal(connection.wheel.size, 0);
  connection.keepalive.onStreamsChanged();
  connection.clock.advance(3_600 * SECOND);
  assert.deepEqual(connection.pings, []);
  assert.equal(connection.clock.pending, 0);
});
