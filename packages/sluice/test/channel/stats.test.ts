// What `channel.stats()` and `server.stats()` say of waiting calls and of limits, beside the figures of
// single connections (transport/connection-figures.test.ts).

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Metadata, Status } from '#sluice/index.js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Stats/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe('waitingCalls and oldestWaitMs', () => {
  it('tell of calls without a connection', async () => {
    const channel = running.channel('127.0.0.1:1');
    const idle = channel.stats();
    assert.deepEqual([idle.state, idle.waitingCalls, idle.oldestWaitMs], ['IDLE', 0, 0]);
    const calls = [1, 2].map(() => channel.unary(PATH, X, { waitForReady: true }));
    await until(() => channel.stats().oldestWaitMs > 0);
    assert.equal(channel.stats().waitingCalls, 2);
    const { value, unit, depth, acted } = channel.stats().limits['waiting-calls'] ?? {};
    assert.ok(value !== undefined && value > 2);
    assert.deepEqual([unit, depth, acted], ['calls', 2, 0]);
    await channel.close();
    for (const call of calls) assert.equal((await failureOf(call)).code, Status.UNAVAILABLE);
    assert.deepEqual([channel.stats().waitingCalls, channel.stats().oldestWaitMs], [0, 0]);
  });

  it('tell of calls whose credentials are being made, and of the limit that they have', async () => {
    const made = signal<Metadata>();
    const credentials = (): Promise<Metadata> => made.happened;
    const tls = { key: SERVER_KEY, cert: SERVER_CERTIFICATE };
    const server = running.server({ tls }).unary(PATH, (request) => request);
    const channel = await running.channelTo(server, {
      tls: { ca: CA_CERTIFICATE, servername: 'localhost' },
      limits: { waitingCalls: 1 },
    });
    const call = channel.unary(PATH, X, { credentials });
    await until(() => channel.stats().oldestWaitMs > 0);
    const refused = await failureOf(channel.unary(PATH, X, { credentials }));
    assert.match(refused.details, /^refused by the waiting-calls limit: 1 of 1 calls wait already/);
    const { waitingCalls, limits } = channel.stats();
    const { depth, acted } = limits['waiting-calls'] ?? {};
    assert.deepEqual([waitingCalls, depth, acted], [1, 1, 1]);
    made.raise(new Metadata());
    await call;
  });
});

describe('what limits did', () => {
  it('outlives the connection on which they did it, on both sides', async () => {
    const release = signal();
    const server = running.server({ limits: { handlers: 1, streams: 10 } });
    server.unary(PATH, async (request) => {
      await release.happened;
      return request;
    });
    const channel = await running.channelTo(server, { limits: { openCalls: 2 } });
    await channel.ready();
    const first = channel.unary(PATH, X);
    const second = failureOf(channel.unary(PATH, X));
    const third = channel.unary(PATH, X).then(String, ({ code }) => code);
    await second;
    release.raise();
    await Promise.all([first, third]);
    const mine = (): number | undefined => channel.stats().limits['open-calls']?.acted;
    const theirs = (): number | undefined => server.stats().limits.handlers?.acted;
    const [before, refused] = [mine(), theirs()];
    assert.equal(before, 1);
    assert.ok((refused ?? 0) >= 1);
    const draining = server.drain();
    await until(() => channel.stats().connections.length === 0);
    await draining;
    assert.equal(mine(), before);
    assert.equal(channel.stats().limits['open-calls']?.depth, 0);
    assert.equal(theirs(), refused);
    assert.equal(server.stats().limits.handlers?.depth, 0);
  });

  it('is told with the depth of the fullest connection', async () => {
    const release = signal();
    const server = running.server().unary(PATH, async (request) => {
      await release.happened;
      return request;
    });
    const one = await running.channelTo(server, { shareConnections: false });
    const address = one.target;
    const two = running.channel(address, { shareConnections: false });
    const calls = [one.unary(PATH, X), one.unary(PATH, X), two.unary(PATH, X)];
    await until(() => server.stats().limits['total-handlers']?.depth === 3);
    const { limits, connections, waitingCalls, state } = server.stats();
    assert.equal(limits.handlers?.depth, 2);
    assert.equal(limits.streams?.depth, 2);
    assert.deepEqual(connections.map(({ streams }) => streams.open).sort(), [1, 2]);
    assert.deepEqual([waitingCalls, state], [0, 'listening']);
    assert.equal(new Set(connections.map(({ id }) => id)).size, 2);
    release.raise();
    await Promise.all(calls);
  });
});
