// What programs without types, and those that come from grpc-js, pass by mistake: an error at once
// that says what to pass instead, and never a setting that is silently dropped.
// Not here: values out of range (test/errors/misuse.test.ts), interceptors of a server that break
// their contract (test/server/misuse.test.ts).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import {
  type CallOptions,
  type Channel,
  type ChannelOptions,
  type ClientInterceptor,
  certificateFiles,
  createClient,
  Metadata,
  type Method,
  type Server,
  type ServerInterceptor,
  type ServerOptions,
  Status,
} from '#sluice/index.js';
import { assertListed, listed } from '../errors/listed.js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import { jsonMethod } from '../support/json-method.js';
import { failureOf, messagesOf, Running } from '../support/running.js';

const PATH = '/test.Misuse/Method';
const NOBODY = '127.0.0.1:1';
const X = Buffer.from('x');
const PASS: ClientInterceptor = (request, next) => next(request);
const SERVED: ServerInterceptor = (request, next) => next(request);

const running = new Running();

afterEach(() => running.end());

/** What a program without types may pass. */
function loose<T>(value: unknown): T {
  return value as T;
}

function connecting(options: unknown): () => Channel {
  return () => running.channel(NOBODY, loose<ChannelOptions>(options));
}

function serving(options: unknown): () => Server {
  return () => running.server(loose<ServerOptions>(options));
}

type Values = Readonly<Record<string, string>>;

/** The error has a text of docs/errors.md, with these values. */
function typeError(text: string, values: Values = {}): { name: 'TypeError'; message: RegExp } {
  return { name: 'TypeError', message: listed(text, values) };
}

const MEANT = '<function> has no option "<name>"; did you mean <names>?';
const HAS = '<function> has no option "<name>"; it has <names>';
const OF_GRPC_JS =
  '<function> has no option "<name>"; docs/migrating.md says what takes the place of those of grpc-js';
const NO_OBJECT = '<function> takes an object of options, not <type>';
const NO_CREDENTIALS =
  '<function> takes no credentials of grpc-js; use { tls: true } or { tls: { ca, key, cert } }, and nothing for plain text';
const NO_CLIENT_TLS =
  'tls is <value>; a channel takes true, false or an object such as { ca, key, cert }';
const NO_SERVER_TLS =
  'tls is <value>; a server needs an object with key and cert, pfx, certificates or SNICallback';
const NO_PEM =
  'no PEM in <names>: "-----BEGIN" is missing; give the contents of the file, or its path to certificateFiles for tls.certificates';
const NO_FILES = 'tls.certificates is <type>; make it with certificateFiles({ key, cert, ca })';

describe('options of connect and createServer', () => {
  it('that are credentials of grpc-js are no plain text channel', () => {
    const { credentials, ServerCredentials } = grpc;
    const connect = typeError(NO_CREDENTIALS, { function: 'connect' });
    assert.throws(connecting(credentials.createSsl()), connect);
    assert.throws(connecting(credentials.createInsecure()), connect);
    const create = typeError(NO_CREDENTIALS, { function: 'createServer' });
    assert.throws(serving(ServerCredentials.createInsecure()), create);
    const value = 'credentials of grpc-js';
    assert.throws(
      connecting({ tls: credentials.createSsl() }),
      typeError(NO_CLIENT_TLS, { value }),
    );
    assert.throws(connecting({ credentials: credentials.createSsl() }), {
      name: 'TypeError',
      message:
        'credentials is an object; it must be a function that gives Metadata, and TLS is the option tls of connect',
    });
  });

  it('that are unknown are named, with those that may be meant', () => {
    assert.throws(
      connecting({ timeout: 5 }),
      typeError(MEANT, { name: 'timeout', names: 'connectTimeoutMs or idleTimeoutMs' }),
    );
    assert.throws(connecting({ ssl: true }), typeError(MEANT, { names: 'tls' }));
    assert.throws(serving({ port: 50051 }), typeError(HAS, { function: 'createServer' }));
    assert.throws(
      connecting({ keepalive: { time: 5 } }),
      typeError(MEANT, { function: 'keepalive', names: 'timeMs or timeoutMs or minTimeMs' }),
    );
    assert.throws(connecting({ backoff: { jitter: 0 } }), typeError(HAS, { function: 'backoff' }));
    assert.throws(serving({ keepalive: { permit: 1 } }), typeError(HAS, { name: 'permit' }));
    const name = 'grpc.keepalive_time_ms';
    assert.throws(connecting({ [name]: 5 }), typeError(OF_GRPC_JS, { name }));
    assert.throws(serving({ [name]: 5 }), typeError(OF_GRPC_JS, { function: 'createServer' }));
  });

  it('that are no plain object are refused; without a prototype or a value they are one', () => {
    for (const [options, type] of [
      [null, 'null'],
      [() => {}, 'function'],
      [['a'], 'an array'],
      ['tls', 'string'],
      [new Map(), 'an object'],
    ]) {
      assert.throws(connecting(options), typeError(NO_OBJECT, { type: String(type) }));
      assert.throws(serving(options), typeError(NO_OBJECT, { function: 'createServer' }));
    }
    connecting(Object.assign(Object.create(null), { timeout: undefined }))();
  });
});

