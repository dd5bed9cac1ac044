// Credentials of servers: what their makers refuse, TLS, clients' certificates, providers.

import type * as http2 from 'node:http2';
import * as net from 'node:net';
import * as tls from 'node:tls';
import type * as grpcJs from '@grpc/grpc-js';
import {
  CA_CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../certificates.ts';
import { Http2Caller } from '../support/http2-caller.ts';
import { bind, type Grpc, Seen, unary, within } from '../support/text-server.ts';
import { errorOf, type Observation, outcomeOf } from './observation.ts';

type Update = { certificate: Buffer; privateKey: Buffer } | null;

const pair = { private_key: Buffer.from(SERVER_KEY), cert_chain: Buffer.from(SERVER_CERTIFICATE) };
const ca = Buffer.from(CA_CERTIFICATE);

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen = new Seen();
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  refused(grpc, seen);
  equal(grpc, seen);
  await served(grpc, seen);
  await provided(grpc, seen);
  await injected(grpc, seen);
  return seen.all;
}

function refused(grpc: Grpc, seen: Seen): void {
  const { ServerCredentials } = grpc;
  const create = ServerCredentials.createSsl as (...args: unknown[]) => unknown;
  const cases: Record<string, unknown[]> = {
    'roots as text': ['ca', [pair]],
    'no roots, undefined': [undefined, [pair]],
    'pairs as object': [null, {}],
    'no pairs': [null],
    'a pair that is null': [null, [null]],
    'a pair that is text': [null, ['x']],
    'key as text': [null, [{ ...pair, private_key: SERVER_KEY }]],
    'chain as text': [null, [{ ...pair, cert_chain: SERVER_CERTIFICATE }]],
    'second pair': [null, [pair, {}]],
    'check as number': [null, [pair], 1],
  };
  for (const [name, args] of Object.entries(cases)) {
    seen.see(
      `refused: ${name}`,
      outcomeOf(() => typeof create(...args)),
    );
  }
  const secure = ServerCredentials.createSsl(ca, [pair], true);
  seen.see('secure', secure._isSecure());
  seen.see('insecure', ServerCredentials.createInsecure()._isSecure());
  seen.see('interceptors', secure._getInterceptors());
  const context = secure._getSecureContextOptions() ?? {};
  seen.see(
    'context',
    Object.entries(context)
      .map(([key, value]) => [key, Array.isArray(value), value === undefined])
      .sort(),
  );
  seen.see('constructor options', secure._getConstructorOptions());
  seen.see('insecure context', ServerCredentials.createInsecure()._getSecureContextOptions());
  seen.see('insecure options', ServerCredentials.createInsecure()._getConstructorOptions());
}

function equal(grpc: Grpc, seen: Seen): void {
  const { ServerCredentials } = grpc;
  const insecure = ServerCredentials.createInsecure();
  const one = ServerCredentials.createSsl(null, [pair]);
  const others: Record<string, grpcJs.ServerCredentials> = {
    insecure,
    'insecure too': ServerCredentials.createInsecure(),
    one,
    same: ServerCredentials.createSsl(null, [pair]),
    'with roots': ServerCredentials.createSsl(ca, [pair]),
    'asks clients': ServerCredentials.createSsl(null, [pair], true),
    'without pairs': ServerCredentials.createSsl(null, []),
    'two pairs': ServerCredentials.createSsl(null, [pair, pair]),
  };
  seen.see(
    'equal to insecure',
    Object.entries(others).map(([name, other]) => [
      name,
      insecure._equals(other),
      other._equals(insecure),
    ]),
  );
  seen.see(
    'equal to one',
    Object.entries(others).map(([name, other]) => [name, one._equals(other), other._equals(one)]),
  );
}

async function answers(
  port: number,
  options: http2.SecureClientSessionOptions = {},
): Promise<unknown> {
  const caller = new Http2Caller(`https://localhost:${port}`, {
    ca,
    ...options,
    family: 4,
  } as http2.SecureClientSessionOptions);
  const reply = await within(caller.call('/test.Tls/Who', ['x']), 1_000);
  caller.close();
  return typeof reply === 'string' ? reply : [reply.status, reply.messages];
}

function who(grpc: Grpc): grpcJs.Server {
  const server = new grpc.Server();
  unary(server, '/test.Tls/Who', (call, callback) => {
    const context = call.getAuthContext();
    callback(
      null,
      JSON.stringify([
        context.transportSecurityType,
        context.sslPeerCertificate?.subject?.CN ?? null,
      ]),
    );
  });
  return server;
}

