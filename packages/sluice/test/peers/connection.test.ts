// How connections are made: unix domain sockets, TLS with ALPN, certificates of either side, and
// the texts of what goes wrong. RFC 7301 (ALPN), RFC 9113 §3.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import tls from 'node:tls';
import {
  type Channel,
  type ChannelOptions,
  connect,
  createServer,
  type Server,
  type ServerTlsOptions,
  Status,
  StatusError,
} from '#sluice/index.js';
import { processWheel } from '#sluice/transport/timer-wheel.js';
import {
  CA_CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  OTHER_CA_CERTIFICATE,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../support/certificates.js';

const ECHO = '/test.Connection/Echo';
const PEER = '/test.Connection/Peer';
const SERVER_TLS = { cert: SERVER_CERTIFICATE, key: SERVER_KEY };

const closers: (() => Promise<unknown>)[] = [];

async function serve(secure?: ServerTlsOptions): Promise<number> {
  const server = secured(secure);
  const { port } = await server.listen({ host: '127.0.0.1' });
  return port;
}

function secured(secure: ServerTlsOptions | undefined): Server {
  const server = createServer(secure === undefined ? {} : { tls: secure });
  server.unary(ECHO, (request) => request);
  server.unary(PEER, (_request, context) => Buffer.from(`${context.peer} ${context.authority}`));
  closers.push(() => server.close());
  return server;
}

function dial(target: string, options?: ChannelOptions): Channel {
  const channel = connect(target, options);
  closers.unshift(() => channel.close());
  return channel;
}

async function failureOf(channel: Channel): Promise<StatusError> {
  try {
    await channel.unary(ECHO, Buffer.from('x'));
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  assert.fail('the call ended with OK');
}

async function works(channel: Channel): Promise<void> {
  assert.equal(String(await channel.unary(ECHO, Buffer.from('here'))), 'here');
}

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  assert.equal(processWheel.size, 0, 'timers left behind');
});

describe('a unix domain socket', () => {
  it('carries calls under both spellings of its target', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-'));
    const path = join(folder, 'socket');
    const server = secured(undefined);
    closers.push(() => rm(folder, { recursive: true }));
    assert.deepEqual(await server.listen({ path }), { address: path, port: 0 });
    await works(dial(`unix:${path}`));
    const channel = dial(`unix://${path}`);
    assert.equal(String(await channel.unary(PEER, Buffer.alloc(0))), 'unix localhost');
  });

  it('that nobody listens on: UNAVAILABLE with the path and the reason', async () => {
    const error = await failureOf(dial('unix:/nowhere/at/all'));
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /cannot connect to unix:\/nowhere\/at\/all: .*ENOENT/);
  });
});

