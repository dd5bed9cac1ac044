// "Connecting" and "The connection ended" of docs/errors.md: what calls hear of servers that cannot
// be connected to or go away, over real sockets.

import assert from 'node:assert/strict';
import net from 'node:net';
import { afterEach, describe, it, mock } from 'node:test';
import tls from 'node:tls';
import { selectServiceConfig } from '#sluice/channel/resolvers/service-config-record.js';
import { ErrorCode } from '#sluice/frames/error-code.js';
import {
  type Channel,
  type ChannelOptions,
  type ResolverListener,
  registerBalancer,
  registerResolver,
  Status,
  type StatusError,
} from '#sluice/index.js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import { ClientEnd } from '../support/client-end.js';
import { MockPeer } from '../support/mock-peer.js';
import { failureOf, Running } from '../support/running.js';
import { assertListed, listed } from './listed.js';
import { RawServer, until } from './raw-ends.js';

const PATH = '/test.Connecting/Call';
const X = Buffer.from('x');

const running = new Running();
const raw: RawServer[] = [];

afterEach(async () => {
  for (const server of raw.splice(0)) server.close();
  await running.end();
});

/** The text of the GOAWAY(NO_ERROR) among these lines. */
function goAwayText(lines: readonly string[]): string | undefined {
  const goAway = lines.find((line) => line.startsWith('GOAWAY 0 NO_ERROR '));
  return goAway?.replace('GOAWAY 0 NO_ERROR ', '');
}

/** How a call to a server ends that does this to each connection. */
async function failedBy(
  serve: Parameters<typeof RawServer.start>[0],
  options: ChannelOptions = {},
): Promise<StatusError> {
  const server = await RawServer.start(serve);
  raw.push(server);
  return failureOf(running.channel(server.target, options).unary(PATH, X));
}

function assertUnavailable(error: StatusError, text: string): void {
  assertListed(error.details, text);
  assert.equal(error.code, Status.UNAVAILABLE);
}

describe('a server that ends the connection before its SETTINGS', () => {
  it('without a word, in plain text', async () => {
    assertUnavailable(
      await failedBy((socket) => socket.end()),
      'the HTTP/2 handshake with <host:port> failed: the peer closed the connection; does it speak TLS on this port?',
    );
  });

  it('without a word, behind TLS', async () => {
    const settings = { key: SERVER_KEY, cert: SERVER_CERTIFICATE, ALPNProtocols: ['h2'] };
    const context = tls.createSecureContext(settings);
    const error = await failedBy(
      (socket) => {
        const secure = new tls.TLSSocket(socket, {
          isServer: true,
          secureContext: context,
          ALPNProtocols: ['h2'],
        });
        secure.on('error', () => {});
        secure.on('secure', () => secure.end());
      },
      { tls: { ca: CA_CERTIFICATE, servername: 'localhost' } },
    );
    assertUnavailable(
      error,
      "the HTTP/2 handshake with <host:port> failed: the peer closed the connection; did it refuse this client's certificate?",
    );
  });

  it('within the handshake of TLS', async () => {
    const error = await failedBy((socket) => socket.end(), { tls: { ca: CA_CERTIFICATE } });
    assertUnavailable(error, 'cannot connect to <host:port>: <system error>');
  });

  it('by never answering', async () => {
    const connecting = mock.method(net, 'connect', () => new net.Socket());
    const error = await failedBy(() => assert.fail('it is never reached'), { connectTimeoutMs: 5 });
    connecting.mock.restore();
    assertUnavailable(error, 'no connection to <host:port> within <n> ms');
  });

  it('without an error and before TCP is through', async () => {
    // No network does this, a socket that is destroyed by somebody else does.
    const connecting = mock.method(net, 'connect', () => {
      const socket = new net.Socket();
      socket.destroy();
      return socket;
    });
    const error = await failedBy(() => assert.fail('it is never reached'));
    connecting.mock.restore();
    assertUnavailable(error, 'cannot connect to <host:port>: closed during the handshake');
  });

  it('with GOAWAY', async () => {
    const error = await failedBy((socket) => {
      const peer = new MockPeer(socket, 'server');
      peer.settings().settingsAck().goAway(0, ErrorCode.ENHANCE_YOUR_CALM, 'go away').flush();
      socket.end();
    });
    assert.equal(error.code, Status.UNAVAILABLE);
    assert.match(error.details, /GOAWAY\(ENHANCE_YOUR_CALM\) "go away"/);
  });
});

