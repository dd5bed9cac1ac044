// ring_hash: to whom a call goes, who is connected for it, and what the channel's state is.
// gRFC A42, A61, A76, A117.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { address, addresses, readyChannel, ScriptedChannel } from './scripted-channel.js';

const POLICY = 'ring_hash';
const CONFIG = { requestHashHeader: 'user' };

function ringHash(names: string, config: unknown = CONFIG): ScriptedChannel {
  const channel = new ScriptedChannel(POLICY);
  channel.resolve(names, config);
  return channel;
}

/** Values of `user` whose calls go to a backend, by its name, when all are READY. */
function usersOf(names: string): Record<string, string[]> {
  const channel = readyChannel(POLICY, names, CONFIG);
  const users: Record<string, string[]> = {};
  for (let i = 0; i < 200; i += 1) {
    const name = channel.pick('user', `u${i}`);
    users[name] = [...(users[name] ?? []), `u${i}`];
  }
  channel.close();
  return users;
}

/** A user of the backend. */
function userOf(name: string, names: string): string {
  const [user] = usersOf(names)[name] ?? [];
  assert.ok(user, `no user of ${name}`);
  return user;
}

describe('ring_hash, picking', () => {
  it('sends calls with the same value to the same backend, and values to all backends', () => {
    const users = usersOf('a b c');
    assert.deepEqual(Object.keys(users).sort(), ['a', 'b', 'c']);
    assert.deepEqual(usersOf('c b a'), users);
    const channel = readyChannel('ring_hash_experimental', 'a b c', CONFIG);
    for (const [name, values] of Object.entries(users)) {
      for (const value of values) assert.equal(channel.pick('x', 'y', 'user', value), name);
    }
    channel.close();
  });

  it('hashes several values of the field as one, with commas between them', () => {
    const channel = readyChannel(POLICY, 'a b c d e f', { requestHashHeader: 'User' });
    for (let i = 0; i < 50; i += 1) {
      assert.equal(channel.pick('user', `u${i}`, 'user', 'v'), channel.pick('user', `u${i},v`));
    }
    channel.close();
  });

  it('sends calls without the field, or with an empty one, anywhere', () => {
    const channel = readyChannel(POLICY, 'a b c', { ...CONFIG, minRingSize: 4_096 });
    for (const fields of [[], ['user', ''], ['other', 'x']]) {
      const counts = channel.counts(3_000, ...fields);
      for (const count of Object.values(counts)) assert.ok(count > 800, JSON.stringify(counts));
    }
    channel.close();
  });

  it('weighs backends, and adds up the weights of one that is listed twice', () => {
    const list = [address('a', 1), address('b', 4), address('a', 2), address('c', 1)];
    const channel = new ScriptedChannel(POLICY);
    channel.resolve(list, { minRingSize: 4_096 });
    for (const name of ['a', 'b', 'c']) channel.backend(name).ready();
    const counts = channel.counts(8_000);
    assert.ok(Math.abs((counts.a ?? 0) - 3_000) < 400, JSON.stringify(counts));
    assert.ok(Math.abs((counts.b ?? 0) - 4_000) < 400, JSON.stringify(counts));
    channel.close();
  });

  it('places a backend by its hashKey where the resolver gives one', () => {
    const users = usersOf('a b');
    const swapped = addresses('x y').map((one, i) => ({
      ...one,
      attributes: { hashKey: i === 0 ? 'b:1' : 'a:1' },
    }));
    const channel = new ScriptedChannel(POLICY);
    channel.resolve(swapped, CONFIG);
    for (const name of ['x', 'y']) channel.backend(name).ready();
    for (const user of users.a ?? []) assert.equal(channel.pick('user', user), 'y');
    for (const user of users.b ?? []) assert.equal(channel.pick('user', user), 'x');
    channel.close();
  });
});

