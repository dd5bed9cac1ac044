// Two copies of the package in one process, ours and 1.14.7: credentials of the other copy do here, and
// ours there, as far as it takes any but its own. And connectors, for whoever has a socket already.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import * as published from '@grpc/grpc-js';
import * as ours from '@sluice/grpc-js';
import { isEmptyCallCredentials } from '@sluice/grpc-js/build/src/call-credentials';
import { FileWatcherCertificateProvider } from '@sluice/grpc-js/build/src/certificate-provider';
import {
  createCertificateProviderChannelCredentials,
  type SecureConnector,
  type SecureConnectResult,
} from '@sluice/grpc-js/build/src/channel-credentials';
import {
  CA_CERTIFICATE,
  OTHER_CA_CERTIFICATE,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from './certificates.ts';

type Grpc = typeof published;

// Their types differ in private fields alone.
const us: Grpc = ours as unknown as Grpc;
const CA = Buffer.from(CA_CERTIFICATE);
const PATH = '/copies.Service/Method';

const bytes = (value: Buffer): Buffer => value;

let server: ours.Server | undefined;
let target = '';

before(async () => {
  const made = new ours.Server();
  server = made;
  const pair = {
    private_key: Buffer.from(SERVER_KEY),
    cert_chain: Buffer.from(SERVER_CERTIFICATE),
  };
  made.register(
    PATH,
    (
      call: { readonly metadata: ours.Metadata },
      callback: (error: null, reply: Buffer) => void,
    ): void => callback(null, Buffer.from(String(call.metadata.get('token')))),
    bytes,
    bytes,
    'unary',
  );
  const credentials = ours.ServerCredentials.createSsl(null, [pair]);
  const port = await new Promise<number>((resolve, reject) => {
    made.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  target = `localhost:${port}`;
});

after(() => server?.forceShutdown());

function call(grpc: Grpc, credentials: unknown, own?: unknown): Promise<string> {
  const client = new grpc.Client(target, credentials as published.ChannelCredentials);
  const options = {
    deadline: Date.now() + 10_000,
    ...(own === undefined ? {} : { credentials: own as published.CallCredentials }),
  };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(PATH, bytes, bytes, Buffer.alloc(0), options, (error, reply) => {
      client.close();
      if (error === null) resolve(String(reply));
      else reject(error);
    });
  });
}

function tokenOf(grpc: Grpc): published.CallCredentials {
  return grpc.credentials.createFromMetadataGenerator((_options, callback) => {
    const metadata = new grpc.Metadata();
    metadata.set('token', 'given');
    callback(null, metadata);
  });
}

describe('credentials of 1.14.7 in our client', () => {
  it('make its connections secure', async () => {
    assert.equal(await call(us, published.credentials.createSsl(CA)), '');
  });

  it('check the server', async () => {
    const wrong = published.credentials.createSsl(Buffer.from(OTHER_CA_CERTIFICATE));
    await assert.rejects(call(us, wrong), { code: 14 });
  });

  it('give every call of a channel its metadata', async () => {
    const composed = published.credentials.createSsl(CA).compose(tokenOf(published));
    assert.equal(await call(us, composed), 'given');
  });

  it('give a call its metadata', async () => {
    assert.equal(await call(us, us.credentials.createSsl(CA), tokenOf(published)), 'given');
  });
});

describe('call credentials of ours in the client of 1.14.7', () => {
  it('give a call its metadata', async () => {
    const channel = published.credentials.createSsl(CA);
    assert.equal(await call(published, channel, tokenOf(us)), 'given');
  });
});

describe('a connector of channel credentials', () => {
  const sockets: Socket[] = [];

  after(() => {
    for (const socket of sockets) socket.destroy();
  });

  function connectorOf(credentials: ours.ChannelCredentials, options = {}): SecureConnector {
    return credentials._createSecureConnector({ scheme: 'dns', path: target }, options);
  }

  async function connected(connector: SecureConnector, port: number): Promise<SecureConnectResult> {
    const socket = net.connect(port, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    const result = await connector.connect(socket);
    sockets.push(result.socket);
    return result;
  }

  function portOf(): number {
    return Number(target.split(':')[1]);
  }

  it('leaves a socket as it is for plain text', async () => {
    const { socket, secure } = await connected(
      connectorOf(ours.credentials.createInsecure()),
      portOf(),
    );
    assert.deepEqual([secure, socket instanceof tls.TLSSocket], [false, false]);
  });

  it('speaks TLS and HTTP/2', async () => {
    const connector = connectorOf(ours.credentials.createSsl(CA));
    await connector.waitForReady();
    const { socket, secure } = await connected(connector, portOf());
    assert.ok(socket instanceof tls.TLSSocket);
    assert.deepEqual([secure, socket.alpnProtocol], [true, 'h2']);
    connector.destroy();
  });

  it('checks the server by the name it is given', async () => {
    const options = { 'grpc.ssl_target_name_override': 'other.example' };
    const connector = connectorOf(ours.credentials.createSsl(CA), options);
    await assert.rejects(connected(connector, portOf()), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('has the call credentials that go with it', () => {
    const own = ours.credentials.createFromMetadataGenerator(() => {});
    const made = ours.credentials.createSsl(CA).compose(own);
    assert.equal(connectorOf(made).getCallCredentials(), own);
    const { getCallCredentials } = connectorOf(ours.credentials.createSsl(CA));
    assert.ok(isEmptyCallCredentials(getCallCredentials()));
  });

  it('takes no server that does not speak HTTP/2', async () => {
    const other = tls.createServer({ key: SERVER_KEY, cert: SERVER_CERTIFICATE });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    assert.ok(typeof address === 'object' && address !== null);
    await assert.rejects(
      connected(connectorOf(ours.credentials.createSsl(CA)), address.port),
      /the server chose false by ALPN instead of h2; is it a gRPC server\?/,
    );
    other.close();
  });

  it('fails when its provider could load nothing', async () => {
    const provider = new FileWatcherCertificateProvider({
      caCertificateFile: '/none/ca.pem',
      refreshIntervalMs: 1_000,
    });
    const made = createCertificateProviderChannelCredentials(provider, null);
    await assert.rejects(connected(connectorOf(made), portOf()), {
      message: 'the certificate provider has no CA certificate that it could load',
    });
  });
});
