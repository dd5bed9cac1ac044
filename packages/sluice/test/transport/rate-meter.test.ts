// The drain rate: items per second of busy time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateMeter } from '#sluice/transport/rate-meter.js';

function near(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual - expected) <= expected * share, `${actual} is not near ${expected}`);
}

test('the rate is unknown, 0, until 50 ms of busy time', () => {
  const meter = new RateMeter();
  meter.begin(0);
  meter.note(49, 100);
  assert.equal(meter.ratePerSecond, 0);
  meter.note(50, 100);
  near(meter.ratePerSecond, 4_000, 1e-9);
});

test('idle time does not count: a burst each hour has the rate of the burst', () => {
  const meter = new RateMeter();
  for (let hour = 0; hour < 20; hour++) {
    const start = hour * 3_600_000;
    meter.begin(start);
    meter.note(start + 5, 50);
    meter.note(start + 10, 50);
    meter.end(start + 10);
  }
  near(meter.ratePerSecond, 10_000, 1e-6);
});

test('the first note without a begin starts the clock and counts nothing', () => {
  const meter = new RateMeter();
  meter.note(1_000, 1_000_000);
  meter.note(1_100, 100);
  near(meter.ratePerSecond, 1_000, 1e-9);
});

test('the rate follows a change within about two seconds of busy time', () => {
  const meter = new RateMeter();
  meter.begin(0);
  for (let now = 10; now <= 3_000; now += 10) meter.note(now, 100);
  near(meter.ratePerSecond, 10_000, 0.01);
  for (let now = 3_010; now <= 5_000; now += 10) meter.note(now, 10);
  near(meter.ratePerSecond, 1_000, 0.2);
});

test('time without progress brings the rate down', () => {
  const meter = new RateMeter();
  meter.begin(0);
  meter.note(100, 1_000);
  near(meter.ratePerSecond, 10_000, 1e-9);
  for (let now = 200; now <= 5_100; now += 100) meter.note(now, 0);
  assert.ok(meter.ratePerSecond < 1);
});

test('a second begin and a second end change nothing', () => {
  const meter = new RateMeter();
  meter.begin(0);
  meter.begin(90);
  meter.note(100, 100);
  meter.end(100);
  meter.end(5_000);
  meter.begin(5_000);
  meter.note(5_100, 100);
  near(meter.ratePerSecond, 1_000, 1e-9);
});