describe('TCP', () => {
  it('tells a handler who calls and under which authority', async () => {
    const port = await serve();
    const channel = dial(`localhost:${port}`);
    const answer = String(await channel.unary(PEER, Buffer.alloc(0)));
    assert.match(answer, new RegExp(`^127\\.0\\.0\\.1:\\d+ localhost:${port}$`));
  });

  it('sends the authority that was asked for', async () => {
    const port = await serve();
    const channel = dial(`127.0.0.1:${port}`, { authority: 'service.example' });
    assert.match(String(await channel.unary(PEER, Buffer.alloc(0))), / service\.example$/);
  });

  it('nobody listens: UNAVAILABLE with the address and the reason', async () => {
    const listener = net.createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    listener.close();
    await once(listener, 'close');
    const error = await failureOf(dial(`127.0.0.1:${port}`));
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.equal(
      error.details,
      `cannot connect to 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
  });

  it('a server that speaks HTTP/1.1: UNAVAILABLE that says so', async () => {
    const listener = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const error = await failureOf(dial(`127.0.0.1:${port}`));
    listener.close();
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(
      error.details,
      new RegExp(`^the HTTP/2 handshake with 127\\.0\\.0\\.1:${port} failed: .*HTTP/1\\.1`),
    );
  });

  it('a client without TLS and a server with it', async () => {
    const port = await serve(SERVER_TLS);
    const error = await failureOf(dial(`127.0.0.1:${port}`));
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /^the HTTP\/2 handshake with .* failed: /);
  });

  it('a client with TLS and a server without it', async () => {
    const port = await serve();
    const error = await failureOf(dial(`127.0.0.1:${port}`, { tls: true }));
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /^cannot connect to 127\.0\.0\.1:\d+: /);
  });
});

describe('TLS', () => {
  it('carries calls when the authority is known, by name and by address', async () => {
    const port = await serve(SERVER_TLS);
    await works(dial(`localhost:${port}`, { tls: { ca: CA_CERTIFICATE } }));
    await works(dial(`127.0.0.1:${port}`, { tls: { ca: CA_CERTIFICATE } }));
  });

  it('an unknown authority: UNAVAILABLE that says the certificate is the reason', async () => {
    const port = await serve(SERVER_TLS);
    for (const options of [{ tls: true }, { tls: { ca: OTHER_CA_CERTIFICATE } }]) {
      const error = await failureOf(dial(`localhost:${port}`, options));
      assert.equal(error.code, Status.UNAVAILABLE);
      assert.match(
        error.details,
        new RegExp(
          `^cannot connect to (?:127\\.0\\.0\\.1|\\[::1\\]):${port}: unable to verify the first certificate`,
        ),
      );
    }
  });

  it('a name the certificate does not have', async () => {
    const port = await serve(SERVER_TLS);
    const secure = { ca: CA_CERTIFICATE, servername: 'other.example' };
    const error = await failureOf(dial(`localhost:${port}`, { tls: secure }));
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /does not match certificate's altnames.*other\.example/);
  });

  it('a server that asks for a certificate serves who has one', async () => {
    const port = await serve({ ...SERVER_TLS, ca: CA_CERTIFICATE, requestCert: true });
    const secure = { ca: CA_CERTIFICATE, cert: CLIENT_CERTIFICATE, key: CLIENT_KEY };
    await works(dial(`localhost:${port}`, { tls: secure }));
  });

  it('a server that asks for a certificate turns away who has none', async () => {
    const port = await serve({ ...SERVER_TLS, ca: CA_CERTIFICATE, requestCert: true });
    const error = await failureOf(dial(`localhost:${port}`, { tls: { ca: CA_CERTIFICATE } }));
    assert.equal(error.code, Status.UNAVAILABLE);
    // TLS 1.3 lets a client finish its handshake before the server has looked.
    assert.match(error.details, /alert|certificate|closed the connection during the handshake/);
  });

  it('a server that knows no ALPN: the error asks whether it is a gRPC server', async () => {
    const listener = tls.createServer(SERVER_TLS, (socket) => socket.on('error', () => {}));
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const error = await failureOf(dial(`localhost:${port}`, { tls: { ca: CA_CERTIFICATE } }));
    listener.close();
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(
      error.details,
      new RegExp(
        `^(?:127\\.0\\.0\\.1|\\[::1\\]):${port} chose nothing by ALPN instead of "h2"; is it a gRPC server\\?`,
      ),
    );
  });

  it('a server that speaks only HTTP/1.1 by ALPN', async () => {
    const listener = tls.createServer({ ...SERVER_TLS, ALPNProtocols: ['http/1.1'] });
    listener.on('tlsClientError', () => {});
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const error = await failureOf(dial(`localhost:${port}`, { tls: { ca: CA_CERTIFICATE } }));
    listener.close();
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /application protocol/);
  });

  it('a client that does not offer h2 is turned away by the server', async () => {
    const port = await serve(SERVER_TLS);
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      ca: CA_CERTIFICATE,
      servername: 'localhost',
    });
    socket.on('error', () => {});
    await once(socket, 'close');
  });

  it('a handshake under way when the server closes does not outlive it', async () => {
    const server = secured(SERVER_TLS);
    const { port } = await server.listen({ host: '127.0.0.1' });
    const raw = net.connect(port, '127.0.0.1');
    await once(raw, 'connect');
    // The server has the connection once it serves one that was made later.
    await works(dial(`localhost:${port}`, { tls: { ca: CA_CERTIFICATE } }));
    const gone = once(raw, 'close');
    raw.resume();
    for (const close of closers.splice(0)) await close();
    await gone;
    assert.deepEqual(server.stats().connections, []);
  });
});