describe('tls', () => {
  it('of a server that has nothing to show is refused at once', async () => {
    for (const tls of [{}, true, 'yes', null, { requestCert: true }, { key: SERVER_KEY }]) {
      assert.throws(serving({ tls }), typeError(NO_SERVER_TLS));
    }
    assert.throws(
      serving({ tls: { ca: CA_CERTIFICATE } }),
      typeError(NO_SERVER_TLS, { value: '{ ca }' }),
    );
    const own = loose<{ tls: object }>({ tls: {} });
    await assert.rejects(running.server().listen(own), typeError(NO_SERVER_TLS, { value: '{}' }));
  });

  it('of a server may be any that works', () => {
    serving({ tls: { key: SERVER_KEY, cert: SERVER_CERTIFICATE } })();
    serving({ tls: { key: Buffer.from(SERVER_KEY), cert: [SERVER_CERTIFICATE] } })();
    serving({ tls: { key: [{ pem: SERVER_KEY }], cert: SERVER_CERTIFICATE } })();
    serving({ tls: { SNICallback: () => {} } })();
    serving({ tls: { pfx: Buffer.from('pfx') } })();
  });

  it('of a channel is true, false or settings', () => {
    assert.throws(connecting({ tls: 'yes' }), typeError(NO_CLIENT_TLS, { value: '"yes"' }));
    assert.throws(connecting({ tls: null }), typeError(NO_CLIENT_TLS, { value: 'null' }));
    connecting({ tls: {} })();
    connecting({ tls: { ca: CA_CERTIFICATE } })();
  });

  it('with a path, or bytes that are none, in place of PEM says where', () => {
    assert.throws(connecting({ tls: { ca: 'tls.crt' } }), typeError(NO_PEM, { names: 'tls.ca' }));
    assert.throws(connecting({ tls: { ca: [CA_CERTIFICATE, X] } }), typeError(NO_PEM));
    assert.throws(
      serving({ tls: { key: 'a', cert: 'b' } }),
      typeError(NO_PEM, { names: 'tls.cert and tls.key' }),
    );
    const server = serving({ tls: { key: SERVER_KEY, cert: SERVER_CERTIFICATE } })();
    assert.throws(
      () => server.setCertificates({ key: SERVER_KEY, cert: 'tls.crt' }),
      typeError(NO_PEM, { names: 'tls.cert' }),
    );
  });

  it('has files by certificateFiles', () => {
    const certificates = { key: 'tls.key', cert: 'tls.crt' };
    assert.throws(serving({ tls: { certificates } }), typeError(NO_FILES, { type: 'an object' }));
    assert.throws(connecting({ tls: { certificates: 'tls.crt' } }), typeError(NO_FILES));
    assert.throws(() => certificateFiles({ key: 'tls.key' }), TypeError);
  });
});

