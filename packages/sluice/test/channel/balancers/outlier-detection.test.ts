// outlier_detection: who is ejected, for how long, and what the policy below and calls see of it.
// gRFC A50.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PickTracker, registerBalancer } from '#sluice/channel/balancer.js';
import { Status } from '#sluice/grpc/status.js';
import { readyChannel, ScriptedChannel, ScriptedSubchannel } from './scripted-channel.js';

const POLICY = 'outlier_detection';
const NAMES = 'a b c d e';
const childPolicy = [{ round_robin: {} }];
const failurePercentageEjection = { requestVolume: 10 };
const BY_FAILURES = { childPolicy, failurePercentageEjection, maxEjectionPercent: 40 };

/** Calls of an interval: those to `bad` backends fail, all others are answered. */
function calls(channel: ScriptedChannel, count: number, ...bad: string[]): void {
  for (let i = 0; i < count; i += 1) {
    const result = channel.pickResult();
    assert.equal(result.kind, 'subchannel');
    assert.ok(result.subchannel instanceof ScriptedSubchannel);
    const failed = bad.includes(result.subchannel.name);
    result.tracker?.onStart();
    result.tracker?.onEnd(failed ? Status.UNKNOWN : Status.OK, []);
  }
}

function picked(channel: ScriptedChannel): string {
  return Object.keys(channel.counts(50)).sort().join(' ');
}

describe('outlier_detection by failures', () => {
  it('ejects a backend whose calls fail, at the end of the interval, and takes it back in time', () => {
    const channel = readyChannel(POLICY, NAMES, BY_FAILURES);
    calls(channel, 100, 'b');
    channel.clock.advance(9_999);
    assert.equal(picked(channel), 'a b c d e');
    channel.clock.advance(1);
    assert.equal(picked(channel), 'a c d e');
    channel.clock.advance(29_999);
    assert.equal(picked(channel), 'a c d e');
    channel.clock.advance(1);
    assert.equal(picked(channel), 'a b c d e');
    // The connection was never given up.
    assert.deepEqual(channel.take(), []);
    channel.close();
  });

  it('judges nobody by too few calls, nor among too few backends, nor below the threshold', () => {
    const few = readyChannel(POLICY, NAMES, BY_FAILURES);
    calls(few, 45, 'b');
    few.clock.advance(10_000);
    assert.equal(picked(few), 'a b c d e');
    few.close();
    const four = readyChannel(POLICY, 'a b c d', BY_FAILURES);
    calls(four, 100, 'b');
    four.clock.advance(10_000);
    assert.equal(picked(four), 'a b c d');
    four.close();
    const below = readyChannel(POLICY, NAMES, BY_FAILURES);
    for (let i = 0; i < 20; i += 1) calls(below, 5, ...(i < 17 ? ['b'] : []));
    below.clock.advance(10_000);
    assert.equal(picked(below), 'a b c d e');
    below.close();
  });

  it('counts each interval by itself', () => {
    const channel = readyChannel(POLICY, NAMES, BY_FAILURES);
    calls(channel, 45, 'b');
    channel.clock.advance(10_000);
    calls(channel, 45, 'b');
    channel.clock.advance(10_000);
    assert.equal(picked(channel), 'a b c d e');
    channel.close();
  });

  it('ejects longer each time, up to maxEjectionTime, and forgives with time', () => {
    const config = { ...BY_FAILURES, baseEjectionTime: '20s', maxEjectionTime: '50s' };
    const channel = readyChannel(POLICY, NAMES, config);
    for (const seconds of [20, 40, 50, 50]) {
      calls(channel, 100, 'b');
      channel.clock.advance(10_000);
      assert.equal(picked(channel), 'a c d e');
      channel.clock.advance(seconds * 1_000 - 1);
      assert.equal(picked(channel), 'a c d e', `${seconds} s`);
      channel.clock.advance(1);
      assert.equal(picked(channel), 'a b c d e', `${seconds} s`);
    }
    // Four intervals without an ejection.
    channel.clock.advance(40_000);
    calls(channel, 100, 'b');
    channel.clock.advance(10_000 + 20_000);
    assert.equal(picked(channel), 'a b c d e');
    channel.close();
  });

  it('ejects no more than maxEjectionPercent, but one in any case', () => {
    const half = readyChannel(POLICY, NAMES, { ...BY_FAILURES, maxEjectionPercent: 40 });
    calls(half, 100, 'a', 'b', 'c', 'd', 'e');
    half.clock.advance(10_000);
    assert.equal(picked(half).split(' ').length, 3);
    half.close();
    const none = readyChannel(POLICY, NAMES, { ...BY_FAILURES, maxEjectionPercent: 0 });
    calls(none, 100, 'a', 'b');
    none.clock.advance(10_000);
    assert.equal(picked(none).split(' ').length, 4);
    none.close();
  });

  it('ejects by chance where enforcementPercentage says so', () => {
    let ejected = 0;
    for (let seed = 1; seed <= 400; seed += 1) {
      const failures = { requestVolume: 10, enforcementPercentage: 25 };
      const config = { childPolicy, failurePercentageEjection: failures };
      const channel = readyChannel(POLICY, NAMES, config, seed);
      calls(channel, 100, 'b');
      channel.clock.advance(10_000);
      if (picked(channel) === 'a c d e') ejected += 1;
      channel.close();
    }
    assert.ok(ejected > 70 && ejected < 130, String(ejected));
  });
});

