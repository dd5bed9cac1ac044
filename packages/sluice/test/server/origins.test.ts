// Connections by where they came in: one listener closed, its connections drained, and connections
// that came in through none.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, it } from 'node:test';
import type { ServerCall } from '#sluice/index.js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import { duplexPair } from '../support/duplex-pair.js';
import { Running, signal } from '../support/running.js';

const PATH = '/test.Origins/Method';
const X = Buffer.from('x');
const HOST = '127.0.0.1';

const running = new Running();

afterEach(() => running.end());

/** Resolves when a connection that was made to `port` is closed by its server. */
async function untilClosed(session: http2.ClientHttp2Session): Promise<void> {
  if (!session.destroyed) await once(session, 'close');
}

describe('a listener that is closed', () => {
  it('takes no connection, and the server goes on elsewhere', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const first = await server.listen({ host: HOST });
    const second = await server.listen({ host: HOST });
    const before = running.channel(`${HOST}:${first.port}`);
    await before.unary(PATH, X);
    assert.equal(server.unlisten(first), true);
    assert.equal(server.unlisten(first), false);
    assert.deepEqual(server.addresses, [second]);
    const socket = net.connect(first.port, HOST);
    const [error] = await once(socket, 'error');
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(String(await before.unary(PATH, X)), 'x');
    const elsewhere = running.channel(`${HOST}:${second.port}`);
    assert.equal(String(await elsewhere.unary(PATH, X)), 'x');
  });

  it('may be opened again', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const address = await server.listen({ host: HOST });
    server.unlisten(address);
    await server.listen({ host: HOST, port: address.port });
    const channel = running.channel(`${HOST}:${address.port}`);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
  });
});

describe('the connections of an address', () => {
  it('are drained behind their open calls, and others stay', async () => {
    const release = signal();
    const begun = signal();
    const server = running.server().unary(PATH, async (request) => {
      if (String(request) === 'wait') {
        begun.raise();
        await release.happened;
      }
      return request;
    });
    const first = await server.listen({ host: HOST });
    const second = await server.listen({ host: HOST });
    const drained = running.channel(`${HOST}:${first.port}`);
    const kept = running.channel(`${HOST}:${second.port}`);
    await kept.unary(PATH, X);
    const open = drained.unary(PATH, Buffer.from('wait'));
    await begun.happened;
    server.drainFrom(first);
    const states = server.stats().connections.map(({ state }) => state);
    assert.deepEqual(states.sort(), ['draining', 'ready']);
    release.raise();
    assert.equal(String(await open), 'wait');
    // By a connection of its own: the address listens still.
    assert.equal(String(await drained.unary(PATH, X)), 'x');
    assert.equal(String(await kept.unary(PATH, X)), 'x');
  });

  it('are closed when the grace is over', async () => {
    const begun = signal<ServerCall>();
    const server = running.server().handle(PATH, (call) => {
      begun.raise(call);
      return { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel: () => call.end(1) };
    });
    const address = await server.listen({ host: HOST });
    const session = http2.connect(`http://${HOST}:${address.port}`);
    session.on('error', () => {});
    const stream = session.request({
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
    });
    stream.on('error', () => {});
    await begun.happened;
    server.drainFrom(address, 0);
    await untilClosed(session);
  });

  it('need a grace that is none of the past', async () => {
    const server = running.server();
    const address = await server.listen({ host: HOST });
    assert.throws(() => server.drainFrom(address, -1), {
      message: 'graceMs is -1; it must be 0 ms or more',
    });
  });
});

describe('an injected connection', () => {
  /** A client of node:http2 at the other end of a pair of streams. */
  function callOver(socket: import('node:stream').Duplex): Promise<string> {
    const session = http2.connect('http://localhost', { createConnection: () => socket });
    const stream = session.request({
      ':method': 'POST',
      ':path': PATH,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(Buffer.from([0, 0, 0, 0, 1, 0x78]));
    return new Promise((resolve, reject) => {
      stream.on('error', reject);
      stream.on('trailers', (headers) => {
        resolve(String(headers['grpc-status']));
        session.destroy();
      });
      stream.resume();
    });
  }

  it('is served without any port', async () => {
    const server = running.server();
    const peers: string[] = [];
    server.unary(PATH, (request, context) => {
      peers.push(context.peer.address, context.peer.localAddress);
      return request;
    });
    const injector = server.injector();
    const { a, b } = duplexPair();
    injector.inject(a);
    assert.equal(await callOver(b), '0');
    assert.deepEqual(peers, ['', '']);
    assert.deepEqual(server.addresses, []);
  });

  it('has its TLS handshake here, with settings of its own', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const injector = server.injector({ tls: { key: SERVER_KEY, cert: SERVER_CERTIFICATE } });
    const sockets = net.createServer((socket) => injector.inject(socket)).listen(0, HOST);
    await once(sockets, 'listening');
    const address = sockets.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const channel = running.channel(`${HOST}:${address.port}`, { tls: { ca: CA_CERTIFICATE } });
    assert.equal(String(await channel.unary(PATH, X)), 'x');
    sockets.close();
  });

  it('is drained with those of its injector, or refused once that is closed', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const injector = server.injector();
    const other = server.injector();
    const sockets = net.createServer((socket) => injector.inject(socket)).listen(0, HOST);
    await once(sockets, 'listening');
    const address = sockets.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const session = http2.connect(`http://${HOST}:${address.port}`);
    session.on('error', () => {});
    // Answered: the handshake is done on both sides.
    await new Promise((resolve) => session.once('connect', () => session.ping(resolve)));
    other.drain(0);
    assert.deepEqual(
      server.stats().connections.map(({ state }) => state),
      ['ready'],
    );
    injector.drain();
    await untilClosed(session);
    injector.close();
    injector.close();
    const late = net.connect(address.port, HOST);
    await once(late, 'close');
    sockets.close();
  });

  it('is destroyed once the server is closed', async () => {
    const server = running.server();
    const injector = server.injector();
    await server.close();
    const { a } = duplexPair();
    injector.inject(a);
    assert.equal(a.destroyed, true);
    assert.throws(() => server.injector(), { message: 'the server is closed; make a new one' });
  });
});

it('a handler can read both ends of its connection', async () => {
  const server = running.server();
  const ends: string[] = [];
  server.unary(PATH, (request, { peer }) => {
    ends.push(peer.address.replace(/:\d+$/, ''), peer.localAddress);
    return request;
  });
  const { port } = await server.listen({ host: HOST });
  await running.channel(`${HOST}:${port}`).unary(PATH, X);
  assert.deepEqual(ends, [HOST, `${HOST}:${port}`]);
});

it('certificates may come from whatever has them, when it has them', async () => {
  let material: { key?: string; cert?: string } = {};
  const watchers = new Set<() => void>();
  const certificates = {
    current: () => material,
    watch(onChange: () => void) {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
  };
  const server = running.server({
    tls: { certificates, SNICallback: (_name, done) => done(null) },
  });
  server.unary(PATH, (request) => request);
  const { port } = await server.listen({ host: HOST });
  assert.equal(watchers.size, 1);
  const tooEarly = http2.connect(`https://${HOST}:${port}`, { ca: CA_CERTIFICATE });
  await once(tooEarly, 'error');
  material = { key: SERVER_KEY, cert: SERVER_CERTIFICATE };
  for (const onChange of watchers) onChange();
  const channel = running.channel(`${HOST}:${port}`, { tls: { ca: CA_CERTIFICATE } });
  assert.equal(String(await channel.unary(PATH, X)), 'x');
  await server.close();
  assert.equal(watchers.size, 0);
});
