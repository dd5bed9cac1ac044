// How a channel makes, loses and replaces its connection, and what calls see of it.
// gRPC connectivity-semantics-and-api.md, connection-backoff.md, wait-for-ready.md.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { Backoff } from '#sluice/channel/backoff.js';
import { type Server, Status } from '#sluice/index.js';
import { failureOf, Running, signal } from '../support/running.js';

const ECHO = '/test.Channel/Echo';
const HANG = '/test.Channel/Hang';
const X = Buffer.from('x');

const running = new Running();

function echoServer(): Server {
  return running.server().unary(ECHO, (request) => request);
}

/** A port of 127.0.0.1 that nobody listens on. */
async function freePort(): Promise<number> {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}

afterEach(() => running.end());

describe('a channel', () => {
  it('is IDLE and makes no connection until the first call, then READY', async () => {
    const server = echoServer();
    const channel = await running.channelTo(server);
    assert.equal(channel.state, 'IDLE');
    assert.deepEqual(channel.stats().connections, []);
    const answer = channel.unary(ECHO, X);
    assert.equal(channel.state, 'CONNECTING');
    await answer;
    assert.equal(channel.state, 'READY');
    assert.equal(channel.stats().connections.length, 1);
    assert.equal(server.stats().connections.length, 1);
  });

  it('ready() connects, and resolves when a call would be admitted', async () => {
    const channel = await running.channelTo(echoServer());
    await channel.ready();
    assert.equal(channel.state, 'READY');
    await channel.ready();
  });

  it('makes one connection for many calls at once', async () => {
    const server = echoServer();
    const channel = await running.channelTo(server);
    await Promise.all(Array.from({ length: 500 }, () => channel.unary(ECHO, X)));
    assert.equal(server.stats().connections.length, 1);
  });

  it('is IDLE after the connection is lost, and the next call makes a new one', async () => {
    const first = echoServer();
    const { port } = await first.listen({ host: '127.0.0.1' });
    const channel = running.channel(`127.0.0.1:${port}`);
    await channel.unary(ECHO, X);
    await first.close();
    while (channel.state === 'READY') await new Promise(setImmediate);
    assert.equal(channel.state, 'IDLE');
    const second = echoServer();
    await second.listen({ host: '127.0.0.1', port });
    await channel.unary(ECHO, X);
    assert.equal(channel.state, 'READY');
    assert.equal(second.stats().connections.length, 1);
  });
});

describe('a backend that cannot be reached', () => {
  it('fails calls at once with UNAVAILABLE, while the channel waits to try again', async () => {
    const port = await freePort();
    const channel = running.channel(`127.0.0.1:${port}`);
    const error = await failureOf(channel.unary(ECHO, X));
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /ECONNREFUSED/);
    assert.equal(channel.state, 'TRANSIENT_FAILURE');
    const again = await failureOf(channel.unary(ECHO, X));
    assert.equal(again.details, error.details);
  });

  it('waitForReady: the call waits, and is served once a server is there', async () => {
    const port = await freePort();
    const channel = running.channel(`127.0.0.1:${port}`, { backoff: { initialMs: 1, maxMs: 5 } });
    const waiting = channel.unary(ECHO, X, { waitForReady: true });
    assert.equal((await failureOf(channel.unary(ECHO, X))).code, Status.UNAVAILABLE);
    assert.equal(channel.stats().waitingCalls, 1);
    const server = echoServer();
    await server.listen({ host: '127.0.0.1', port });
    assert.equal(String(await waiting), 'x');
  });

  it('waitForReady with a deadline: the error names what it waited for', async () => {
    const port = await freePort();
    const channel = running.channel(`127.0.0.1:${port}`);
    const error = await failureOf(channel.unary(ECHO, X, { waitForReady: true, timeoutMs: 50 }));
    assert.equal(error.code, Status.DEADLINE_EXCEEDED);
    assert.match(
      error.details,
      new RegExp(
        `^deadline of 50 ms exceeded; waited \\d+ ms for a connection, tried again in \\d+ ms; cannot connect to 127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`,
      ),
    );
  });

  it('waitForReady can be aborted', async () => {
    const port = await freePort();
    const channel = running.channel(`127.0.0.1:${port}`);
    const controller = new AbortController();
    const call = channel.unary(ECHO, X, { waitForReady: true, signal: controller.signal });
    assert.equal((await failureOf(channel.unary(ECHO, X))).code, Status.UNAVAILABLE);
    controller.abort();
    assert.equal((await failureOf(call)).code, Status.CANCELLED);
    assert.equal(channel.stats().waitingCalls, 0);
  });
});