describe('outlier_detection by success rate', () => {
  const successRateEjection = { requestVolume: 10, stdevFactor: 1_000 };

  it('ejects who is far below the mean', () => {
    const channel = readyChannel(POLICY, NAMES, { childPolicy, successRateEjection });
    for (let i = 0; i < 20; i += 1) calls(channel, 5, ...(i < 4 ? ['b'] : []));
    channel.clock.advance(10_000);
    assert.equal(picked(channel), 'a c d e');
    channel.close();
  });

  it('ejects nobody where all are alike, or too few have enough calls', () => {
    const alike = readyChannel(POLICY, NAMES, { childPolicy, successRateEjection });
    calls(alike, 100, 'a', 'b', 'c', 'd', 'e');
    alike.clock.advance(10_000);
    assert.equal(picked(alike), 'a b c d e');
    alike.close();
    const few = readyChannel(POLICY, 'a b c d', { childPolicy, successRateEjection });
    calls(few, 100, 'b');
    few.clock.advance(10_000);
    assert.equal(picked(few), 'a b c d');
    few.close();
  });
});

describe('outlier_detection, the policy below', () => {
  it('sees an ejected backend as one that failed, and says why when all have', () => {
    const failures = { requestVolume: 1, minimumHosts: 1 };
    const config = { childPolicy, failurePercentageEjection: failures };
    const channel = readyChannel(POLICY, 'a', config);
    calls(channel, 7, 'a');
    channel.clock.advance(10_000);
    assert.equal(channel.state, 'TRANSIENT_FAILURE');
    assert.equal(channel.pick(), 'fail: a:1 is ejected by outlier_detection: 7 of 7 calls failed');
    channel.clock.advance(30_000);
    assert.equal(channel.pick(), 'a');
    channel.close();
  });

  it('sees what became of a connection in the meantime when the backend comes back', () => {
    const channel = readyChannel(POLICY, NAMES, BY_FAILURES);
    calls(channel, 100, 'b');
    channel.clock.advance(10_000);
    const { resolutions } = channel;
    channel.backend('b').idle('lost');
    assert.deepEqual(channel.take(), []);
    // Nothing was said to the policy below.
    assert.equal(channel.resolutions, resolutions);
    channel.clock.advance(30_000);
    assert.deepEqual(channel.take(), ['connect b']);
    channel.backend('b').ready();
    assert.equal(picked(channel), 'a b c d e');
    channel.close();
  });

  it('sees a backend that is listed again after its ejection as it is', () => {
    const channel = readyChannel(POLICY, NAMES, BY_FAILURES);
    calls(channel, 100, 'b');
    channel.clock.advance(10_000);
    channel.resolve('a c d e', BY_FAILURES);
    channel.resolve(NAMES, BY_FAILURES);
    channel.backend('b').ready();
    assert.equal(picked(channel), 'a b c d e');
    channel.close();
  });

  it('may be pick_first, which goes on to the next address', () => {
    const failures = { requestVolume: 1, minimumHosts: 1 };
    const config = { childPolicy: [{ pick_first: {} }], failurePercentageEjection: failures };
    const channel = new ScriptedChannel(POLICY);
    channel.resolve('a b', config);
    channel.backend('a').ready();
    calls(channel, 5, 'a');
    channel.clock.advance(10_000);
    assert.equal(channel.state, 'IDLE');
    channel.exitIdle();
    channel.backend('b').ready();
    assert.equal(channel.pick(), 'b');
    channel.close();
  });

  it('keeps its own trackers', () => {
    const config = { ...BY_FAILURES, childPolicy: [{ least_request: { choiceCount: 10 } }] };
    const channel = readyChannel(POLICY, 'a b', config);
    const begun: PickTracker[] = [];
    const counts = new Map<string, number>();
    for (let i = 0; i < 1_000; i += 1) {
      const result = channel.pickResult();
      assert.ok(result.kind === 'subchannel' && result.tracker !== undefined);
      assert.ok(result.subchannel instanceof ScriptedSubchannel);
      const { name } = result.subchannel;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      result.tracker.onStart();
      begun.push(result.tracker);
    }
    assert.ok(Math.abs((counts.get('a') ?? 0) - 500) <= 2, String(counts.get('a')));
    for (const tracker of begun) tracker.onEnd(Status.OK, []);
    channel.close();
  });

  it('may be outlier_detection again', () => {
    const config = { childPolicy: [{ outlier_detection_experimental: BY_FAILURES }] };
    const channel = readyChannel('outlier_detection_experimental', NAMES, config);
    calls(channel, 100, 'b');
    channel.clock.advance(10_000);
    assert.equal(picked(channel), 'a c d e');
    channel.close();
  });

  it('is made anew when the config names another', () => {
    const channel = readyChannel(POLICY, 'a b', BY_FAILURES);
    channel.resolve('a b', { ...BY_FAILURES, childPolicy: [{ pick_first: {} }] });
    assert.deepEqual(channel.take(), ['release a', 'release b', 'connect a']);
    channel.backend('a').ready();
    assert.equal(channel.pick(), 'a');
    channel.close();
  });

  it('is not heard any more once another has its place', () => {
    registerBalancer({
      name: 'test_late',
      parseConfig: () => undefined,
      create: (context) => ({
        update: () => {},
        onResolverError: () => {},
        exitIdle: () => {},
        close: () => {
          context.update('READY', { pick: () => assert.fail('a picker of a closed policy') });
          context.requestResolution();
        },
      }),
    });
    const channel = new ScriptedChannel(POLICY);
    channel.resolve('a', { childPolicy: [{ test_late: {} }] });
    channel.resolve('a', { childPolicy });
    assert.deepEqual(channel.states, ['CONNECTING']);
    assert.equal(channel.resolutions, 0);
    channel.close();
  });

  it('hears of resolver errors and of calls to an idle channel', () => {
    const channel = new ScriptedChannel(POLICY);
    channel.resolve([], BY_FAILURES);
    channel.resolverError('no answer');
    assert.equal(channel.pick(), 'fail: no answer');
    channel.close();
  });
});

