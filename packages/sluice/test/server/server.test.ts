// A server as a whole: routes, listening, limits, drain and close.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { createServer, type Server, type ServerOptions, Status } from '#sluice/index.js';
import { failureOf, Running, signal, textsOf } from '../support/running.js';

const PATH = '/test.Server/Method';
const HANG = '/test.Server/Hang';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

describe('routes', () => {
  it('a path has one handler, whatever its kind', () => {
    const server = running.server().unary(PATH, (request) => request);
    const message = `${PATH} has a handler already`;
    assert.throws(() => server.unary(PATH, (request) => request), { message });
    assert.throws(() => server.serverStreaming(PATH, () => []), { message });
  });

  for (const path of ['', 'a/b', '/a', '/a/', '//b', '/a/b/c']) {
    it(`${JSON.stringify(path)} is no path`, () => {
      assert.throws(() => running.server().unary(path, (request) => request), {
        name: 'TypeError',
        message: `path ${JSON.stringify(path)} is not "/package.Service/Method"`,
      });
    });
  }

  it('an unknown method is UNIMPLEMENTED and named', async () => {
    const channel = await running.channelTo(running.server());
    const error = await failureOf(channel.unary('/test.Server/Nothing', X));
    assert.equal(error.code, Status.UNIMPLEMENTED);
    assert.equal(error.details, 'unknown method /test.Server/Nothing');
  });

  it('handlers added while the server listens are served', async () => {
    const server = running.server();
    const channel = await running.channelTo(server);
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.UNIMPLEMENTED);
    server.unary(PATH, (request) => request);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
  });
});

describe('options', () => {
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ limits: { streams: 0 } }, /^limits\.streams is 0; /],
    [{ limits: { calls: 1 } }, /^limits\.calls is not a limit; known limits: streams, /],
    [{ initialStreamWindow: 1 }, /^initialStreamWindow is 1; it must be an integer from 16384/],
    [{ maxReceiveMessageLength: Number.NaN }, /^maxReceiveMessageLength is NaN; /],
    [{ maxHeaderListBytes: 0 }, /^maxHeaderListBytes is 0; /],
    [{ keepalive: { maxIdleMs: -1 } }, /^keepalive\.maxIdleMs is -1; /],
    [{ minPingIntervalMs: Number.NaN }, /^minPingIntervalMs is NaN; /],
  ];
  for (const [options, message] of refused) {
    it(`${JSON.stringify(options)} is a RangeError that names option and value`, () => {
      assert.throws(() => createServer(options as ServerOptions), { name: 'RangeError', message });
    });
  }

  it('as many handlers as streams may run, unless less is asked for', () => {
    const handlers = (limits: ServerOptions['limits'] = {}): number | undefined =>
      createServer({ limits }).stats().limits.handlers?.value;
    assert.equal(handlers(), 4_096);
    assert.equal(handlers({ streams: 10_000 }), 10_000);
    assert.equal(handlers({ streams: 10_000, handlers: 10 }), 10);
    assert.equal(handlers({ streams: Number.POSITIVE_INFINITY }), 4_096);
  });
});

describe('listening', () => {
  it('on several addresses at once', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const first = await server.listen({ host: '127.0.0.1' });
    const second = await server.listen({ host: '127.0.0.1' });
    assert.equal(first.address, '127.0.0.1');
    assert.notEqual(first.port, second.port);
    for (const { port } of [first, second]) {
      await running.channel(`127.0.0.1:${port}`).unary(PATH, X);
    }
  });

  it('on a port in use: rejects with EADDRINUSE, and may be tried again', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const server = running.server().unary(PATH, (request) => request);
    await assert.rejects(server.listen({ host: '127.0.0.1', port }), { code: 'EADDRINUSE' });
    taken.close();
    await once(taken, 'close');
    await server.listen({ host: '127.0.0.1', port });
    await running.channel(`127.0.0.1:${port}`).unary(PATH, X);
  });

  it('after close or drain: rejects', async () => {
    const closed = running.server();
    await closed.close();
    await assert.rejects(closed.listen(), { message: 'the server is closed; make a new one' });
    const drained = running.server();
    await drained.drain();
    await assert.rejects(drained.listen(), { message: 'the server is closed; make a new one' });
  });

  it('overtaken by close: rejects, and nothing listens', async () => {
    const server = running.server();
    const listening = server.listen({ host: '127.0.0.1' });
    const rejected = assert.rejects(listening, { message: 'the server is closed; make a new one' });
    await server.close();
    await rejected;
  });
});

