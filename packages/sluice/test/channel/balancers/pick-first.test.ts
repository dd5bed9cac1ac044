// pick_first: which address is tried when, which one stays, and what calls see of it.
// gRFC A61, A62; RFC 8305.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { address, ScriptedChannel } from './scripted-channel.js';

function pickFirst(names: string, config?: unknown, seed?: number): ScriptedChannel {
  const channel = new ScriptedChannel('pick_first', seed);
  channel.resolve(names, config);
  return channel;
}

describe('pick_first, connecting', () => {
  it('tries the next address 250 ms after the last, and lets those before go on', () => {
    const channel = pickFirst('a b c');
    assert.equal(channel.pick(), 'queue');
    channel.clock.advance(249);
    assert.deepEqual(channel.take(), ['connect a']);
    channel.clock.advance(1);
    assert.deepEqual(channel.take(), ['connect b']);
    channel.clock.advance(250);
    assert.deepEqual(channel.take(), ['connect c']);
    channel.backend('a').ready();
    assert.deepEqual(channel.take(), ['release b', 'release c']);
    assert.equal(channel.pick(), 'a');
    assert.deepEqual(channel.states, ['CONNECTING', 'READY']);
    channel.close();
  });

  it('tries the next address at once when one fails', () => {
    const channel = pickFirst('a b c');
    channel.backend('a').fail('a is away');
    channel.clock.advance(249);
    assert.deepEqual(channel.take(), ['connect a', 'connect b']);
    channel.clock.advance(1);
    assert.deepEqual(channel.take(), ['connect c']);
    channel.backend('b').ready();
    assert.deepEqual(channel.take(), ['release a', 'release c']);
    channel.close();
  });

  it('goes through addresses that fail at once', () => {
    const channel = new ScriptedChannel('pick_first');
    for (const name of ['a', 'b', 'c']) channel.refusals.set(name, `${name} is away`);
    channel.resolve('a b c');
    assert.deepEqual(channel.states, ['CONNECTING', 'TRANSIENT_FAILURE']);
    assert.equal(channel.pick(), 'fail: a is away; b is away; c is away');
    channel.close();
  });

  it('alternates families, and tries an address that is listed twice once', () => {
    const channel = pickFirst('6a 6b 6a 4a 4b');
    channel.clock.advance(10_000);
    const order = ['6::1', '4.0.0.1', '6::2', '4.0.0.2'];
    assert.deepEqual(
      channel.take(),
      order.map((host) => `connect ${host}`),
    );
    channel.close();
  });

  it('uses a connection that another channel has, and does not wait for a backoff of others', () => {
    const channel = new ScriptedChannel('pick_first');
    channel.share('a', 'TRANSIENT_FAILURE');
    channel.share('b', 'CONNECTING');
    channel.share('c', 'READY');
    channel.resolve('a b c');
    assert.equal(channel.held, 'a b');
    assert.equal(channel.pick(), 'queue');
    channel.clock.advance(250);
    assert.equal(channel.pick(), 'c');
    assert.deepEqual(channel.take(), ['release a', 'release b']);
    channel.close();
  });

  it('orders addresses at random with shuffleAddressList, all orders alike', () => {
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= 1_200; seed += 1) {
      const channel = pickFirst('a b c', { shuffleAddressList: true }, seed);
      channel.clock.advance(1_000);
      const order = channel.take().join(' ').replaceAll('connect ', '');
      seen.set(order, (seen.get(order) ?? 0) + 1);
      channel.close();
    }
    assert.equal(seen.size, 6);
    for (const [order, times] of seen) assert.ok(times > 150 && times < 250, `${order}: ${times}`);
  });
});

describe('pick_first, when all addresses fail', () => {
  it('fails calls with each address as it failed, once all have', () => {
    const channel = pickFirst('a b');
    channel.backend('a').fail('a is away');
    assert.equal(channel.pick(), 'queue');
    channel.backend('b').fail('b is away');
    assert.equal(channel.pick(), 'fail: a is away; b is away');
    assert.equal(channel.resolutions, 1);
    channel.close();
  });

  it('says the failure of a lone address as it is, and names no more than eight', () => {
    const lone = pickFirst('a');
    lone.backend('a').fail('a is away');
    assert.equal(lone.pick(), 'fail: a is away');
    lone.close();
    const names = Array.from({ length: 10 }, (_, i) => `h${i}`);
    const many = pickFirst(names.join(' '));
    for (const name of names) many.backend(name).fail(`${name} is away`);
    assert.match(many.pick(), /^fail: h0 is away; .*; h7 is away; and 2 more$/);
    many.close();
  });

  it('does not take the failure of an earlier connection for one of this attempt', () => {
    const channel = new ScriptedChannel('pick_first');
    channel.resolve('a b');
    // As of a connection of another channel.
    channel.backend('a').lastFailure = 'lost long ago';
    channel.clock.advance(250);
    channel.backend('b').fail('b is away');
    assert.equal(channel.state, 'CONNECTING');
    assert.equal(channel.pick(), 'queue');
    channel.close();
  });

  it('goes on trying each after its backoff; calls fail until one is READY', () => {
    const channel = pickFirst('a b');
    channel.backend('a').fail('a is away');
    channel.backend('b').fail('b is away');
    channel.take();
    channel.backend('b').idle();
    assert.deepEqual(channel.take(), ['connect b']);
    assert.equal(channel.state, 'TRANSIENT_FAILURE');
    channel.backend('b').fail('b is still away');
    assert.equal(channel.pick(), 'fail: a is away; b is still away');
    channel.backend('a').idle();
    channel.backend('a').ready();
    assert.equal(channel.pick(), 'a');
    assert.deepEqual(channel.states, ['CONNECTING', 'TRANSIENT_FAILURE', 'READY']);
    channel.close();
  });
});