describe('a server that accepts and says nothing', () => {
  async function silent(): Promise<net.Server> {
    const listener = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.resume();
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return listener;
  }

  it('fails the attempt at connectTimeoutMs and says what was missing', async () => {
    const listener = await silent();
    const { port } = listener.address() as AddressInfo;
    const channel = running.channel(`127.0.0.1:${port}`, { connectTimeoutMs: 50 });
    const error = await failureOf(channel.unary(ECHO, X));
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.equal(error.details, `no HTTP/2 SETTINGS from 127.0.0.1:${port} within 50 ms`);
    assert.equal(channel.state, 'TRANSIENT_FAILURE');
    listener.close();
  });

  it('a deadline before that names the state of the channel', async () => {
    const listener = await silent();
    const { port } = listener.address() as AddressInfo;
    const channel = running.channel(`127.0.0.1:${port}`);
    const error = await failureOf(channel.unary(ECHO, X, { timeoutMs: 50 }));
    assert.equal(error.code, Status.DEADLINE_EXCEEDED);
    assert.match(
      error.details,
      new RegExp(
        `^deadline of 50 ms exceeded; waited \\d+ ms for a connection to 127\\.0\\.0\\.1:${port}, which is being made; it goes on as that is ready$`,
      ),
    );
    const late = await failureOf(channel.ready({ timeoutMs: 20 }));
    const text = `CONNECTING, no connection to 127.0.0.1:${port} yet`;
    assert.equal(late.details, `the channel was not ready after 20 ms: ${text}`);
    listener.close();
  });
});

describe('close()', () => {
  it('ends open calls with UNAVAILABLE, aborts their handlers, refuses new ones', async () => {
    const started = signal();
    const aborted = signal();
    const server = running.server().unary(HANG, (_request, context) => {
      started.raise();
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => {
          aborted.raise();
          reject(context.signal.reason);
        });
      });
    });
    const channel = await running.channelTo(server);
    const call = failureOf(channel.unary(HANG, X));
    await started.happened;
    const closed = channel.close();
    assert.equal(channel.state, 'SHUTDOWN');
    const error = await call;
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.equal(error.details, 'the channel was closed');
    await closed;
    await aborted.happened;
    assert.deepEqual(channel.stats().connections, []);
    const late = await failureOf(channel.unary(ECHO, X));
    assert.equal(late.code, Status.UNAVAILABLE);
    assert.equal(late.details, 'the channel is closed');
    await channel.close();
  });

  it('ends calls that wait for a connection, those with waitForReady too', async () => {
    const port = await freePort();
    const channel = running.channel(`127.0.0.1:${port}`);
    const plain = failureOf(channel.unary(ECHO, X));
    const waiting = failureOf(channel.unary(ECHO, X, { waitForReady: true }));
    await channel.close();
    assert.equal((await plain).details, 'the channel was closed');
    assert.equal((await waiting).code, Status.UNAVAILABLE);
  });

  it('while connecting leaves nothing behind', async () => {
    const channel = await running.channelTo(echoServer());
    const call = failureOf(channel.unary(ECHO, X));
    await channel.close();
    assert.equal((await call).code, Status.UNAVAILABLE);
  });

  it('of a channel that never connected', async () => {
    const channel = running.channel('localhost:1');
    await channel.close();
    assert.equal(channel.state, 'SHUTDOWN');
  });
});

describe('a server that drains under load', () => {
  it('loses no call over five restarts', async () => {
    const make = (): Server =>
      running.server().unary(ECHO, async (request) => {
        await new Promise(setImmediate);
        return request;
      });
    let server = make();
    const { port } = await server.listen({ host: '127.0.0.1' });
    const channel = running.channel(`127.0.0.1:${port}`);
    let going = true;
    let finished = 0;
    const caller = async (): Promise<void> => {
      while (going) {
        await channel.unary(ECHO, X);
        finished += 1;
      }
    };
    const callers = Array.from({ length: 50 }, caller);
    for (let restart = 0; restart < 5; restart += 1) {
      const until = finished + 500;
      while (finished < until) await new Promise(setImmediate);
      const drained = server.drain();
      server = make();
      await server.listen({ host: '127.0.0.1', port });
      await drained;
    }
    going = false;
    await Promise.all(callers);
    assert.ok(finished >= 2_500);
  });
});

describe('the waits between connection attempts', () => {
  it('start at 1 s, grow by 1.6 up to 120 s, and start again after a success', () => {
    const backoff = new Backoff({}, () => 0.5);
    const waits = Array.from({ length: 13 }, () => Math.round(backoff.next()));
    assert.deepEqual(waits.slice(0, 4), [1_000, 1_600, 2_560, 4_096]);
    assert.deepEqual(waits.slice(-2), [120_000, 120_000]);
    backoff.reset();
    assert.equal(backoff.next(), 1_000);
  });

  it('vary by a fifth either way', () => {
    assert.equal(new Backoff({}, () => 0).next(), 800);
    assert.equal(new Backoff({}, () => 1).next(), 1_200);
  });

  it('can be set', () => {
    const backoff = new Backoff({ initialMs: 10, maxMs: 20 }, () => 0.5);
    assert.deepEqual([backoff.next(), backoff.next(), backoff.next()], [10, 16, 20]);
  });
});