describe('limits', () => {
  it('handlers: past it calls are refused with RESOURCE_EXHAUSTED, and counted', async () => {
    const release = signal();
    const twoRun = signal();
    let begun = 0;
    const server = running.server({ limits: { handlers: 2 } }).unary(PATH, async (request) => {
      begun += 1;
      if (begun === 2) twoRun.raise();
      await release.happened;
      return request;
    });
    const channel = await running.channelTo(server);
    const calls = [channel.unary(PATH, X), channel.unary(PATH, X)];
    await twoRun.happened;
    const error = await failureOf(channel.unary(PATH, X));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(
      error.details,
      'refused by the handlers limit: 2 of 2 run on this connection; slow down or raise limits.handlers on the server',
    );
    assert.equal(server.stats().limits.handlers?.acted, 1);
    release.raise();
    await Promise.all(calls);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
  });

  it('handlers: a slot is freed when the handler is done, not when its client leaves', async () => {
    const release = signal();
    const begun = signal();
    const server = running.server({ limits: { handlers: 1 } });
    server.unary(PATH, async (request) => {
      begun.raise();
      await release.happened;
      return request;
    });
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    await begun.happened;
    controller.abort();
    await call;
    const refused = await failureOf(channel.unary(PATH, X));
    assert.match(refused.details, /^refused by the handlers limit/);
    assert.equal(server.stats().limits.streams?.depth, 0);
    release.raise();
    await new Promise(setImmediate);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
  });

  it('counters outlive their connections', async () => {
    const server = running.server({ limits: { handlers: 1 } });
    const begun = signal();
    const gone = signal();
    server.unary(PATH, (_request, context) => {
      begun.raise();
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => {
          gone.raise();
          reject(context.signal.reason);
        });
      });
    });
    const channel = await running.channelTo(server);
    const call = failureOf(channel.unary(PATH, X));
    await begun.happened;
    await failureOf(channel.unary(PATH, X));
    await channel.close();
    await call;
    await gone.happened;
    while (server.stats().connections.length > 0) await new Promise(setImmediate);
    assert.equal(server.stats().limits.handlers?.acted, 1);
  });
});

describe('the end of a server', () => {
  function hanging(server: Server): { begun: Promise<void>; release: () => void } {
    const begun = signal();
    const release = signal();
    server.unary(HANG, async (request) => {
      begun.raise();
      await release.happened;
      return request;
    });
    return { begun: begun.happened, release: () => release.raise() };
  }

  it('drain: open calls finish, then the connections close', async () => {
    const server = running.server();
    const handler = hanging(server);
    const channel = await running.channelTo(server);
    const call = channel.unary(HANG, X);
    await handler.begun;
    const drained = server.drain();
    assert.equal(server.stats().state, 'draining');
    // The client knows when it leaves READY: from then on its calls would go elsewhere.
    while (channel.state === 'READY') await new Promise(setImmediate);
    handler.release();
    assert.equal(String(await call), 'x');
    await drained;
    assert.equal(server.stats().state, 'closed');
    assert.deepEqual(server.stats().connections, []);
  });

  it('drain: an open stream goes on to its end', async () => {
    const goOn = signal();
    const server = running.server().serverStreaming(PATH, async function* () {
      yield X;
      await goOn.happened;
      yield X;
    });
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming(PATH, X);
    await stream.next();
    const drained = server.drain();
    goOn.raise();
    assert.deepEqual(await textsOf(stream), ['x']);
    await drained;
  });

  it('drain: what is still open after the grace is closed', async () => {
    const server = running.server();
    const handler = hanging(server);
    const channel = await running.channelTo(server);
    const call = failureOf(channel.unary(HANG, X));
    await handler.begun;
    await server.drain(50);
    const error = await call;
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /the grace period is over/);
    handler.release();
  });

  it('drain of a server without connections is done at once', async () => {
    const server = running.server();
    await server.listen({ host: '127.0.0.1' });
    await server.drain();
    assert.equal(server.stats().state, 'closed');
  });

  it('close: open calls end with UNAVAILABLE that says so', async () => {
    const server = running.server();
    const handler = hanging(server);
    const channel = await running.channelTo(server);
    const call = failureOf(channel.unary(HANG, X));
    await handler.begun;
    await server.close();
    const error = await call;
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /the server was closed/);
    handler.release();
  });

  it('close during a drain ends it', async () => {
    const server = running.server();
    const handler = hanging(server);
    const channel = await running.channelTo(server);
    const call = failureOf(channel.unary(HANG, X));
    await handler.begun;
    const drained = server.drain();
    await server.close();
    await drained;
    assert.equal((await call).code, Status.UNAVAILABLE);
    handler.release();
  });

  it('close, twice', async () => {
    const server = running.server();
    await server.listen({ host: '127.0.0.1' });
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });
});
