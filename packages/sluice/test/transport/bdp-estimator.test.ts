// The BDP estimator on a path of known bandwidth and delay.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BDP_PING_HIGH, BDP_PING_LOW, BdpEstimator } from '#sluice/transport/bdp-estimator.js';

const MIB = 1024 * 1024;

/** One sample: `bytes` arrive while the ping takes `rttMs`. */
function sample(bdp: BdpEstimator, nowMs: number, rttMs: number, bytes: number): number {
  assert.equal(bdp.onData(1), true);
  bdp.pingWritten(nowMs);
  assert.equal(bdp.onData(bytes - 1), false);
  return bdp.onAck(nowMs + rttMs);
}

test('the ping carries 02 04 10 10 09 0e 07 07', () => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(BDP_PING_HIGH, 0);
  bytes.writeUInt32BE(BDP_PING_LOW, 4);
  assert.equal(bytes.toString('hex'), '02041010090e0707');
  const bdp = new BdpEstimator();
  assert.equal(bdp.isBdpPing(BDP_PING_HIGH, BDP_PING_LOW), true);
  assert.equal(bdp.isBdpPing(BDP_PING_HIGH, 0), false);
});

test('it starts at 65,535 and one sample is open at a time', () => {
  const bdp = new BdpEstimator();
  assert.equal(bdp.bdpBytes, 65_535);
  assert.equal(bdp.rttMs, 0);
  bdp.onMoreData(500_000);
  assert.equal(bdp.onData(0), false, 'empty DATA is no reason to ping');
  assert.equal(bdp.onData(100), true);
  assert.equal(bdp.onData(100), false);
});

test('a sample of 0.66 of the estimate doubles, one below leaves it', () => {
  const below = new BdpEstimator();
  assert.equal(sample(below, 0, 50, 43_253), 0);
  assert.equal(below.bdpBytes, 65_535);
  const above = new BdpEstimator();
  assert.equal(sample(above, 0, 50, 43_254), 86_508);
  assert.equal(above.bdpBytes, 86_508);
  assert.equal(above.rttMs, 50);
});

test('bytes of an open sample count, whichever method told of them', () => {
  const bdp = new BdpEstimator();
  assert.equal(bdp.onData(30_000), true);
  bdp.onMoreData(30_000);
  bdp.pingWritten(0);
  assert.equal(bdp.onAck(10), 120_000);
});

test('a large sample at a lower bandwidth than the best does not grow the estimate', () => {
  const bdp = new BdpEstimator();
  assert.equal(sample(bdp, 0, 10, 60_000), 120_000);
  assert.equal(sample(bdp, 100, 1_000, 110_000), 0);
});

test('round trips are averaged plainly for ten samples, then move by 0.9', () => {
  const bdp = new BdpEstimator();
  for (let i = 1; i <= 10; i++) {
    sample(bdp, i * 1_000, i * 10, 2);
    assert.ok(Math.abs(bdp.rttMs - (i + 1) * 5) < 1e-9, `mean of ${i} samples`);
  }
  sample(bdp, 20_000, 155, 2);
  assert.ok(Math.abs(bdp.rttMs - (55 + 0.9 * 100)) < 1e-9);
});

test('an acknowledgement without a written ping changes nothing', () => {
  const bdp = new BdpEstimator();
  assert.equal(bdp.onAck(10), 0);
  bdp.onData(1_000_000);
  assert.equal(bdp.onAck(20), 0);
  bdp.pingWritten(30);
  assert.equal(bdp.onAck(40), 2_000_000);
  assert.equal(bdp.onAck(50), 0);
  assert.equal(bdp.bdpBytes, 2_000_000);
});

test('it stops at its limit, and samples go on to tell the path', () => {
  const bdp = new BdpEstimator();
  assert.equal(sample(bdp, 0, 10, 100 * MIB), 16 * MIB);
  assert.equal(sample(bdp, 100, 1, 200 * MIB), 0);
  assert.equal(bdp.bdpBytes, 16 * MIB);
  assert.equal(sample(bdp, 200, 0.01, 2), 0);
  assert.ok(bdp.pathBytes < 16 * MIB);
  const small = new BdpEstimator(100_000);
  assert.equal(sample(small, 0, 10, 90_000), 100_000);
});

test('a round trip of no time leaves the estimate finite', () => {
  const bdp = new BdpEstimator();
  assert.equal(sample(bdp, 5, 0, 60_000), 120_000);
  assert.equal(sample(bdp, 6, 0, 120_000), 240_000);
  assert.ok(bdp.rttMs > 0);
});