describe('listen', () => {
  it('takes an object', async () => {
    const server = running.server();
    for (const [target, value] of [
      ['127.0.0.1:0', '"127.0.0.1:0"'],
      [50999, '50999'],
      [null, 'null'],
      [{ hostname: 'localhost' }, '{ hostname }'],
    ]) {
      await assert.rejects(
        server.listen(loose(target)),
        typeError('listen takes { port, host } or { path }, not <value>', { value: String(value) }),
      );
    }
    assert.deepEqual(server.addresses, []);
  });

  it('tells of an address that is taken, or not of this machine, in words of the system', async () => {
    const server = running.server();
    const { address, port } = await server.listen({ host: '127.0.0.1' });
    const taken = 'listen EADDRINUSE: address already in use <address>:<port>';
    await assert.rejects(running.server().listen({ host: address, port }), {
      name: 'Error',
      message: listed(taken, { address, port }),
    });
    // TEST-NET-1 of RFC 5737.
    await assert.rejects(running.server().listen({ host: '192.0.2.1', port: 50_051 }), {
      name: 'Error',
      message: listed('listen EADDRNOTAVAIL: address not available <address>:<port>'),
    });
  });
});

describe('drainOn', () => {
  it('takes the name of one signal', async () => {
    const before = process.listenerCount('SIGUSR2');
    const server = running.server();
    const drained = server.drainOn('SIGUSR2');
    assert.equal(process.listenerCount('SIGUSR2'), before + 1);
    assert.equal(process.listenerCount('S'), 0);
    await server.close();
    await drained;
    assert.equal(process.listenerCount('SIGUSR2'), before);
  });

  it('refuses names that are none, and listens to none of the others', () => {
    const before = process.listenerCount('SIGUSR2');
    const server = running.server();
    const message = listed('drainOn takes <signals>, not <value>', { value: '"SIGKIL"' });
    assert.throws(() => server.drainOn(loose(['SIGUSR2', 'SIGKIL'])), {
      name: 'TypeError',
      message,
    });
    assert.equal(process.listenerCount('SIGUSR2'), before);
  });
});

