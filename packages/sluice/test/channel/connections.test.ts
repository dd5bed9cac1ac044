// Several connections to one backend as callers and servers see them: more open where one holds calls
// back, all go again, and no call is lost with one of them. node:http2 is the server.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { type Channel, type ChannelOptions, connect } from '#sluice/index.js';
import { Running } from '../support/running.js';

const PATH = '/test.Connections/Method';
const X = Buffer.from('x');
const ANSWER = Buffer.from([0, 0, 0, 0, 1, 0x61]);

const running = new Running();
const servers: (http2.Http2Server | net.Server)[] = [];

afterEach(async () => {
  await running.end();
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

/** A server of gRPC calls that ends each with OK when it is told, and the connections it has. */
class Http2Backend {
  readonly sessions = new Set<http2.ServerHttp2Session>();
  /** Calls that were received whole. */
  received = 0;
  /** Called with each of them. */
  onCall: (answer: () => void) => void = (answer) => answer();
  readonly server: http2.Http2Server;

  constructor(maxConcurrentStreams: number) {
    this.server = http2.createServer({ settings: { maxConcurrentStreams } });
    servers.push(this.server);
    this.server.on('session', (session) => {
      this.sessions.add(session);
      session.on('close', () => this.sessions.delete(session));
      session.on('error', () => {});
    });
    this.server.on('stream', (stream) => this.serve(stream));
  }

  private serve(stream: http2.ServerHttp2Stream): void {
    stream.on('error', () => {});
    stream.resume();
    stream.on('end', () => {
      this.received += 1;
      this.onCall(() => {
        if (stream.destroyed) return;
        const head = { ':status': 200, 'content-type': 'application/grpc' };
        stream.respond(head, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(ANSWER);
      });
    });
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }
}

/** A link that carries so many bytes of each connection to the server in each 10 ms. */
async function slowLink(port: number, bytes: number): Promise<number> {
  const link = net.createServer({ allowHalfOpen: true }, (client) => {
    const server = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    server.pipe(client);
    const timer = setInterval(() => {
      const chunk: Buffer | null = client.read(Math.min(bytes, client.readableLength));
      if (chunk !== null) server.write(chunk);
    }, 10);
    client.on('readable', () => {});
    client.on('end', () => server.end());
    for (const end of [client, server]) {
      end.on('error', () => {});
      end.on('close', () => {
        clearInterval(timer);
        client.destroy();
        server.destroy();
      });
    }
  });
  servers.push(link.listen(0, '127.0.0.1'));
  await once(link, 'listening');
  return (link.address() as AddressInfo).port;
}

function channelTo(port: number, connections: ChannelOptions['connections']): Channel {
  return running.channel(`127.0.0.1:${port}`, connections === undefined ? {} : { connections });
}

function backendOf(channel: Channel): { readonly connections: number[]; readonly opened: number } {
  const [backend] = channel.stats().backends ?? [];
  assert.ok(backend !== undefined);
  return backend;
}

/** Connections that take calls. */
function readyOf(channel: Channel): number {
  return channel.stats().connections.filter(({ state }) => state === 'ready').length;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe('400 calls to a server that allows 100 streams', () => {
  it('are all open at once, over four connections, of which one is left when they are over', async () => {
    const backend = new Http2Backend(100);
    const waiting: (() => void)[] = [];
    backend.onCall = (answer) => {
      waiting.push(answer);
      // None ends before the last one has come.
      if (backend.received >= 400) for (const one of waiting.splice(0)) one();
    };
    const channel = channelTo(await backend.listen(), { policy: 'automatic', idleMs: 40 });
    const calls = Array.from({ length: 400 }, () => channel.unary(PATH, X));
    const answers = await Promise.all(calls);
    assert.equal(answers.length, 400);
    assert.equal(backendOf(channel).opened, 4);
    await until(() => backendOf(channel).connections.length === 1);
    await until(() => backend.sessions.size === 1);
    assert.equal(channel.state, 'READY');
    assert.equal(String(await channel.unary(PATH, X)), 'a');
  });

  it('share one connection where nothing else was asked for', async () => {
    const backend = new Http2Backend(100);
    const channel = channelTo(await backend.listen(), undefined);
    await Promise.all(Array.from({ length: 400 }, () => channel.unary(PATH, X)));
    assert.equal(backendOf(channel).opened, 1);
  });
});

describe('a server without a stream limit', () => {
  it('gets another connection when the link of the first holds calls back', async () => {
    const backend = new Http2Backend(0xffff_ffff);
    const port = await slowLink(await backend.listen(), 64 * 1_024);
    const channel = channelTo(port, { policy: 'automatic', idleMs: 100 });
    await channel.ready();
    const message = Buffer.alloc(256 * 1_024);
    const calls: Promise<unknown>[] = [];
    // 4 MiB are with the connection, the rest waits.
    for (let i = 0; i < 28; i += 1) calls.push(channel.unary(PATH, message));
    await until(() => backendOf(channel).opened === 2);
    await Promise.all(calls);
    await until(() => backendOf(channel).connections.length === 1);
    assert.equal(backend.received, 28);
  });

  it('gets no other one while its handlers are what is slow', async () => {
    const backend = new Http2Backend(0xffff_ffff);
    const answers: (() => void)[] = [];
    backend.onCall = (answer) => answers.push(answer);
    const port = await backend.listen();
    const channel = running.channel(`127.0.0.1:${port}`, {
      connections: { policy: 'automatic', openAfterMs: 1 },
      limits: { openCalls: 50 },
    });
    const calls = Array.from({ length: 200 }, () => channel.unary(PATH, X));
    for (let ended = 0; ended < 200; ended += 50) {
      await until(() => answers.length === 50);
      assert.equal(channel.stats().waitingCalls, 150 - ended);
      // Many times as long as another connection would take.
      await backendTicks(channel);
      for (const answer of answers.splice(0)) answer();
    }
    await Promise.all(calls);
    assert.equal(backendOf(channel).opened, 1);
  });
});

/** Turns of the event loop, in each of which the channel's figures are read. */
async function backendTicks(channel: Channel): Promise<void> {
  for (let i = 0; i < 200; i += 1) {
    assert.equal(backendOf(channel).opened, 1);
    await new Promise(setImmediate);
  }
}

describe('a fixed number of connections', () => {
  it('share the calls, and go on without one that the server sends away', async () => {
    const backend = new Http2Backend(100);
    const port = await backend.listen();
    const channel = channelTo(port, { policy: 'fixed', maxConnections: 3 });
    const open = async (): Promise<void> => {
      await channel.ready();
      await until(() => readyOf(channel) === 3);
    };
    await open();
    let calls: Promise<unknown>[] = [];
    for (let round = 0; round < 5; round += 1) {
      for (let i = 0; i < 60; i += 1) calls.push(channel.unary(PATH, X));
      const [session] = backend.sessions;
      // GOAWAY while calls are open on it, and others on their way.
      session?.close();
      await Promise.all(calls);
      calls = [];
      await open();
    }
    assert.equal(channel.stats().backends?.[0]?.lastFailure, '');
    assert.ok(backendOf(channel).opened >= 8);
  });

  it('lose no call but those on the connection that breaks', async () => {
    const backend = new Http2Backend(100);
    const answers: (() => void)[] = [];
    backend.onCall = (answer) => answers.push(answer);
    const channel = channelTo(await backend.listen(), { policy: 'fixed', maxConnections: 3 });
    await channel.ready();
    await until(() => readyOf(channel) === 3);
    const calls = Promise.allSettled(Array.from({ length: 30 }, () => channel.unary(PATH, X)));
    await until(() => answers.length === 30);
    const [session] = backend.sessions;
    session?.destroy();
    await until(() => backendOf(channel).opened === 4 && readyOf(channel) === 3);
    assert.equal(channel.state, 'READY');
    for (const answer of answers) answer();
    const results = await calls;
    assert.equal(results.filter(({ status }) => status === 'rejected').length, 10);
  });

  it('belong to all channels that ask for as many, and to no others', async () => {
    const backend = new Http2Backend(100);
    const port = await backend.listen();
    const three = { policy: 'fixed', maxConnections: 3 } as const;
    const channels = [channelTo(port, three), channelTo(port, three), channelTo(port, undefined)];
    await Promise.all(channels.map((channel) => channel.unary(PATH, X)));
    await until(() => backend.sessions.size === 4);
    const [first, second] = channels.map((channel) => backendOf(channel).connections);
    assert.deepEqual(first, second);
    for (const channel of channels) await channel.close();
    await until(() => backend.sessions.size === 0);
  });

  it('are given up by a channel that is idle', async () => {
    const backend = new Http2Backend(100);
    const port = await backend.listen();
    const channel = running.channel(`127.0.0.1:${port}`, {
      connections: { policy: 'fixed', maxConnections: 2 },
      idleTimeoutMs: 80,
    });
    await channel.unary(PATH, X);
    await until(() => backend.sessions.size === 2);
    await until(() => channel.state === 'IDLE' && backend.sessions.size === 0);
    assert.equal(String(await channel.unary(PATH, X)), 'a');
  });
});

describe('options of connections', () => {
  it('name what is none of theirs and what is out of range', () => {
    const wrong = (connections: unknown, name: string, message: string): void => {
      // As a program without types would.
      const options = { connections } as ChannelOptions;
      assert.throws(() => connect('localhost:1', options), { name, message });
    };
    wrong(
      { policy: 'many' },
      'RangeError',
      'connections.policy is many; it must be single, fixed or automatic',
    );
    wrong(
      {},
      'RangeError',
      'connections.policy is undefined; it must be single, fixed or automatic',
    );
    wrong(
      { policy: 'fixed', maxConnections: 0 },
      'RangeError',
      'connections.maxConnections is 0; with the policy fixed it must be an integer from 1 to 100',
    );
    wrong(
      { policy: 'single', maxConnections: 2 },
      'RangeError',
      'connections.maxConnections is 2; with the policy single it must be an integer from 1 to 1',
    );
    wrong(
      { policy: 'automatic', openAfterMs: 0 },
      'RangeError',
      'connections.openAfterMs is 0; it must be more than 0 ms',
    );
    wrong(
      { policy: 'automatic', idleMs: Number.NaN },
      'RangeError',
      'connections.idleMs is NaN; it must be more than 0 ms',
    );
    wrong(
      { policy: 'automatic', max: 3 },
      'TypeError',
      'connections has no option "max"; did you mean maxConnections?',
    );
    wrong(4, 'TypeError', 'connections takes an object of options, not number');
  });
});