describe('ring_hash, connecting', () => {
  it('is IDLE and connects to nobody until a call comes, then to the backend of the call', () => {
    const channel = ringHash('a b c');
    assert.deepEqual(channel.take(), []);
    assert.equal(channel.state, 'IDLE');
    assert.equal(channel.pick('user', userOf('b', 'a b c')), 'queue');
    assert.equal(channel.pick('user', userOf('b', 'a b c')), 'queue');
    assert.deepEqual(channel.take(), ['connect b']);
    channel.backend('b').ready();
    assert.equal(channel.pick('user', userOf('b', 'a b c')), 'b');
    assert.equal(channel.pick('user', userOf('c', 'a b c')), 'queue');
    assert.deepEqual(channel.take(), ['connect c']);
    assert.deepEqual(channel.states, ['IDLE', 'CONNECTING', 'READY']);
    channel.close();
  });

  it('connects to one backend for calls that may go anywhere, and uses any that is connected', () => {
    const channel = ringHash('a b c d', {});
    for (let i = 0; i < 20; i += 1) assert.equal(channel.pick(), 'queue');
    const [connect = '', ...more] = channel.take();
    assert.deepEqual(more, []);
    const name = connect.replace('connect ', '');
    channel.backend(name).ready();
    // The next connection comes while the first one serves.
    for (let i = 0; i < 40; i += 1) assert.equal(channel.pick(), name);
    assert.equal(channel.take().length, 1);
    channel.close();
  });

  it('connects to somebody when asked to without a call', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 40; seed += 1) {
      const channel = new ScriptedChannel(POLICY, seed);
      channel.resolve('a b c', CONFIG);
      channel.exitIdle();
      channel.exitIdle();
      channel.clock.advance(1);
      const [connect = '', ...more] = channel.take();
      assert.deepEqual(more, []);
      seen.add(connect);
      channel.close();
    }
    assert.equal(seen.size, 3);
  });

  it('connects to the backend of the call alone where a call ended the idleness', () => {
    const channel = ringHash('a b c');
    channel.exitIdle();
    channel.pick('user', userOf('c', 'a b c'));
    channel.clock.advance(100);
    assert.deepEqual(channel.take(), ['connect c']);
    channel.backend('c').ready();
    channel.backend('c').idle('lost');
    channel.exitIdle();
    channel.pick('user', userOf('c', 'a b c'));
    channel.backend('c').ready();
    channel.clock.advance(100);
    assert.deepEqual(channel.take(), ['connect c']);
    channel.close();
  });

  it('goes on to the next backend of the ring when one fails, and comes back', () => {
    const names = 'a b c';
    const user = userOf('a', names);
    const channel = ringHash(names);
    channel.pick('user', user);
    channel.backend('a').fail('a is away');
    // The next is begun without waiting for a call.
    assert.equal(channel.state, 'CONNECTING');
    assert.equal(channel.resolutions, 1);
    const begun = channel.take().at(-1)?.replace('connect ', '') ?? '';
    assert.ok(begun === 'b' || begun === 'c', begun);
    for (const name of ['b', 'c']) {
      channel.backend(name).connect();
      channel.backend(name).ready();
    }
    const second = channel.pick('user', user);
    assert.notEqual(second, 'a');
    channel.take();
    channel.backend('a').idle();
    assert.deepEqual(channel.take(), ['connect a']);
    assert.equal(channel.pick('user', user), second);
    channel.backend('a').ready();
    assert.equal(channel.pick('user', user), 'a');
    channel.close();
  });

  it('fails calls in the words of their own backend when all have failed', () => {
    const names = 'a b c';
    const channel = ringHash(names);
    for (const name of ['a', 'b', 'c']) {
      channel.backend(name).connect();
      channel.backend(name).fail(`${name} is away`);
    }
    for (const name of ['a', 'b', 'c']) {
      assert.equal(channel.pick('user', userOf(name, names)), `fail: ${name} is away`);
    }
    assert.match(channel.pick(), /^fail: [abc] is away$/);
    channel.close();
  });

  it('fails a call where each connection fails at once', () => {
    const channel = ringHash('a b c');
    for (const name of ['a', 'b', 'c']) channel.refusals.set(name, `${name} is away`);
    assert.equal(channel.pick('user', userOf('b', 'a b c')), 'fail: b is away');
    assert.equal(channel.state, 'TRANSIENT_FAILURE');
    channel.close();
    const any = ringHash('a b c', {});
    for (const name of ['a', 'b', 'c']) any.refusals.set(name, `${name} is away`);
    assert.match(any.pick(), /^fail: [abc] is away$/);
    any.close();
  });
});