async function served(grpc: Grpc, seen: Seen): Promise<void> {
  const client = { key: CLIENT_KEY, cert: CLIENT_CERTIFICATE };
  const kinds: Record<string, grpcJs.ServerCredentials> = {
    plain: grpc.ServerCredentials.createSsl(null, [pair]),
    mutual: grpc.ServerCredentials.createSsl(ca, [pair], true),
  };
  for (const [name, credentials] of Object.entries(kinds)) {
    const server = who(grpc);
    const bound = await bind(grpc, server, '127.0.0.1:0', credentials);
    seen.see(`${name}: without a certificate`, await answers(bound.port));
    seen.see(`${name}: with one`, await answers(bound.port, client));
    const http1 = await within(
      new Promise((resolve) => {
        const socket = tls.connect({
          port: bound.port,
          host: '127.0.0.1',
          ca,
          servername: 'localhost',
          ALPNProtocols: ['http/1.1'],
        });
        socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\n\r\n'));
        socket.on('error', () => resolve('refused'));
        socket.on('close', () => resolve('refused'));
      }),
    );
    seen.see(`${name}: another protocol`, http1);
    server.forceShutdown();
  }
  const broken: Record<string, grpcJs.ServerCredentials> = {
    'no PEM': grpc.ServerCredentials.createSsl(null, [
      { private_key: Buffer.from('x'), cert_chain: Buffer.from('y') },
    ]),
    'a key of another': grpc.ServerCredentials.createSsl(null, [
      { ...pair, private_key: Buffer.from(CLIENT_KEY) },
    ]),
    'no key': grpc.ServerCredentials.createSsl(null, []),
  };
  for (const [name, credentials] of Object.entries(broken)) {
    const server = who(grpc);
    let outcome: unknown;
    try {
      const bound = await within(bind(grpc, server, '127.0.0.1:0', credentials));
      outcome = typeof bound === 'string' ? bound : [bound.error !== null, bound.error === null];
    } catch (error) {
      outcome = { threw: (errorOf(error) as { code?: unknown }).code };
    }
    seen.see(`broken: ${name}`, outcome);
    server.forceShutdown();
  }
}

/** A provider that logs who asks it. */
class Provider {
  readonly log: string[] = [];
  private readonly name: string;
  private readonly identities = new Set<(update: Update) => void>();
  private readonly authorities = new Set<(update: { caCertificate: Buffer } | null) => void>();

  constructor(name: string) {
    this.name = name;
  }

  addCaCertificateListener(listener: (update: { caCertificate: Buffer } | null) => void): void {
    this.log.push(`${this.name} ca+`);
    this.authorities.add(listener);
  }

  removeCaCertificateListener(listener: (update: { caCertificate: Buffer } | null) => void): void {
    this.log.push(`${this.name} ca-`);
    this.authorities.delete(listener);
  }

  addIdentityCertificateListener(listener: (update: Update) => void): void {
    this.log.push(`${this.name} identity+`);
    this.identities.add(listener);
  }

  removeIdentityCertificateListener(listener: (update: Update) => void): void {
    this.log.push(`${this.name} identity-`);
    this.identities.delete(listener);
  }

  tell(identity: Update): void {
    for (const listener of this.identities) listener(identity);
    for (const listener of this.authorities) listener({ caCertificate: ca });
  }
}

async function provided(grpc: Grpc, seen: Seen): Promise<void> {
  const { createCertificateProviderServerCredentials: create } = grpc.experimental;
  const first = new Provider('first');
  const second = new Provider('second');
  const credentials = create(first, second, false);
  const watched: unknown[] = [];
  const watcher = (context: tls.SecureContextOptions | null): void => {
    watched.push(
      context === null
        ? null
        : Object.entries(context)
            .filter(([, value]) => value !== undefined)
            .map(([key]) => key)
            .sort(),
    );
  };
  credentials._addWatcher(watcher);
  credentials._addWatcher(() => {});
  const identity = { certificate: pair.cert_chain, privateKey: pair.private_key };
  first.tell(identity);
  second.tell(identity);
  first.tell(null);
  credentials._removeWatcher(watcher);
  seen.see('provided: who was asked', [...first.log, ...second.log]);
  seen.see('provided: what was told', watched);
  seen.see('provided: context', credentials._getSecureContextOptions());
  seen.see('provided: options', credentials._getConstructorOptions());
  seen.see('provided: other options', [
    create(first, null, false)._getConstructorOptions(),
    create(first, null, true)._getConstructorOptions(),
    create(first, second, true)._getConstructorOptions(),
  ]);
  const third = new Provider('third');
  seen.see('provided: equal', [
    credentials._equals(credentials),
    credentials._equals(create(first, second, false)),
    credentials._equals(create(first, second, true)),
    credentials._equals(create(first, null, false)),
    credentials._equals(create(third, second, false)),
    create(third, null, true)._isSecure(),
  ]);

  const source = new Provider('source');
  const server = who(grpc);
  const bound = await within(bind(grpc, server, '127.0.0.1:0', create(source, null, false)));
  if (typeof bound === 'string' || bound.error !== null) {
    seen.see('provided: bound', typeof bound === 'string' ? bound : errorOf(bound.error));
    return;
  }
  seen.see('provided: nothing yet', await answers(bound.port));
  source.tell(identity);
  seen.see('provided: answers', await answers(bound.port));
  source.tell({
    certificate: Buffer.from(CLIENT_CERTIFICATE),
    privateKey: Buffer.from(CLIENT_KEY),
  });
  const shown = await within(
    new Promise((resolve) => {
      const socket = tls.connect(
        { port: bound.port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] },
        () => {
          resolve(socket.getPeerCertificate().subject.CN);
          socket.destroy();
        },
      );
      socket.on('error', () => resolve('refused'));
    }),
  );
  seen.see('provided: another certificate', shown);
  source.tell(null);
  seen.see('provided: nothing any more', await answers(bound.port));
  server.forceShutdown();
  seen.see('provided: forgotten', source.log);
}

async function injected(grpc: Grpc, seen: Seen): Promise<void> {
  const server = who(grpc);
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createSsl(null, [pair]));
  const sockets = net.createServer((socket) => injector.injectConnection(socket));
  await new Promise<void>((resolve) => sockets.listen(0, '127.0.0.1', resolve));
  const { port } = sockets.address() as net.AddressInfo;
  seen.see('injected: answers', await answers(port));
  injector.destroy();
  sockets.close();
  server.forceShutdown();
}
