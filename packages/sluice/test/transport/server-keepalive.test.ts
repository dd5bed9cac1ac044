// A server's keepalive, idle time and age on a clock that the test turns (gRFC A9).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ServerKeepalive,
  type ServerKeepaliveCallbacks,
  type ServerKeepaliveOptions,
} from '#sluice/transport/server-keepalive.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { VirtualClock } from '../support/virtual-clock.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

class Connection implements ServerKeepaliveCallbacks {
  readonly clock = new VirtualClock(0);
  readonly wheel = new TimerWheel(this.clock);
  readonly keepalive: ServerKeepalive;
  events: string[] = [];
  ping: { high: number; low: number } | undefined = undefined;
  streams = 0;
  gateIsClosed = false;

  constructor(options: ServerKeepaliveOptions, random: () => number = () => 0.5) {
    this.keepalive = new ServerKeepalive(this.wheel, this, options, random);
    this.keepalive.start();
  }

  sendPing(high: number, low: number): void {
    this.ping = { high, low };
    this.events.push('ping');
  }

  close(reason: string): void {
    this.events.push(`close ${reason}`);
  }

  drain(reason: string): void {
    this.events.push(`drain ${reason}`);
  }

  hasStreams(): boolean {
    return this.streams > 0;
  }

  gateClosed(): boolean {
    return this.gateIsClosed;
  }

  setStreams(streams: number): void {
    this.streams = streams;
    this.keepalive.onStreamsChanged();
  }
}

test('a quiet client is pinged once a second at most, unless a lower floor is asked for', () => {
  const usual = new Connection({ timeMs: 100 });
  usual.clock.advance(SECOND - 100);
  assert.deepEqual(usual.events, []);
  usual.clock.advance(200);
  assert.deepEqual(usual.events, ['ping']);
  const lower = new Connection({ timeMs: 100, minTimeMs: 100 });
  lower.clock.advance(200);
  assert.deepEqual(lower.events, ['ping']);
});

test('a quiet client is pinged after two hours, streams or not, and closed 20 s later', () => {
  const connection = new Connection({});
  connection.clock.advance(2 * HOUR - SECOND);
  assert.deepEqual(connection.events, []);
  connection.clock.advance(2 * SECOND);
  assert.deepEqual(connection.events, ['ping']);
  connection.clock.advance(21 * SECOND);
  assert.equal(connection.events.length, 2);
  assert.match(connection.events[1] ?? '', /^close keepalive/);
});

test('an acknowledgement keeps the connection, and other pings are not ours', () => {
  const connection = new Connection({ timeMs: 10 * SECOND });
  connection.clock.advance(10 * SECOND + 20);
  const { high, low } = connection.ping ?? assert.fail('no ping');
  assert.equal(connection.keepalive.onPingAck(1, 2), false);
  assert.equal(connection.keepalive.onPingAck(high, low), true);
  connection.clock.advance(9 * SECOND);
  connection.keepalive.onRead();
  connection.clock.advance(9 * SECOND);
  assert.deepEqual(connection.events, ['ping']);
});

test('idle time runs from the last stream and drains within a sixteenth', () => {
  const connection = new Connection({ maxIdleMs: 160 * SECOND });
  connection.setStreams(1);
  connection.clock.advance(1_000 * SECOND);
  connection.setStreams(0);
  connection.clock.advance(159 * SECOND);
  assert.deepEqual(connection.events, []);
  connection.clock.advance(12 * SECOND);
  assert.deepEqual(connection.events, ['drain max_idle']);
  connection.clock.advance(HOUR);
  assert.deepEqual(connection.events, ['drain max_idle'], 'an idle drain closes by itself');
});

test('short calls between the checks keep a connection from being idle', () => {
  const connection = new Connection({ maxIdleMs: 160 * SECOND });
  for (let i = 0; i < 100; i++) {
    connection.clock.advance(100 * SECOND);
    connection.keepalive.onRead();
    connection.setStreams(1);
    connection.setStreams(0);
  }
  assert.deepEqual(connection.events, []);
});

test('a connection that never had a stream is idle from its start', () => {
  const connection = new Connection({ maxIdleMs: 160 * SECOND });
  connection.clock.advance(161 * SECOND);
  assert.deepEqual(connection.events, ['drain max_idle']);
});

test('nothing counts as idle while our gate is closed or the event loop stood still', () => {
  const closed = new Connection({ maxIdleMs: 160 * SECOND });
  closed.gateIsClosed = true;
  closed.clock.advance(HOUR);
  assert.deepEqual(closed.events, []);
  const stalled = new Connection({ maxIdleMs: 160 * SECOND });
  stalled.clock.advance(100 * SECOND);
  stalled.clock.stall(200 * SECOND);
  assert.deepEqual(stalled.events, []);
  stalled.clock.advance(161 * SECOND);
  assert.deepEqual(stalled.events, ['drain max_idle']);
});

test('an age drains, and the end of its grace closes', () => {
  const connection = new Connection({ maxAgeMs: 100 * SECOND, maxAgeGraceMs: 30 * SECOND });
  connection.setStreams(1);
  connection.clock.advance(99 * SECOND);
  assert.deepEqual(connection.events, []);
  connection.clock.advance(2 * SECOND);
  assert.deepEqual(connection.events, ['drain max_age']);
  connection.clock.advance(28 * SECOND);
  assert.equal(connection.events.length, 1);
  connection.clock.advance(3 * SECOND);
  assert.deepEqual(connection.events, ['drain max_age', 'close max_age: the grace is over']);
  assert.equal(connection.wheel.size, 0);
});

test('without a grace a drained connection is never closed by age', () => {
  const connection = new Connection({ maxAgeMs: 100 * SECOND });
  connection.clock.advance(HOUR);
  assert.deepEqual(connection.events, ['drain max_age']);
});

test('ages vary by 10 % either way', () => {
  const drained = (random: number): number => {
    const connection = new Connection({ maxAgeMs: 1_000 * SECOND }, () => random);
    while (connection.events.length === 0) connection.clock.advance(SECOND);
    return Math.round(connection.clock.now() / SECOND);
  };
  assert.ok(Math.abs(drained(0) - 900) <= 1);
  assert.ok(Math.abs(drained(0.5) - 1_000) <= 1);
  assert.ok(Math.abs(drained(0.999999) - 1_100) <= 1);
});

test('age is found in time beside idle checks', () => {
  const connection = new Connection({ maxAgeMs: 100 * SECOND, maxIdleMs: 10 * HOUR });
  connection.clock.advance(101 * SECOND);
  assert.deepEqual(connection.events, ['drain max_age']);
});

test('stop leaves no timer behind', () => {
  const connection = new Connection({ maxAgeMs: 100 * SECOND, maxIdleMs: 10 * SECOND });
  connection.keepalive.stop();
  assert.equal(connection.wheel.size, 0);
  connection.clock.advance(HOUR);
  assert.deepEqual(connection.events, []);
});