describe('ring_hash, states', () => {
  it('is TRANSIENT_FAILURE with two failed and none READY, and tries one after another', () => {
    const channel = ringHash('a b c d');
    channel.backend('a').connect();
    channel.backend('a').fail('a is away');
    for (let failed = 1; failed < 4; failed += 1) {
      const last = channel.take().at(-1) ?? '';
      const name = last.replace('connect ', '');
      assert.equal(channel.backend(name).state, 'CONNECTING');
      assert.equal(channel.state, failed < 2 ? 'CONNECTING' : 'TRANSIENT_FAILURE');
      channel.backend(name).fail('away');
    }
    assert.deepEqual(channel.take(), []);
    channel.backend('b').idle();
    channel.backend('b').ready();
    assert.deepEqual(channel.states, ['IDLE', 'CONNECTING', 'TRANSIENT_FAILURE', 'READY']);
    channel.close();
  });

  it('is IDLE when its last connection ends, and waits for a call', () => {
    const channel = ringHash('a b');
    const user = userOf('a', 'a b');
    channel.pick('user', user);
    channel.backend('a').ready();
    channel.take();
    channel.backend('a').idle('the server closed the connection');
    assert.equal(channel.state, 'IDLE');
    assert.equal(channel.resolutions, 1);
    assert.deepEqual(channel.take(), []);
    assert.equal(channel.pick('user', user), 'queue');
    assert.deepEqual(channel.take(), ['connect a']);
    channel.close();
  });

  it('of a lone backend is TRANSIENT_FAILURE when that fails', () => {
    const channel = ringHash('a');
    channel.pick('user', 'x');
    channel.backend('a').fail('a is away');
    assert.equal(channel.state, 'TRANSIENT_FAILURE');
    assert.equal(channel.pick('user', 'x'), 'fail: a is away');
    channel.close();
  });

  it('looks again at what waits whenever a backend is READY', () => {
    const channel = readyChannel(POLICY, 'a b', CONFIG);
    channel.resolve('a b c', CONFIG);
    const { updates } = channel;
    channel.backend('c').connect();
    channel.backend('c').ready();
    assert.ok(channel.updates > updates);
    channel.close();
  });
});

describe('ring_hash, new addresses', () => {
  it('keeps the connections of backends that stay, and moves no call between them', () => {
    const channel = readyChannel(POLICY, 'a b c', CONFIG);
    const users = usersOf('a b c');
    const kept = channel.backend('a');
    channel.resolve('a d b', CONFIG);
    assert.deepEqual(channel.take(), ['release c']);
    assert.equal(channel.backend('a'), kept);
    for (const user of users.a ?? [])
      assert.ok(['a', 'queue'].includes(channel.pick('user', user)));
    channel.close();
  });

  it('fails calls when there are none', () => {
    const channel = readyChannel(POLICY, 'a', CONFIG);
    channel.resolverError('no answer');
    assert.equal(channel.pick(), 'a');
    channel.resolve([]);
    assert.equal(channel.pick(), 'fail: the resolver of test:backends found no addresses');
    channel.resolverError('no answer');
    assert.equal(channel.pick(), 'fail: no answer');
    channel.resolve('b', CONFIG);
    assert.equal(channel.state, 'IDLE');
    channel.close();
  });

  it('uses connections that other channels have', () => {
    const channel = new ScriptedChannel(POLICY);
    channel.share('a', 'READY');
    channel.share('b', 'TRANSIENT_FAILURE');
    channel.resolve('a b', CONFIG);
    assert.equal(channel.state, 'READY');
    assert.equal(channel.pick('user', userOf('b', 'a b')), 'a');
    channel.close();
  });
});
