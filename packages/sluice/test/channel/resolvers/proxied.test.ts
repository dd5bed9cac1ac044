// Calls through a real CONNECT proxy, node:http's, to a Sluice server: plain, TLS, refused; and
// over the other kinds of targets. gRFC A1, gRPC naming.md.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../../support/certificates.js';
import { failureOf, Running } from '../../support/running.js';

const PATH = '/test.Echo/Unary';
const running = new Running();
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await running.end();
  for (const close of closers.splice(0)) await close();
});

interface Proxy {
  readonly url: string;
  readonly asked: string[];
  /** Sockets that are open on either side. */
  readonly open: Set<net.Socket>;
}

/** A proxy that takes user `me` with password `secret` only; names lead to 127.0.0.1. */
async function proxy(): Promise<Proxy> {
  const asked: string[] = [];
  const open = new Set<net.Socket>();
  const watch = (socket: net.Socket): void => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
  };
  const server = http.createServer();
  server.on('connection', watch);
  server.on('connect', (request, socket: net.Socket) => {
    asked.push(request.url ?? '');
    const expected = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    if (request.headers['proxy-authorization'] !== expected) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const port = Number(request.url?.split(':').at(-1));
    const backend = net.connect({ host: '127.0.0.1', port }, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      backend.pipe(socket).pipe(backend);
    });
    watch(backend);
    socket.on('close', () => backend.destroy());
    backend.on('close', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { url: `127.0.0.1:${address.port}`, asked, open };
}

const TLS_SERVER = { tls: { cert: SERVER_CERTIFICATE, key: SERVER_KEY } };
const TLS_CLIENT = { tls: { ca: CA_CERTIFICATE } };

describe('a channel with a proxy', () => {
  for (const [security, serverOptions, clientOptions] of [
    ['plain text', {}, {}],
    ['TLS', TLS_SERVER, TLS_CLIENT],
  ] as const) {
    it(`calls over ${security} reach the backend, which the proxy looks up`, async () => {
      const { url, asked, open } = await proxy();
      const server = running.server(serverOptions);
      let authority = '';
      server.unary(PATH, (request, context) => {
        authority = context.authority;
        return request;
      });
      const { port } = await server.listen({ host: '127.0.0.1' });
      const channel = running.channel(`localhost:${port}`, {
        ...clientOptions,
        proxy: `http://me:secret@${url}`,
      });
      const large = Buffer.alloc(1024 * 1024, 'x');
      const messages = [Buffer.from('hello'), large, Buffer.alloc(0)];
      for (const message of messages) {
        assert.deepEqual(await channel.unary(PATH, message), message);
      }
      assert.deepEqual(asked, [`localhost:${port}`]);
      assert.equal(authority, `localhost:${port}`);
      const [connection] = channel.stats().connections;
      assert.ok(connection !== undefined);
      assert.equal(open.size, 2);
    });
  }

  it('a refusal by the proxy fails the call with its status line, not with the password', async () => {
    const { url } = await proxy();
    const channel = running.channel('host.example:1', { proxy: `http://me:wrong@${url}` });
    const failure = await failureOf(channel.unary(PATH, Buffer.from('hello')));
    assert.equal(
      failure.details,
      `the proxy ${url} answered HTTP/1.1 407 Proxy Authentication Required to CONNECT host.example:1`,
    );
  });

  it('a setting that cannot be used is refused by `connect`', () => {
    assert.throws(() => running.channel('host:1', { proxy: 'socks5://proxy:1' }), {
      name: 'TypeError',
      message: /^proxy is "socks5:\/\/proxy:1"; /,
    });
  });
});

describe('a channel to addresses', () => {
  for (const target of [
    (port: number) => `ipv4:127.0.0.1:${port}`,
    (port: number) => `static:localhost:${port}`,
    (port: number) => `dns:///localhost:${port}`,
  ]) {
    it(`${target(1)} is reached, over TLS as well`, async () => {
      const server = running.server(TLS_SERVER);
      server.unary(PATH, (request) => request);
      const { port } = await server.listen({ host: '127.0.0.1' });
      const channel = running.channel(target(port), TLS_CLIENT);
      assert.equal(String(await channel.unary(PATH, Buffer.from('hello'))), 'hello');
    });
  }

  it('in the abstract namespace is reached, on Linux', {
    skip: process.platform !== 'linux' && 'only Linux has abstract sockets',
  }, async () => {
    const server = running.server();
    server.unary(PATH, (request) => request);
    const name = `sluice-test-${process.pid}`;
    await server.listen({ path: `\0${name}` });
    const channel = running.channel(`unix-abstract:${name}`);
    assert.equal(String(await channel.unary(PATH, Buffer.from('hello'))), 'hello');
  });

  it('a name that does not exist fails the call and says so', async () => {
    const channel = running.channel('no-such-host.invalid:1', { proxy: false });
    const failure = await failureOf(channel.unary(PATH, Buffer.from('hello')));
    assert.match(failure.details, /^cannot resolve no-such-host\.invalid: getaddrinfo E\w+ /);
  });
});
