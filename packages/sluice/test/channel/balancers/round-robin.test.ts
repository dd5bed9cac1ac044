// round_robin, and the states of the policies that connect to every address.
// gRPC load-balancing.md, connectivity-semantics-and-api.md.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readyChannel, ScriptedChannel } from './scripted-channel.js';

describe('round_robin', () => {
  it('connects to every address at once, and picks each READY one as often as any other', () => {
    const channel = new ScriptedChannel('round_robin');
    channel.resolve('a b c b');
    assert.deepEqual(channel.take(), ['connect a', 'connect b', 'connect c']);
    assert.equal(channel.pick(), 'queue');
    channel.backend('b').ready();
    assert.deepEqual(channel.counts(10), { b: 10 });
    channel.backend('c').ready();
    assert.deepEqual(channel.counts(10), { b: 5, c: 5 });
    channel.backend('a').ready();
    const turn = [channel.pick(), channel.pick(), channel.pick()];
    assert.deepEqual([...turn].sort(), ['a', 'b', 'c']);
    assert.deepEqual([channel.pick(), channel.pick(), channel.pick()], turn);
    channel.close();
  });

  it('begins at any of them, so that clients do not all begin at the same', () => {
    const first = new Map<string, number>();
    for (let seed = 1; seed <= 900; seed += 1) {
      const channel = readyChannel('round_robin', 'a b c', undefined, seed);
      const name = channel.pick();
      first.set(name, (first.get(name) ?? 0) + 1);
    }
    for (const [name, times] of first) assert.ok(times > 240 && times < 360, `${name}: ${times}`);
    assert.equal(first.size, 3);
  });

  it('leaves out one whose connection ends, and connects it at once', () => {
    const channel = readyChannel('round_robin', 'a b');
    channel.backend('a').idle('lost');
    assert.deepEqual(channel.take(), ['connect a']);
    assert.equal(channel.resolutions, 1);
    assert.deepEqual(channel.counts(4), { b: 4 });
    channel.backend('a').ready();
    assert.deepEqual(channel.counts(4), { a: 2, b: 2 });
    channel.close();
  });

  it('fails calls once all have failed, in the words of the last', () => {
    const channel = new ScriptedChannel('round_robin');
    channel.resolve('a b');
    channel.backend('a').fail('a is away');
    assert.equal(channel.pick(), 'queue');
    channel.backend('b').fail('b is away');
    assert.equal(channel.pick(), 'fail: b is away');
    assert.equal(channel.resolutions, 2);
    channel.take();
    // A backoff ends; failed it stays, until READY.
    channel.backend('a').idle();
    assert.deepEqual(channel.take(), ['connect a']);
    assert.equal(channel.state, 'TRANSIENT_FAILURE');
    assert.equal(channel.pick(), 'fail: b is away');
    channel.backend('a').ready();
    assert.equal(channel.pick(), 'a');
    assert.deepEqual(channel.states, ['CONNECTING', 'TRANSIENT_FAILURE', 'READY']);
    channel.close();
  });

  it('is CONNECTING again when its last connection ends, as long as one has not failed', () => {
    const channel = readyChannel('round_robin', 'a b');
    channel.backend('a').idle('lost');
    channel.backend('b').idle('lost');
    assert.equal(channel.pick(), 'queue');
    channel.backend('a').fail('a is away');
    assert.equal(channel.pick(), 'queue');
    channel.backend('b').fail('b is away');
    assert.equal(channel.pick(), 'fail: b is away');
    channel.close();
  });

  it('keeps connections whose address is still listed, and drops the others', () => {
    const channel = readyChannel('round_robin', 'a b');
    const kept = channel.backend('b');
    channel.resolve('b c');
    assert.deepEqual(channel.take(), ['release a', 'connect c']);
    assert.equal(channel.backend('b'), kept);
    assert.deepEqual(channel.counts(4), { b: 4 });
    channel.close();
  });

  it('makes no new picker when nothing changes', () => {
    const channel = readyChannel('round_robin', 'a b');
    const { updates } = channel;
    channel.resolve('a b');
    assert.equal(channel.updates, updates);
    channel.close();
  });

  it('fails calls while there are no addresses', () => {
    const channel = readyChannel('round_robin', 'a');
    channel.resolverError('no answer');
    assert.equal(channel.pick(), 'a');
    channel.resolve([]);
    assert.equal(channel.pick(), 'fail: the resolver of test:backends found no addresses');
    channel.resolverError('no answer');
    assert.equal(channel.pick(), 'fail: no answer');
    channel.close();
  });

  it('uses connections that other channels have, in whatever state they are', () => {
    const channel = new ScriptedChannel('round_robin');
    channel.share('a', 'READY');
    channel.share('b', 'TRANSIENT_FAILURE');
    channel.resolve('a b');
    assert.deepEqual(channel.take(), []);
    assert.equal(channel.pick(), 'a');
    channel.close();
  });

  it('fails calls at once where connecting fails at once', () => {
    const channel = new ScriptedChannel('round_robin');
    channel.refusals.set('a', 'a is away');
    channel.resolve('a');
    assert.equal(channel.pick(), 'fail: a is away');
    channel.close();
  });
});