describe('outlier_detection, a new config', () => {
  it('without any rule counts nothing, and takes back who is ejected', () => {
    const channel = readyChannel(POLICY, NAMES, BY_FAILURES);
    calls(channel, 100, 'b');
    channel.clock.advance(10_000);
    assert.equal(picked(channel), 'a c d e');
    channel.resolve(NAMES, { childPolicy });
    assert.equal(picked(channel), 'a b c d e');
    assert.equal(channel.clock.pending, 0);
    const result = channel.pickResult();
    assert.ok(result.kind === 'subchannel');
    assert.equal(result.tracker, undefined);
    channel.close();
  });

  it('does not begin the interval anew', () => {
    const channel = readyChannel(POLICY, NAMES, BY_FAILURES);
    calls(channel, 100, 'b');
    channel.clock.advance(6_000);
    channel.resolve(NAMES, { ...BY_FAILURES, interval: '8s' });
    channel.clock.advance(1_999);
    assert.equal(picked(channel), 'a b c d e');
    channel.clock.advance(1);
    assert.equal(picked(channel), 'a c d e');
    channel.close();
  });

  it('gives the same result object for the calls of a backend', () => {
    const channel = readyChannel(POLICY, 'a', BY_FAILURES);
    assert.equal(channel.pickResult(), channel.pickResult());
    channel.close();
  });
});
