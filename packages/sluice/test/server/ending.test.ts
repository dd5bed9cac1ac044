// How connections and servers end in the public API: age, idleness, grace, signals of the system.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Server, type ServerContext, Status } from '#sluice/index.js';
import { failureOf, Running, type Signal, signal } from '../support/running.js';

const PATH = '/test.Ending/Method';
const HANG = '/test.Ending/Hang';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A handler that runs until its signal aborts. */
function hanging(server: Server): { begun: Signal<ServerContext>; aborted: Signal<string> } {
  const begun = signal<ServerContext>();
  const aborted = signal<string>();
  server.unary(HANG, (request, context) => {
    begun.raise(context);
    return new Promise((resolve) => {
      context.signal.addEventListener('abort', () => {
        aborted.raise(String(context.signal.reason));
        resolve(request);
      });
    });
  });
  server.unary(PATH, (request) => request);
  return { begun, aborted };
}

describe('a connection', () => {
  it('past its age drains, and after its grace closes: the handler hears of it', async () => {
    const server = running.server({ keepalive: { maxAgeMs: 30, maxAgeGraceMs: 30 } });
    const { begun, aborted } = hanging(server);
    const channel = await running.channelTo(server);
    const call = failureOf(channel.unary(HANG, X));
    await begun.happened;
    const error = await call;
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(await aborted.happened, /grace/);
    // The next one is made for the next call.
    assert.equal(String(await channel.unary(PATH, X)), 'x');
  });

  it('without calls for long enough is closed', async () => {
    const server = running.server({ keepalive: { maxIdleMs: 30 } });
    hanging(server);
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    while (server.stats().connections.length > 0) await new Promise(setImmediate);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
  });
});

describe('a drain', () => {
  it('aborts the signals of handlers at the end of its grace, and resolves', async () => {
    const server = running.server();
    const { begun, aborted } = hanging(server);
    const channel = await running.channelTo(server);
    const call = failureOf(channel.unary(HANG, X));
    const context = await begun.happened;
    await server.drain(30);
    assert.equal(context.cancelled, true);
    assert.match(await aborted.happened, /the server is draining; the grace period is over/);
    assert.equal((await call).code, Status.UNAVAILABLE);
  });
});

describe('a close', () => {
  it('fails calls with UNAVAILABLE, and with CANCELLED when it is to cancel them', async () => {
    for (const [options, code] of [
      [{}, Status.UNAVAILABLE],
      [{ cancelCalls: true }, Status.CANCELLED],
    ] as const) {
      const server = running.server();
      const { begun, aborted } = hanging(server);
      const channel = await running.channelTo(server);
      const call = failureOf(channel.unary(HANG, X));
      await begun.happened;
      await server.close(options);
      assert.match(await aborted.happened, /the server was closed/);
      assert.equal((await call).code, code);
    }
  });
});

describe('drainOn', () => {
  it('drains on the first signal, closes on the second, and takes its listeners off', async () => {
    const server = running.server();
    const { begun, aborted } = hanging(server);
    const channel = await running.channelTo(server);
    const before = process.listenerCount('SIGUSR2');
    const closed = server.drainOn(['SIGUSR2']);
    assert.equal(process.listenerCount('SIGUSR2'), before + 1);
    const call = failureOf(channel.unary(HANG, X));
    await begun.happened;
    process.kill(process.pid, 'SIGUSR2');
    while (server.stats().state !== 'draining') await new Promise(setImmediate);
    process.kill(process.pid, 'SIGUSR2');
    await closed;
    assert.match(await aborted.happened, /the server was closed/);
    assert.equal((await call).code, Status.UNAVAILABLE);
    assert.equal(process.listenerCount('SIGUSR2'), before);
  });

  it('takes a signal that is named twice for one', async () => {
    const server = running.server();
    const { begun } = hanging(server);
    const channel = await running.channelTo(server);
    const before = process.listenerCount('SIGUSR2');
    const closed = server.drainOn(['SIGUSR2', 'SIGUSR2']);
    assert.equal(process.listenerCount('SIGUSR2'), before + 1);
    const call = failureOf(channel.unary(HANG, X));
    await begun.happened;
    process.kill(process.pid, 'SIGUSR2');
    while (server.stats().state === 'listening') await new Promise(setImmediate);
    assert.equal(server.stats().state, 'draining');
    await server.close();
    await closed;
    await call;
  });

  it('waits no longer than its grace', async () => {
    const server = running.server();
    const { begun } = hanging(server);
    const channel = await running.channelTo(server);
    const closed = server.drainOn(['SIGUSR2'], { graceMs: 20 });
    const call = failureOf(channel.unary(HANG, X));
    await begun.happened;
    process.kill(process.pid, 'SIGUSR2');
    await closed;
    await call;
  });

  it('resolves when the server is closed without a signal; a lost connection is no end', async () => {
    const server = running.server();
    hanging(server);
    const before = process.listenerCount('SIGTERM');
    let ended = false;
    const closed = server.drainOn().then(() => {
      ended = true;
    });
    assert.equal(process.listenerCount('SIGTERM'), before + 1);
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    await channel.close();
    while (server.stats().connections.length > 0) await new Promise(setImmediate);
    assert.equal(ended, false);
    assert.equal(server.stats().state, 'listening');
    await server.close();
    await closed;
    assert.equal(process.listenerCount('SIGTERM'), before);
  });

  it('refuses a grace that is none', () => {
    assert.throws(() => running.server().drainOn(['SIGUSR2'], { graceMs: -1 }), {
      name: 'RangeError',
      message: 'graceMs is -1; it must be 0 ms or more',
    });
  });
});