test('on a path of 100 Mbit/s and 50 ms it covers the path within six round trips', () => {
  const bdp = new BdpEstimator();
  const path = (100e6 / 8) * 0.05; // 625,000 bytes
  let now = 0;
  let trips = 0;
  while (bdp.bdpBytes < path) {
    // In a round trip the peer sends what its window allows or the path carries.
    sample(bdp, now, 50, Math.min(bdp.bdpBytes, path));
    now += 50;
    trips++;
    assert.ok(trips <= 6, `${bdp.bdpBytes} bytes after ${trips} round trips`);
  }
  for (let i = 1; i <= 20; i++) sample(bdp, now + i * 50, 50, path);
  assert.ok(bdp.bdpBytes <= 4 * path, 'it stays near what the path holds');
});

const MBIT_100 = 12_500; // bytes per ms

/** Pings of a path of `rate` bytes per ms and `leastMs`, kept full by a window of `window()` bytes. */
function fill(
  bdp: BdpEstimator,
  fromMs: number,
  trips: number,
  leastMs: number,
  rate: number,
  window: () => number,
): number {
  let now = fromMs;
  for (let i = 0; i < trips; i++) {
    const bytes = Math.max(rate * leastMs, window());
    // What is more than the path holds waits in front of it.
    const rttMs = bytes / rate;
    sample(bdp, now, rttMs, Math.min(window(), bytes));
    now += rttMs;
  }
  return now;
}

test('the path is what it holds without the queue that a window builds', () => {
  const bdp = new BdpEstimator();
  assert.equal(bdp.pathBytes, 0);
  fill(bdp, 0, 60, 50, MBIT_100, () => 4 * MIB);
  // The first sample of all is in the queue already; one round trip without it is enough.
  sample(bdp, 100_000, 50, 2);
  const path = MBIT_100 * 50;
  assert.ok(bdp.pathBytes > 1.9 * path && bdp.pathBytes < 2.1 * path, `${bdp.pathBytes}`);
  const before = bdp.pathBytes;
  fill(bdp, 101_000, 10, 50, MBIT_100, () => 8 * MIB);
  assert.equal(Math.round(bdp.pathBytes), Math.round(before), 'a longer queue changes nothing');
});

test('windows that follow the path double with each round trip until they fill it', () => {
  const bdp = new BdpEstimator();
  let trips = 0;
  let now = 0;
  while (bdp.pathBytes < 1.99 * MBIT_100 * 50) {
    now = fill(bdp, now, 1, 50, MBIT_100, () => Math.max(65_535, bdp.pathBytes));
    trips++;
    assert.ok(trips <= 6, `${bdp.pathBytes} bytes after ${trips} round trips`);
  }
});

test('what came before the ping was written is no part of the rate', () => {
  const bdp = new BdpEstimator();
  bdp.onData(1_000_000);
  bdp.pingWritten(0);
  bdp.onMoreData(1_000);
  assert.equal(bdp.onAck(10), 2_002_000);
  assert.equal(bdp.pathBytes, 2_000);
});

test('a burst out of the kernel is no rate of the path', () => {
  const bdp = new BdpEstimator();
  sample(bdp, 0, 0.1, 100_001);
  assert.equal(Math.round(bdp.pathBytes), 20_000, 'as if it had taken a millisecond');
});

test('a slow or busy peer leaves the path, a longer path replaces it after ten seconds', () => {
  const bdp = new BdpEstimator();
  sample(bdp, 0, 10, 100_001);
  assert.equal(bdp.pathBytes, 200_000);
  // A queue: long round trips at the same rate. Little to send: short ones at none.
  for (let now = 1_000; now < 60_000; now += 1_000) sample(bdp, now, 200, 2_000_001);
  for (let now = 60_000; now < 120_000; now += 1_000) sample(bdp, now, 15, 2);
  assert.equal(bdp.pathBytes, 200_000);
  for (let now = 120_000; now < 129_000; now += 1_000) sample(bdp, now, 50, 100_001);
  sample(bdp, 129_000, 10, 2);
  for (let now = 130_000; now < 139_000; now += 1_000) sample(bdp, now, 100, 100_001);
  assert.equal(bdp.pathBytes, 200_000, 'nine seconds are not ten');
  sample(bdp, 139_000, 100, 100_001);
  assert.equal(bdp.pathBytes, 200_000, '1,000 bytes per ms, 100 ms');
  sample(bdp, 140_000, 100, 400_001);
  assert.equal(bdp.pathBytes, 800_000);
});