describe('options of a call', () => {
  const NO_METADATA = 'metadata must be a Metadata of sluice; make one with new Metadata({ ... })';
  const NO_SIGNAL =
    'signal is <type> and no AbortSignal; of an AbortController pass controller.signal';
  const NO_PARENT = 'parent is <type>; pass the context that a handler is given';
  const NO_FUNCTION =
    'credentials is <type>; it must be a function that gives Metadata, and TLS is the option tls of connect';
  const NO_AUTHORITY = 'authority is <value>; it must be "host" or "host:port"';
  const ONLY_METADATA = 'a call takes an object of options, not Metadata; pass { metadata }';
  const NO_LIST = 'interceptors is <type>; it must be a list of functions';
  const rows: readonly (readonly [given: unknown, text: string, values?: Values])[] = [
    [() => {}, 'a call takes no callback; await its promise, or iterate over its responses'],
    [null, 'a call takes an object of options, not <type>', { type: 'null' }],
    [5, 'a call takes an object of options, not <type>', { type: 'number' }],
    [new Metadata({ a: 'b' }), ONLY_METADATA],
    [new grpc.Metadata(), ONLY_METADATA],
    [{ deadline: Date.now() }, MEANT, { function: 'a call', names: 'timeoutMs' }],
    [{ timeout: 5 }, MEANT, { names: 'timeoutMs' }],
    [{ retries: 5 }, HAS, { function: 'a call', name: 'retries' }],
    [{ metadata: { a: 'b' } }, NO_METADATA],
    [{ metadata: new grpc.Metadata() }, NO_METADATA],
    [{ signal: new AbortController() }, NO_SIGNAL, { type: 'an object' }],
    [{ parent: {} }, NO_PARENT, { type: 'an object' }],
    [{ credentials: grpc.credentials.createSsl() }, NO_FUNCTION],
    [{ authority: 'a b' }, NO_AUTHORITY, { value: '"a b"' }],
    [{ authority: 5 }, NO_AUTHORITY, { value: 'number' }],
    [{ interceptors: PASS }, NO_LIST, { type: 'function' }],
    [{ interceptors: () => {} }, NO_LIST],
    [{ interceptors: [5] }, 'interceptors[<n>] is <type>; it must be a function', { n: '0' }],
  ];

  for (const [given, text, values] of rows) {
    it(`are refused: ${text}`, async () => {
      const error = typeError(text, values);
      const options = loose<CallOptions>(given);
      const listener = { onHeader() {}, onMessage() {}, onWritable() {}, onEnd() {} };
      for (const interceptors of [[], [PASS]]) {
        const channel = running.channel(NOBODY, { interceptors });
        await assert.rejects(channel.unary(PATH, X, options), error);
        await assert.rejects(channel.clientStreaming(PATH, [X], options), error);
        assert.throws(() => channel.serverStreaming(PATH, X, options), error);
        assert.throws(() => channel.bidiStreaming(PATH, [X], options), error);
        assert.throws(() => channel.call(PATH, options, listener), error);
        assert.equal(channel.state, 'IDLE');
      }
    });
  }

  it('are refused with the defaults of a client as well, and so are these', async () => {
    const channel = running.channel(NOBODY);
    const service = {
      getItem: {
        path: PATH,
        requestStream: false,
        responseStream: false,
        ...serializing(jsonMethod(PATH, 'unary')),
      },
    };
    const client = createClient(service, channel, { metadata: new Metadata({ a: 'b' }) });
    for (const [given, text, values] of rows) {
      const options = loose<CallOptions>(given);
      await assert.rejects(client.getItem({}, options), typeError(text, values));
      assert.throws(() => createClient(service, channel, options), typeError(text, values));
    }
  });

  it('are refused where an interceptor passes them on', async () => {
    const changing: ClientInterceptor = (request, next) =>
      next({ ...request, options: loose({ metadata: { a: 'b' } }) });
    const channel = running.channel(NOBODY, { interceptors: [changing] });
    await assert.rejects(channel.unary(PATH, X), typeError(NO_METADATA));
    await assert.rejects(messagesOf(channel.serverStreaming(PATH, X)), typeError(NO_METADATA));
  });

  it('of connect are no single interceptor', () => {
    assert.throws(connecting({ interceptors: PASS }), typeError(NO_LIST, { type: 'function' }));
    assert.throws(serving({ interceptors: PASS }), typeError(NO_LIST, { type: 'function' }));
    assert.throws(connecting({ interceptors: [PASS, 5] }), {
      name: 'TypeError',
      message: 'interceptors[1] is number; it must be a function',
    });
  });
});

function serializing({ request, response }: Method<unknown, unknown>): {
  requestSerialize: (message: unknown) => Buffer;
  requestDeserialize: (bytes: Buffer) => unknown;
  responseSerialize: (message: unknown) => Buffer;
  responseDeserialize: (bytes: Buffer) => unknown;
} {
  return {
    requestSerialize: (message) => Buffer.from(request.encode(message)),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: (message) => Buffer.from(response.encode(message)),
    responseDeserialize: (bytes) => response.decode(bytes),
  };
}

describe('requests', () => {
  it('that are one message in place of many are refused', async () => {
    const text =
      'the requests of <path> are <type>; pass an array, a generator or another iterable';
    for (const interceptors of [[], [PASS]]) {
      const channel = running.channel(NOBODY, { interceptors });
      for (const [given, type] of [
        [{ id: 'x' }, 'an object'],
        [undefined, 'undefined'],
        [Promise.resolve([]), 'a promise'],
      ]) {
        const error = typeError(text, { path: PATH, type: String(type) });
        await assert.rejects(channel.clientStreaming(PATH, loose<Buffer[]>(given)), error);
        assert.throws(() => channel.bidiStreaming(PATH, loose<Buffer[]>(given)), error);
      }
    }
  });
});

