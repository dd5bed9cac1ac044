// Connections through an HTTP proxy: CONNECT, its answers, and what comes after the head.
// RFC 9110 §9.3.6, RFC 9112 §3.2.3.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import tls from 'node:tls';
import {
  type ClientTlsOptions,
  type ConnectAttempt,
  connectSocket,
  type Endpoint,
  endpointText,
} from '#sluice/transport/connector.js';
import type { Tunnel } from '#sluice/transport/proxy-connect.js';
import type { Reader } from '#sluice/transport/reader.js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import { signal } from '../support/running.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A server that is closed with all its sockets; answers its port. */
async function listening(onSocket: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

/** A proxy that answers every CONNECT with `answer`; its requests are kept. */
async function proxyOf(answer: string, pieces = 1): Promise<{ port: number; heads: string[] }> {
  const heads: string[] = [];
  const port = await listening((socket) => {
    let head = '';
    socket.on('data', async (chunk) => {
      head += chunk;
      if (!head.endsWith('\r\n\r\n')) return;
      heads.push(head);
      const size = Math.ceil(answer.length / pieces);
      for (let i = 0; i < answer.length; i += size) {
        const written = signal();
        socket.write(answer.slice(i, i + size), 'latin1', () => written.raise());
        await written.happened;
      }
    });
  });
  return { port, heads };
}

function by(port: number, tunnel: Tunnel): Endpoint {
  return { kind: 'tcp', host: '127.0.0.1', port, tunnel };
}

interface Connecting {
  readonly outcome: Promise<string>;
  readonly received: Promise<string>;
  readonly attempt: ConnectAttempt;
  readonly socket: () => Duplex;
}

/** @param expects bytes after which `received` is complete */
function connecting(endpoint: Endpoint, secure?: ClientTlsOptions, expects = 0): Connecting {
  const outcome = signal<string>();
  const received = signal<string>();
  let socket: Duplex | undefined;
  let text = '';
  const attempt = connectSocket(endpoint, secure, {
    onSocket(given, feed): void {
      socket = given;
      closers.push(async () => given.destroy());
      const push = (bytes: Buffer, length: number): boolean => {
        text += bytes.toString('latin1', 0, length);
        if (text.length >= expects) received.raise(text);
        return true;
      };
      // Of a Reader the connector uses this method alone.
      feed({ push } as unknown as Reader);
      outcome.raise('connected');
    },
    onFailure: (reason) => outcome.raise(reason),
  });
  return {
    outcome: outcome.happened,
    received: received.happened,
    attempt,
    socket(): Duplex {
      assert.ok(socket !== undefined);
      return socket;
    },
  };
}

describe('an endpoint behind a proxy', () => {
  it('is named with its proxy, and without its authorization', () => {
    const tunnel = { to: 'host:1', authorization: 'Basic c2VjcmV0' };
    assert.equal(endpointText(by(3128, tunnel)), 'host:1 by proxy 127.0.0.1:3128');
  });

  it('is asked for with Host and Proxy-Authorization', async () => {
    const proxy = await proxyOf('HTTP/1.1 200 OK\r\n\r\n');
    const plain = connecting(by(proxy.port, { to: 'host:1' }));
    assert.equal(await plain.outcome, 'connected');
    const known = connecting(by(proxy.port, { to: '[::1]:2', authorization: 'Basic eA==' }));
    assert.equal(await known.outcome, 'connected');
    assert.deepEqual(proxy.heads, [
      'CONNECT host:1 HTTP/1.1\r\nHost: host:1\r\n\r\n',
      'CONNECT [::1]:2 HTTP/1.1\r\nHost: [::1]:2\r\nProxy-Authorization: Basic eA==\r\n\r\n',
    ]);
  });

  for (const pieces of [1, 3, 1_000]) {
    it(`what comes after the head is not lost, head and rest in ${pieces} writes`, async () => {
      const rest = 'the first bytes of the backend';
      const head = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204\r\nVia: p\r\n\r\n';
      const proxy = await proxyOf(head + rest, pieces);
      const call = connecting(by(proxy.port, { to: 'host:1' }), undefined, rest.length);
      assert.equal(await call.received, rest);
    });
  }

  const answers: readonly (readonly [answer: string, reason: string])[] = [
    [
      'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 9\r\n\r\nnot you!!',
      'the proxy <> answered HTTP/1.1 407 Proxy Authentication Required to CONNECT host:1',
    ],
    [
      'HTTP/1.1 502 \x1b[2J\xff\r\n\r\n',
      'the proxy <> answered HTTP/1.1 502 ?[2J? to CONNECT host:1',
    ],
    [
      'SSH-2.0-OpenSSH_9.6\r\n',
      'the proxy <> answered CONNECT host:1 with "SSH-2.0-OpenSSH_9.6??", which is no HTTP/1.1; is it an HTTP proxy?',
    ],
    [
      'HTTP/1.1 yes\r\n\r\n',
      'the proxy <> answered CONNECT host:1 with "HTTP/1.1 yes", which is no HTTP/1.1; is it an HTTP proxy?',
    ],
    [
      `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(16 * 1024)}\r\n\r\n`,
      'the proxy <> answered CONNECT host:1 with a head of more than 16384 bytes; is it an HTTP proxy?',
    ],
  ];
  for (const [answer, reason] of answers) {
    it(`${JSON.stringify(answer.slice(0, 40))} is a failure that says so`, async () => {
      const { port } = await proxyOf(answer);
      const { outcome } = connecting(by(port, { to: 'host:1' }));
      assert.equal(await outcome, reason.replace('<>', `127.0.0.1:${port}`));
    });
  }

  it('a proxy that is not there, or closes, is a failure that names both', async () => {
    const closing = await listening((socket) => socket.on('data', () => socket.end()));
    assert.equal(
      await connecting(by(closing, { to: 'host:1' })).outcome,
      `cannot connect to host:1 by proxy 127.0.0.1:${closing}: the proxy closed the connection before it answered CONNECT`,
    );
    const gone = await listening(() => {});
    await closers.pop()?.();
    assert.equal(
      await connecting(by(gone, { to: 'host:1' })).outcome,
      `cannot connect to host:1 by proxy 127.0.0.1:${gone}: connect ECONNREFUSED 127.0.0.1:${gone}`,
    );
  });

  it('an attempt that was given up closes its socket and says nothing', async () => {
    const closed = signal();
    const port = await listening((socket) => {
      socket.on('close', () => closed.raise());
      socket.once('data', () => call.attempt.cancel());
    });
    const call = connecting(by(port, { to: 'host:1' }));
    void call.outcome.then(() => assert.fail('the listener was called'));
    await closed.happened;
  });

  it('a name that would break the request head is refused', () => {
    for (const to of ['host:1\r\nX: y', 'a b:1', '']) {
      assert.throws(
        () =>
          connectSocket(by(1, { to }), undefined, {
            onSocket: () => assert.fail(),
            onFailure: () => assert.fail(),
          }),
        /^TypeError: a tunnel to ".*" cannot be asked for in a request head$/,
      );
    }
  });
});

describe('TLS through a proxy', () => {
  const secure: ClientTlsOptions = { ca: CA_CERTIFICATE };

  /** A proxy that is the backend as well: behind CONNECT it speaks TLS with `options`. */
  async function tlsBehind(
    options: tls.TlsOptions,
  ): Promise<{ port: number; names: (string | false | null)[] }> {
    const names: (string | false | null)[] = [];
    const port = await listening((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n', () => {
          const wrapped = new tls.TLSSocket(socket, {
            isServer: true,
            cert: SERVER_CERTIFICATE,
            key: SERVER_KEY,
            ...options,
          });
          wrapped.on('error', () => {});
          wrapped.on('secure', () => {
            // Missing from the types of node:tls.
            names.push((wrapped as { servername?: string | false }).servername ?? null);
            wrapped.write('hello');
          });
        });
      });
    });
    return { port, names };
  }

  it('is between this end and the backend, whose name is asked for and checked', async () => {
    const proxy = await tlsBehind({ ALPNProtocols: ['h2'] });
    const call = connecting(by(proxy.port, { to: 'localhost:1' }), secure, 5);
    assert.equal(await call.outcome, 'connected');
    assert.equal(await call.received, 'hello');
    assert.deepEqual(proxy.names, ['localhost']);
  });

  it('a backend named by its address is checked as that, without SNI', async () => {
    const proxy = await tlsBehind({ ALPNProtocols: ['h2'] });
    const call = connecting(by(proxy.port, { to: '[::1]:1' }), secure, 5);
    assert.equal(await call.received, 'hello');
    assert.deepEqual(
      proxy.names.map((name) => name || 'none'),
      ['none'],
    );
    const wrong = connecting(by(proxy.port, { to: '10.0.0.1:1' }), secure);
    assert.match(await wrong.outcome, /: .*IP: 10\.0\.0\.1 is not in the cert's list/);
  });

  it('a certificate for another name, and a choice other than h2, are failures', async () => {
    const proxy = await tlsBehind({ ALPNProtocols: ['h2'] });
    const wrong = connecting(by(proxy.port, { to: 'other.example:1' }), secure);
    const where = `other.example:1 by proxy 127.0.0.1:${proxy.port}`;
    assert.match(
      await wrong.outcome,
      new RegExp(`^cannot connect to ${where}: Hostname/IP does not`),
    );
    const old = await tlsBehind({});
    const call = connecting(by(old.port, { to: 'localhost:1' }), secure);
    assert.equal(
      await call.outcome,
      `localhost:1 by proxy 127.0.0.1:${old.port} chose nothing by ALPN instead of "h2"; is it a gRPC server?`,
    );
  });

  it('settings that node:tls cannot use are a failure', async () => {
    const { port } = await proxyOf('HTTP/1.1 200 OK\r\n\r\n');
    const { outcome } = connecting(by(port, { to: 'localhost:1' }), { cert: 'none', key: 'none' });
    const where = `localhost:1 by proxy 127.0.0.1:${port}`;
    assert.match(await outcome, new RegExp(`^cannot connect to ${where}: `));
  });

  it('given up during the handshake, the connection to the proxy is closed', async () => {
    const closed = signal();
    const port = await listening((socket) => {
      socket.on('close', () => closed.raise());
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.once('data', () => call.attempt.cancel());
      });
    });
    const call = connecting(by(port, { to: 'localhost:1' }), secure);
    void call.outcome.then(() => assert.fail('the listener was called'));
    await closed.happened;
  });
});
