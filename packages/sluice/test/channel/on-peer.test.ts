// `onPeer`: the server that a call has reached.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Peer, type Server, Status, StatusError } from '#sluice/index.js';
import {
  CA_CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../support/certificates.js';
import { failureOf, Running, textsOf } from '../support/running.js';

const PATH = '/test.Peer/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

async function addressOf(server: Server): Promise<string> {
  return `127.0.0.1:${(await server.listen({ host: '127.0.0.1' })).port}`;
}

function echo(): Server {
  return running
    .server()
    .unary(PATH, (request) => request)
    .bidiStreaming('/test.Peer/Bidi', (requests) => requests);
}

describe('onPeer', () => {
  it('tells the server of each call, before its headers', async () => {
    const addresses = [await addressOf(echo()), await addressOf(echo())];
    const serviceConfig = { loadBalancingConfig: [{ round_robin: {} }] };
    const channel = running.channel(addresses, { serviceConfig });
    channel.connect();
    while (!channel.stats().backends?.every(({ state }) => state === 'READY')) {
      await new Promise(setImmediate);
    }
    const told: string[] = [];
    const options = {
      onPeer: ({ address }: Peer) => told.push(address),
      onHeader: () => told.push('header'),
    };
    await channel.unary(PATH, X, options);
    await textsOf(channel.bidiStreaming('/test.Peer/Bidi', [X, X], options));
    const [first = '', , second = ''] = told;
    assert.deepEqual(told, [first, 'header', second, 'header']);
    assert.deepEqual([first, second].sort(), addresses.sort());
  });

  it('tells it of a call that failed, with a status and nothing else', async () => {
    const server = echo();
    const address = await addressOf(server);
    const channel = running.channel(address);
    const told: string[] = [];
    const options = {
      onPeer: ({ address: known }: Peer) => told.push(known),
      onTrailer: () => told.push('trailer'),
    };
    const { code } = await failureOf(channel.unary('/test.Peer/Unknown', X, options));
    assert.equal(code, Status.UNIMPLEMENTED);
    assert.deepEqual(told, [address, 'trailer']);
  });

  it('tells nothing of a call that was not sent', async () => {
    const channel = running.channel('127.0.0.1:1');
    const onPeer = (): void => assert.fail('reached');
    await failureOf(channel.unary(PATH, X, { onPeer }));
    await failureOf(channel.unary(PATH, X, { onPeer, timeoutMs: 0 }));
  });

  it('tells the one of the last attempt when a call is retried', async () => {
    const down = await addressOf(
      running.server().unary(PATH, () => {
        throw new StatusError(Status.UNAVAILABLE, 'down');
      }),
    );
    const up = await addressOf(echo());
    const retryPolicy = {
      maxAttempts: 2,
      initialBackoff: '0.01s',
      maxBackoff: '0.01s',
      backoffMultiplier: 1,
      retryableStatusCodes: ['UNAVAILABLE'],
    };
    const methodConfig = [{ name: [{}], retryPolicy }];
    const loadBalancingConfig = [{ round_robin: {} }];
    const channel = running.channel([down, up], {
      serviceConfig: { methodConfig, loadBalancingConfig },
    });
    channel.connect();
    while (!channel.stats().backends?.every(({ state }) => state === 'READY')) {
      await new Promise(setImmediate);
    }
    for (let i = 0; i < 4; i += 1) {
      const told: string[] = [];
      await channel.unary(PATH, X, { onPeer: ({ address }) => told.push(address) });
      assert.deepEqual(told, [up]);
    }
    const alone = running.channel(down, { serviceConfig: { methodConfig } });
    const told: string[] = [];
    await failureOf(alone.unary(PATH, X, { onPeer: ({ address }) => told.push(address) }));
    assert.deepEqual(told, [down]);
  });

  it('is called for each call that interceptors make', async () => {
    const address = await addressOf(echo());
    const channel = running.channel(address);
    const told: string[] = [];
    await channel.unary(PATH, X, {
      onPeer: (peer) => told.push(peer.address),
      interceptors: [
        async (request, next) => {
          await next(request);
          return next(request);
        },
      ],
    });
    assert.deepEqual(told, [address, address]);
  });

  it('that throws ends the call, and its error is what the caller sees', async () => {
    const channel = running.channel(await addressOf(echo()));
    const error = new Error('not that one');
    const onPeer = (): void => {
      throw error;
    };
    const onHeader = (): void => assert.fail('told of headers');
    const options = { onPeer, onHeader };
    await assert.rejects(channel.unary(PATH, X, options), error);
    await assert.rejects(channel.unary('/test.Peer/Unknown', X, { onPeer }), error);
    await assert.rejects(textsOf(channel.bidiStreaming('/test.Peer/Bidi', [X], options)), error);
  });

  it('gives the names of a server whose certificate is trusted, and of no other', async () => {
    const server = running.server({ tls: { key: SERVER_KEY, cert: SERVER_CERTIFICATE } });
    server.unary(PATH, (request) => request);
    const address = await addressOf(server);
    const names: (readonly string[])[] = [];
    const onPeer = (peer: Peer): void => {
      assert.equal(peer.names, peer.names);
      assert.equal(peer.certificate?.subject.CN, 'localhost');
      names.push(peer.names);
    };
    for (const tls of [{ ca: CA_CERTIFICATE }, { rejectUnauthorized: false }]) {
      await running.channel(address, { tls }).unary(PATH, X, { onPeer });
    }
    assert.deepEqual(names, [['localhost', '127.0.0.1', '0:0:0:0:0:0:0:1'], []]);
  });
});

describe('the peer of a handler', () => {
  it('has the names of a client whose certificate is trusted, and of no other', async () => {
    const client = { ca: CA_CERTIFICATE, key: CLIENT_KEY, cert: CLIENT_CERTIFICATE };
    const names: (readonly string[])[] = [];
    for (const ca of [CA_CERTIFICATE, undefined]) {
      const server = running.server({
        tls: {
          ...{ key: SERVER_KEY, cert: SERVER_CERTIFICATE },
          ...{ ca, requestCert: true, rejectUnauthorized: false },
        },
      });
      server.unary(PATH, (request, { peer }) => {
        names.push(peer.names);
        return request;
      });
      await running.channel(await addressOf(server), { tls: client }).unary(PATH, X);
    }
    assert.deepEqual(names, [['sluice-test-client'], []]);
  });
});
