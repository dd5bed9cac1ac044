// weighted_round_robin: when the load reports of backends count, and for what. gRFC A58.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Status } from '#sluice/grpc/status.js';
import { reportTrailers } from './load-reports.js';
import { readyChannel, type ScriptedChannel, ScriptedSubchannel } from './scripted-channel.js';

const POLICY = 'weighted_round_robin';

/** One call to each backend, which reports so many calls per second, at full use. */
function report(channel: ScriptedChannel, qps: Record<string, number>, eps = 0): void {
  const left = new Set(Object.keys(qps));
  for (let i = 0; i < 10_000 && left.size > 0; i += 1) {
    const result = channel.pickResult();
    assert.equal(result.kind, 'subchannel');
    assert.ok(result.subchannel instanceof ScriptedSubchannel);
    const { name } = result.subchannel;
    if (left.delete(name)) {
      result.tracker?.onStart();
      result.tracker?.onEnd(Status.OK, reportTrailers(qps[name] ?? 0, 1, eps));
    }
  }
  assert.equal(left.size, 0, 'not all were picked');
}

function share(channel: ScriptedChannel, name: string): number {
  return Math.round(((channel.counts(4_000)[name] ?? 0) / 4_000) * 100);
}

describe('weighted_round_robin', () => {
  it('is round_robin until reports have come for the blackout period, then goes by weight', () => {
    const channel = readyChannel(POLICY, 'a b');
    report(channel, { a: 300, b: 100 });
    for (let second = 0; second < 9; second += 1) {
      channel.clock.advance(1_000);
      report(channel, { a: 300, b: 100 });
      assert.equal(share(channel, 'a'), 50);
    }
    channel.clock.advance(1_000);
    assert.equal(share(channel, 'a'), 75);
    channel.close();
  });

  it('takes new weights once in an update period', () => {
    const config = { blackoutPeriod: '0s', weightUpdatePeriod: '2s' };
    const channel = readyChannel(POLICY, 'a b', config);
    report(channel, { a: 100, b: 300 });
    channel.clock.advance(999);
    assert.equal(share(channel, 'a'), 50);
    channel.clock.advance(1_001);
    assert.equal(share(channel, 'a'), 25);
    report(channel, { a: 100, b: 100 });
    channel.clock.advance(1_999);
    assert.equal(share(channel, 'a'), 25);
    channel.clock.advance(1);
    assert.equal(share(channel, 'a'), 50);
    channel.close();
  });

  it('updates no more often than every 100 ms', () => {
    const config = { blackoutPeriod: '0s', weightUpdatePeriod: '0.001s' };
    const channel = readyChannel(POLICY, 'a b', config);
    report(channel, { a: 100, b: 300 });
    channel.clock.advance(99);
    assert.equal(share(channel, 'a'), 50);
    channel.clock.advance(1);
    assert.equal(share(channel, 'a'), 25);
    channel.close();
  });

  it('forgets weights that were not reported for the expiration period; a blackout follows', () => {
    const channel = readyChannel(POLICY, 'a b', { weightExpirationPeriod: '20s' });
    report(channel, { a: 300, b: 100 });
    channel.clock.advance(10_000);
    assert.equal(share(channel, 'a'), 75);
    channel.clock.advance(10_000);
    assert.equal(share(channel, 'a'), 50);
    report(channel, { a: 300, b: 100 });
    channel.clock.advance(9_000);
    assert.equal(share(channel, 'a'), 50);
    channel.clock.advance(1_000);
    assert.equal(share(channel, 'a'), 75);
    channel.close();
  });

  it('counts errors against a backend', () => {
    const plain = { blackoutPeriod: '0s', errorUtilizationPenalty: 0 };
    const channel = readyChannel(POLICY, 'a b', plain);
    report(channel, { a: 100 }, 50);
    report(channel, { b: 100 });
    channel.clock.advance(1_000);
    assert.equal(share(channel, 'a'), 50);
    channel.resolve('a b', { blackoutPeriod: '0s', errorUtilizationPenalty: 4 });
    report(channel, { a: 100 }, 50);
    report(channel, { b: 100 });
    channel.clock.advance(1_000);
    // 100 / (1 + 0.5 * 4) against 100 / 1.
    assert.equal(share(channel, 'a'), 25);
    channel.close();
  });

  it('ignores reports without load or calls, and trailers without a report', () => {
    const channel = readyChannel(POLICY, 'a b', { blackoutPeriod: '0s' });
    report(channel, { a: 300, b: 100 });
    for (const trailers of [[], reportTrailers(0, 1), reportTrailers(5, 0)]) {
      for (let i = 0; i < 8; i += 1) channel.call(Status.OK, trailers);
    }
    channel.clock.advance(1_000);
    assert.equal(share(channel, 'a'), 75);
    channel.close();
  });

  it('keeps the weights of those that stay when others come', () => {
    const channel = readyChannel(POLICY, 'a b', { blackoutPeriod: '0s' });
    report(channel, { a: 300, b: 100 });
    channel.resolve('a b c', { blackoutPeriod: '0s' });
    channel.backend('c').ready();
    // The new one counts as the mean: 300, 100, 200.
    assert.equal(share(channel, 'a'), 50);
    assert.equal(share(channel, 'c'), 33);
    channel.close();
  });

  it('begins a blackout anew for a backend that is connected again', () => {
    const channel = readyChannel(POLICY, 'a b');
    report(channel, { a: 300, b: 100 });
    channel.clock.advance(10_000);
    assert.equal(share(channel, 'a'), 75);
    for (const name of ['a', 'b']) channel.backend(name).idle('lost');
    assert.equal(channel.pick(), 'queue');
    for (const name of ['a', 'b']) channel.backend(name).ready();
    report(channel, { a: 300, b: 100 });
    channel.clock.advance(9_000);
    assert.equal(share(channel, 'a'), 50);
    channel.clock.advance(1_000);
    assert.equal(share(channel, 'a'), 75);
    channel.close();
  });

  it('holds no timer while there is nothing to choose', () => {
    const channel = readyChannel(POLICY, 'a');
    assert.equal(channel.clock.pending, 0);
    channel.resolve('a b');
    channel.backend('b').ready();
    assert.equal(channel.clock.pending, 1);
    channel.backend('b').idle('lost');
    channel.clock.advance(1_000);
    assert.equal(channel.clock.pending, 0);
    channel.backend('b').ready();
    assert.equal(channel.clock.pending, 1);
    channel.close();
  });
});

describe('weighted_round_robin, with reports that no backend means', () => {
  it('goes on picking every backend, whatever the figures', () => {
    for (const errorUtilizationPenalty of [0, 1]) {
      const config = { blackoutPeriod: '0s', errorUtilizationPenalty };
      for (const [qps, eps] of [
        [Number.MAX_VALUE, 0],
        [Number.MIN_VALUE, 0],
        [Number.MIN_VALUE, Number.MAX_VALUE],
      ] as const) {
        const channel = readyChannel(POLICY, 'a b', config);
        report(channel, { a: qps, b: qps }, eps);
        channel.clock.advance(1_000);
        assert.equal(share(channel, 'a'), 50);
        channel.close();
      }
    }
  });
});