describe('a server that speaks something else', () => {
  it('such as HTTP/1.1', async () => {
    const error = await failedBy((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    assertUnavailable(
      error,
      'the HTTP/2 handshake with <host:port> failed: <fault>; does the peer speak HTTP/1.1 or TLS on this port?',
    );
  });

  it('than TLS', async () => {
    const error = await failedBy((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), {
      tls: { ca: CA_CERTIFICATE },
    });
    assertUnavailable(error, 'cannot connect to <host:port>: <system error>');
    assertListed(
      error.details.split(/:\d+: /)[1],
      'TLS failed: <reason of OpenSSL>; does it speak plain text on this port?',
    );
  });

  it('than h2 by ALPN', async () => {
    const settings = { key: SERVER_KEY, cert: SERVER_CERTIFICATE };
    const error = await failedBy(
      (socket) => {
        const secure = new tls.TLSSocket(socket, { isServer: true, ...settings });
        secure.on('error', () => {});
      },
      { tls: { ca: CA_CERTIFICATE, servername: 'localhost' } },
    );
    assertUnavailable(
      error,
      '<host:port> chose <nothing or "protocol"> by ALPN instead of "h2"; is it a gRPC server?',
    );
  });
});

it('a server that is silent hears why its connection is given up', async () => {
  const peers: MockPeer[] = [];
  const error = await failedBy((socket) => peers.push(new MockPeer(socket, 'server')), {
    connectTimeoutMs: 100,
  });
  assertUnavailable(error, 'no HTTP/2 SETTINGS from <host:port> within <n> ms');
  const [peer] = peers;
  assert.ok(peer);
  const text = goAwayText(await until(peer, /^GOAWAY/));
  assertListed(text, 'the handshake took too long');
});

describe('a resolver', () => {
  /** A channel whose resolver answers like this. */
  function resolving(scheme: string, answer: (listener: ResolverListener) => void): Channel {
    registerResolver({
      scheme,
      authority: () => 'test',
      create: (_target, listener) => ({ resolve: () => answer(listener), close() {} }),
    });
    return running.channel(`${scheme}:backends`);
  }

  it('that finds no addresses', async () => {
    const channel = resolving('none', (listener) => listener.onResolution({ addresses: [] }));
    const text = 'the resolver of <target> found no addresses';
    assertUnavailable(await failureOf(channel.unary(PATH, X)), text);
  });

  it('that finds a service config which is none', async () => {
    for (const serviceConfig of ['no JSON', { loadBalancingConfig: [{ nothing: {} }] }]) {
      const channel = resolving('badconfig', (listener) =>
        listener.onResolution({ addresses: [], serviceConfig }),
      );
      const error = await failureOf(channel.unary(PATH, X));
      assertUnavailable(error, 'the service config of <target> cannot be used: <why>');
    }
  });

  it('that gives an endpoint with a bad tunnel', async () => {
    const tunnel = { to: 'host:1\r\nX: y' };
    const endpoint = { kind: 'tcp', host: '127.0.0.1', port: 1, tunnel } as const;
    const channel = resolving('tunnel', (listener) =>
      listener.onResolution({ addresses: [{ endpoint }] }),
    );
    const error = await failureOf(channel.unary(PATH, X));
    assertUnavailable(
      error,
      'cannot connect to <host:port>: a tunnel to "<to>" cannot be asked for in a request head',
    );
  });
});

describe('a service config in TXT records', () => {
  const serviceConfig = {};
  for (const [text, choices] of [
    ['grpc_config is no list of choices', {}],
    ['grpc_config[<i>] is no object', [1]],
    ['grpc_config[<i>].<field> is not a field of a choice', [{ serviceConfig, more: 1 }]],
    ['grpc_config[<i>].<field> is no list of strings', [{ serviceConfig, clientLanguage: 'js' }]],
    [
      'grpc_config[<i>].percentage is <value>; it must be an integer from 0 to 100',
      [{ serviceConfig, percentage: 101 }],
    ],
    ['grpc_config[<i>].serviceConfig is no object', [{}]],
  ] as const) {
    it(text, () => {
      const record = `grpc_config=${JSON.stringify(choices)}`;
      assert.throws(() => selectServiceConfig([[record]], { hostname: 'me', percentage: 0 }), {
        message: listed(text),
      });
    });
  }

  it('grpc_config is not JSON', () => {
    assert.throws(
      () => selectServiceConfig([['grpc_config=[']], { hostname: 'me', percentage: 0 }),
      { name: 'TypeError', message: listed('grpc_config is not JSON: <why>') },
    );
  });
});

describe('a channel', () => {
  it('that needs a connection no longer says so to the server', async () => {
    const peers: MockPeer[] = [];
    const listeners: ResolverListener[] = [];
    const servers: RawServer[] = [];
    for (let i = 0; i < 2; i += 1) {
      servers.push(await RawServer.greeting({}, (peer) => peers.push(peer)));
    }
    raw.push(...servers);
    registerResolver({
      scheme: 'moving',
      authority: () => 'test',
      create: (_target, listener) => {
        listeners.push(listener);
        return { resolve() {}, close() {} };
      },
    });
    const channel = running.channel('moving:backends');
    channel.connect();
    for (const { port } of servers) {
      const endpoint = { kind: 'tcp', host: '127.0.0.1', port } as const;
      listeners[0]?.onResolution({ addresses: [{ endpoint }] });
      await channel.ready();
    }
    const [first] = peers;
    assert.ok(first);
    const text = goAwayText(await until(first, /^GOAWAY/));
    assertListed(text, 'the connection is not needed any more');
  });

  it('that is watched for longer than it changes', async () => {
    const watching = running.channel('127.0.0.1:1').watchState('IDLE', { timeoutMs: 5 });
    const { code, details } = await failureOf(watching);
    assertListed(details, 'the channel was still <STATE> after <n> ms', { STATE: 'IDLE', n: 5 });
    assert.equal(code, Status.DEADLINE_EXCEEDED);
  });
});

it('a picker that throws ends the call with INTERNAL', async () => {
  registerBalancer({
    name: 'throws_at_picks',
    parseConfig: () => ({}),
    create: (context) => ({
      update() {
        context.update('READY', {
          pick() {
            throw new Error('no idea');
          },
        });
      },
      onResolverError() {},
      exitIdle() {},
      close() {},
    }),
  });
  const loadBalancingConfig = [{ throws_at_picks: {} }];
  const channel = running.channel('ipv4:127.0.0.1:1', { serviceConfig: { loadBalancingConfig } });
  const error = await failureOf(channel.unary(PATH, X));
  assertListed(error.details, 'the picker threw: <message>', { message: 'no idea' });
  assert.equal(error.code, Status.INTERNAL);
});

describe('a connection that ends under its calls', () => {
  const SAID = 'the server sent GOAWAY(<CODE>) "<text>"';

  /** What a call hears, once written, when this happens. */
  async function heard(happens: (end: ClientEnd) => void): Promise<string> {
    const end = await ClientEnd.ready();
    const call = end.unary();
    await end.settle();
    happens(end);
    await end.settle();
    await end.finish();
    return call.events.at(-1)?.replace(/^end UNAVAILABLE( unprocessed)?: /, '') ?? '';
  }

  it('because the socket failed', async () => {
    const text = await heard((end) => end.socket.destroy(new Error('the cable was cut')));
    assertListed(text, 'socket error: <system error>');
  });

  it('because the peer ended it, with GOAWAY or without', async () => {
    assertListed(await heard((end) => end.peer.end()), 'the peer closed the connection');
    const said = await heard((end) => end.peer.goAway(1, ErrorCode.NO_ERROR, 'bye').end());
    assertListed(said, '<either of these> after it sent GOAWAY(<CODE>) "<text>"', {
      'either of these': 'the peer closed the connection',
      CODE: 'NO_ERROR',
      text: 'bye',
    });
  });

  it('because the socket was closed here', async () => {
    assertListed(await heard((end) => end.socket.destroy()), 'the connection was closed');
  });

  it('because the server drains and has not seen them', async () => {
    assertListed(await heard((end) => end.peer.goAway(0, ErrorCode.NO_ERROR, 'bye')), SAID, {
      CODE: 'NO_ERROR',
      text: 'bye',
    });
  });
});