describe('a handler', () => {
  const NO_MESSAGE =
    'the handler of <path> answered with a generator; the method takes one message, return it from an async function';
  const NO_STREAM =
    'the handler of <path> answered with <type>, not with a stream of messages; make it an async generator, async function*';
  const one = jsonMethod(PATH, 'unary');
  const rows: readonly (readonly [string, string, (server: Server) => unknown, Values?])[] = [
    [
      'unary, written as a generator',
      NO_MESSAGE,
      (server) =>
        server.unary(one, async function* () {
          yield {};
        }),
    ],
    [
      'clientStreaming, written as a generator',
      NO_MESSAGE,
      (server) =>
        server.clientStreaming(jsonMethod(PATH, 'clientStreaming'), function* () {
          yield {};
        }),
    ],
    [
      'serverStreaming, answering with one message',
      NO_STREAM,
      (server) => server.serverStreaming(PATH, () => loose({ id: 'x' })),
      { type: 'an object' },
    ],
    [
      'serverStreaming, answering with nothing',
      NO_STREAM,
      (server) => server.serverStreaming(PATH, () => loose(undefined)),
      { type: 'undefined' },
    ],
    [
      'bidiStreaming, written as an async function',
      NO_STREAM,
      (server) =>
        server.bidiStreaming(
          PATH,
          loose(async () => [X]),
        ),
      { type: 'a promise' },
    ],
  ];

  for (const [what, text, add, values] of rows) {
    it(`of ${what}, fails, and onHandlerError hears which it is`, async () => {
      for (const interceptors of [[], [SERVED]]) {
        const errors: unknown[] = [];
        const onHandlerError = (error: unknown): unknown => errors.push(error);
        const server = running.server({ interceptors, onHandlerError });
        add(server);
        const channel = await running.channelTo(server);
        const failure = await failureOf(channel.unary(PATH, Buffer.from('{}')));
        assert.deepEqual([failure.code, failure.details], [Status.INTERNAL, 'the handler failed']);
        assert.equal(errors.length, 1);
        const [error] = errors;
        assert.ok(error instanceof TypeError);
        assertListed(error.message, text, { path: PATH, ...values });
      }
    });
  }
});

describe('the signal of a call', () => {
  it('gives its reason to the error as cause, whenever it aborts', async () => {
    const server = running.server();
    server
      .unary(PATH, (_, { signal }) => once(signal, 'abort').then(() => X))
      .serverStreaming('/test.Misuse/Stream', async function* (_, { signal }) {
        yield X;
        await once(signal, 'abort');
      });
    for (const interceptors of [[], [PASS]]) {
      const channel = await running.channelTo(server, { interceptors });
      const reason = new Error('the user has left');
      const aborted = AbortSignal.abort(reason);
      const before = await failureOf(channel.unary(PATH, X, { signal: aborted }));
      assert.equal(before.code, Status.CANCELLED);
      assert.equal(before.cause, reason);
      const controller = new AbortController();
      const call = channel.unary(PATH, X, { signal: controller.signal });
      await channel.ready();
      controller.abort(reason);
      assert.equal((await failureOf(call)).cause, reason);
      const later = new AbortController();
      const stream = channel.serverStreaming('/test.Misuse/Stream', X, { signal: later.signal });
      await stream.next();
      later.abort('gone');
      const failure = await failureOf(messagesOf(stream));
      assert.equal(failure.cause, 'gone');
    }
  });

  it('gives none to a CANCELLED of the server', async () => {
    const server = running.server();
    const cancelled = new AbortController();
    server.handle(PATH, (call) => {
      call.end(Status.CANCELLED, 'by the server');
      return { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel() {} };
    });
    const channel = await running.channelTo(server);
    const onTrailer = (): void => cancelled.abort();
    const failure = await failureOf(
      channel.unary(PATH, X, { signal: cancelled.signal, onTrailer }),
    );
    assert.equal(failure.details, 'by the server');
    assert.equal(failure.cause, undefined);
  });
});
