// The addresses of a channel: a list as its target, and what its figures say of each.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Channel, connect } from '#sluice/index.js';
import { Running } from '../support/running.js';

const PATH = '/test.Backends/Method';
const X = Buffer.from('x');
const ROUND_ROBIN = { serviceConfig: { loadBalancingConfig: [{ round_robin: {} }] } };

const running = new Running();

afterEach(() => running.end());

async function echo(): Promise<string> {
  const { port } = await running
    .server()
    .unary(PATH, (request) => request)
    .listen({ host: '127.0.0.1' });
  return `127.0.0.1:${port}`;
}

/** Until each backend is in its state; the test's own time limit ends it otherwise. */
async function reach(channel: Channel, states: readonly string[]): Promise<void> {
  const seen = (): string[] => (channel.stats().backends ?? []).map(({ state }) => state);
  while (String(seen()) !== String(states)) await new Promise(setImmediate);
}

describe('a list of addresses', () => {
  it('is a static: target', async () => {
    const addresses = [await echo(), await echo()];
    const list = running.channel(addresses);
    assert.equal(list.target, `static:${addresses.join(',')}`);
    assert.equal(String(await list.unary(PATH, X)), 'x');
    await list.close();
    assert.equal(connect(Object.freeze(['[::1]:1'])).target, 'static:[::1]:1');
  });

  it('names the entry that is no address', () => {
    assert.throws(() => connect([]), {
      name: 'TypeError',
      message: 'the list of targets is empty; give an address',
    });
    for (const [entry, text] of [
      ['a:1,b:2', '"a:1,b:2"'],
      ['dns:///a:1', '"dns:///a:1"'],
      [' a:1', '" a:1"'],
      ['', '""'],
      [undefined, 'undefined'],
    ] as const) {
      // As a program without types would.
      assert.throws(() => connect(['localhost:1', entry as string]), {
        name: 'TypeError',
        message: `target[1] is ${text}; in a list use "host:port" or "[v6]:port"`,
      });
    }
  });
});

describe("the backends in a channel's figures", () => {
  it('are none while it is idle, and all of its addresses once it connects', async () => {
    const addresses = [await echo(), await echo(), await echo()];
    const channel = running.channel(addresses, ROUND_ROBIN);
    assert.deepEqual(channel.stats().backends, []);
    channel.connect();
    await reach(channel, ['READY', 'READY', 'READY']);
    const { backends = [], connections } = channel.stats();
    assert.deepEqual(
      backends.map(({ address, lastFailure }) => [address, lastFailure]),
      addresses.map((address) => [address, '']),
    );
    assert.deepEqual(
      backends.map((backend) => backend.connections),
      connections.map(({ id }) => [id]),
    );
  });

  it('say why one is not connected', async () => {
    const addresses = [await echo(), '127.0.0.1:1'];
    const channel = running.channel(addresses, ROUND_ROBIN);
    channel.connect();
    await reach(channel, ['READY', 'TRANSIENT_FAILURE']);
    const down = channel.stats().backends?.[1];
    assert.deepEqual(down?.connections, []);
    assert.match(down?.lastFailure ?? '', /^cannot connect to 127\.0\.0\.1:1: .*ECONNREFUSED/);
  });
});