describe('pick_first, connected', () => {
  it('gives the same result object for every call', () => {
    const channel = pickFirst('a');
    channel.backend('a').ready();
    assert.equal(channel.pickResult(), channel.pickResult());
    channel.close();
  });

  it('is IDLE when its connection ends, asks for addresses, and connects with the next call', () => {
    const channel = pickFirst('a b');
    channel.backend('a').ready();
    channel.take();
    channel.backend('a').idle('the server closed the connection');
    assert.equal(channel.state, 'IDLE');
    assert.equal(channel.resolutions, 1);
    assert.deepEqual(channel.take(), []);
    channel.resolve('c d');
    assert.equal(channel.held, 'a');
    channel.resolverError('no answer');
    assert.equal(channel.state, 'IDLE');
    channel.exitIdle();
    assert.deepEqual(channel.take(), ['connect c']);
    assert.deepEqual(channel.states, ['CONNECTING', 'READY', 'IDLE', 'CONNECTING']);
    channel.close();
  });

  it('holds the backend it has lost until it has another: a shared connection keeps its backoff', () => {
    const channel = pickFirst('a b');
    channel.backend('a').ready();
    channel.backend('a').idle('lost');
    channel.exitIdle();
    assert.equal(channel.held, 'a a');
    channel.take();
    channel.clock.advance(250);
    channel.backend('b').ready();
    assert.deepEqual(channel.take(), ['connect b', 'release a', 'release a']);
    channel.close();
  });

  it('fails calls while the backend it has lost backs off', () => {
    const channel = pickFirst('a');
    channel.backend('a').ready();
    channel.share('a', 'TRANSIENT_FAILURE');
    channel.backend('a').fail('the server sent GOAWAY');
    assert.equal(channel.state, 'IDLE');
    channel.exitIdle();
    assert.equal(channel.state, 'TRANSIENT_FAILURE');
    channel.close();
  });

  it('takes the newest order of its addresses when it connects again', () => {
    const channel = pickFirst('a b');
    channel.backend('a').ready();
    channel.backend('a').idle('lost');
    channel.resolve('b a');
    channel.take();
    channel.exitIdle();
    assert.deepEqual(channel.take(), ['connect b']);
    channel.close();
  });

  it('stays connected while its address is listed, and leaves when it is not', () => {
    const channel = pickFirst('a b');
    channel.backend('a').ready();
    channel.take();
    channel.resolve('b c a');
    assert.deepEqual(channel.take(), []);
    assert.equal(channel.pick(), 'a');
    channel.resolve('b c');
    assert.deepEqual(channel.take(), ['connect b', 'release a']);
    assert.equal(channel.pick(), 'queue');
    channel.close();
  });
});

describe('pick_first, new addresses', () => {
  it('changes nothing while connecting when the addresses are the same in another order', () => {
    const channel = pickFirst('a b');
    channel.backend('a').fail('a is away');
    channel.take();
    channel.resolve('b a');
    assert.deepEqual(channel.take(), []);
    channel.backend('b').ready();
    assert.equal(channel.pick(), 'b');
    channel.close();
  });

  it('keeps what is listed still while it begins again', () => {
    const channel = pickFirst('a b');
    channel.take();
    channel.resolve('a c');
    // A second hold on `a` first, so that a shared connection attempt goes on.
    assert.deepEqual(channel.take(), ['connect a', 'release a']);
    channel.close();
  });

  it('fails calls when there are none, and connects when there are some again', () => {
    const channel = pickFirst('a');
    channel.backend('a').ready();
    channel.resolve([]);
    assert.equal(channel.pick(), 'fail: the resolver of test:backends found no addresses');
    assert.equal(channel.held, '');
    channel.resolverError('no answer');
    assert.equal(channel.pick(), 'fail: no answer');
    channel.resolve([address('b')]);
    channel.backend('b').ready();
    assert.equal(channel.pick(), 'b');
    channel.close();
  });

  it('connects when addresses vanish and come back while it is IDLE', () => {
    const channel = pickFirst('a');
    channel.backend('a').ready();
    channel.backend('a').idle('lost');
    channel.resolve([]);
    assert.equal(channel.state, 'TRANSIENT_FAILURE');
    channel.resolve('b');
    channel.backend('b').ready();
    assert.equal(channel.pick(), 'b');
    channel.close();
  });

  it('a resolver error fails calls only while no address is known', () => {
    const channel = new ScriptedChannel('pick_first');
    channel.resolverError('no answer');
    assert.equal(channel.pick(), 'fail: no answer');
    channel.resolve('a');
    channel.backend('a').ready();
    channel.resolverError('no answer');
    assert.equal(channel.pick(), 'a');
    channel.close();
  });
});
