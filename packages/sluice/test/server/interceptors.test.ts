// What runs around handlers: in which order, for which calls, and what it may change.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import { type Channel, Metadata, type Server, Status, StatusError } from '#sluice/index.js';
import type { ServerInterceptor, ServerRequest } from '#sluice/server/interceptor.js';
import { failureOf, Running, signal, textsOf } from '../support/running.js';

const X = Buffer.from('x');
const Y = Buffer.from('y');
const KINDS = ['Unary', 'Server', 'Client', 'Bidi', 'Callbacks', 'Fallback'] as const;
type Kind = (typeof KINDS)[number];

const running = new Running();

afterEach(() => running.end());

/** Handlers of every kind that answer with what they are sent. */
function echoing(server: Server): Server {
  server
    .unary('/test.Echo/Unary', (request) => request)
    .serverStreaming('/test.Echo/Server', (request) => [request, request])
    .clientStreaming('/test.Echo/Client', async (requests) => {
      const all: Buffer[] = [];
      for await (const request of requests) all.push(request);
      return Buffer.concat(all);
    })
    .bidiStreaming('/test.Echo/Bidi', (requests) => requests);
  for (const add of ['handle', 'fallback'] as const) {
    const handler: Parameters<Server['fallback']>[0] = (call, context) => {
      call.request(1);
      return {
        onMessage(message) {
          call.send(message);
          call.request(1);
        },
        onHalfClose() {
          context.trailer.set('x-trailer', 'handler');
          call.end(Status.OK);
        },
        onWritable() {},
        onCancel() {
          call.end(Status.CANCELLED);
        },
      };
    };
    if (add === 'handle') server.handle('/test.Echo/Callbacks', handler);
    else server.fallback(handler);
  }
  return server;
}

/** Sends x, or x and y where many may be sent; answers with all texts in one. */
async function call(
  channel: Channel,
  kind: Kind,
  onTrailer?: (t: Metadata) => void,
): Promise<string> {
  const path = `/test.Echo/${kind}`;
  const options = onTrailer === undefined ? {} : { onTrailer };
  switch (kind) {
    case 'Unary':
      return String(await channel.unary(path, X, options));
    case 'Server':
      return (await textsOf(channel.serverStreaming(path, X, options))).join('');
    case 'Client':
      return String(await channel.clientStreaming(path, [X, Y], options));
    default:
      return (await textsOf(channel.bidiStreaming(path, [X, Y], options))).join('');
  }
}

const ANSWERS: Record<Kind, string> = {
  Unary: 'x',
  Server: 'xx',
  Client: 'xy',
  Bidi: 'xy',
  Callbacks: 'xy',
  Fallback: 'xy',
};

async function* upper(messages: AsyncIterable<unknown>): AsyncGenerator<Buffer, void, undefined> {
  for await (const message of messages) yield Buffer.from(String(message).toUpperCase());
}

describe('interceptors', () => {
  for (const kind of KINDS) {
    it(`${kind}: run around the handler, the first outermost, and see method and context`, async () => {
      const seen: string[] = [];
      const tracing =
        (name: string): ServerInterceptor =>
        async (request, next) => {
          assert.equal(request.context.metadata.get('user-agent')?.slice(0, 4), 'grpc');
          assert.equal(request.stream, kind !== 'Unary');
          seen.push(`${name} ${request.method.path}`);
          const response = await next(request);
          response.trailer.append('x-seen', name);
          response.header.append('x-head', name);
          seen.push(name);
          return response;
        };
      const server = running.server({ interceptors: [tracing('outer'), tracing('inner')] });
      const channel = await running.channelTo(echoing(server));
      let trailer = new Metadata();
      const answer = await call(channel, kind, (received) => {
        trailer = received;
      });
      assert.equal(answer, ANSWERS[kind]);
      const path = `/test.Echo/${kind}`;
      assert.deepEqual(seen, [`outer ${path}`, `inner ${path}`, 'inner', 'outer']);
      assert.deepEqual(trailer.getAll('x-seen'), ['inner', 'outer']);
      assert.equal(
        trailer.get('x-trailer'),
        kind === 'Callbacks' || kind === 'Fallback' ? 'handler' : undefined,
      );
      assert.equal(server.stats().limits['total-handlers']?.depth, 0);
    });

    it(`${kind}: a StatusError turns the call away before its handler`, async () => {
      const refuse: ServerInterceptor = async () => {
        const metadata = new Metadata([['x-why', 'no token']]);
        throw new StatusError(Status.UNAUTHENTICATED, 'who are you?', { metadata });
      };
      const { errors, onHandlerError } = recorder();
      const server = running.server({ interceptors: [refuse], onHandlerError });
      const channel = await running.channelTo(echoing(server));
      const error = await failureOf(call(channel, kind));
      assert.equal(error.code, Status.UNAUTHENTICATED);
      assert.equal(error.details, 'who are you?');
      assert.equal(error.metadata.get('x-why'), 'no token');
      assert.deepEqual(errors, []);
    });

    it(`${kind}: another error is INTERNAL without its text; onHandlerError hears it`, async () => {
      const broken = new Error('secret');
      const { errors, onHandlerError } = recorder();
      const fail: ServerInterceptor = () => {
        throw broken;
      };
      const server = running.server({ interceptors: [fail], onHandlerError });
      const error = await failureOf(call(await running.channelTo(echoing(server)), kind));
      assert.equal(error.code, Status.INTERNAL);
      assert.equal(error.details, 'the handler failed');
      assert.deepEqual(errors, [broken]);
    });

    it(`${kind}: requests and responses may be changed`, async () => {
      const shout: ServerInterceptor = async (request, next) => {
        const changed: ServerRequest = request.stream
          ? { ...request, message: upper(request.message) }
          : { ...request, message: Buffer.from('X') };
        const response = await next(changed);
        const trailer = new Metadata([['x-mine', '1']]);
        return response.stream
          ? { ...response, trailer, message: marked(response.message) }
          : { ...response, trailer, message: Buffer.from(`${response.message}.`) };
      };
      async function* marked(messages: AsyncIterable<unknown>): AsyncGenerator<Buffer> {
        for await (const message of messages) yield Buffer.from(`${message}.`);
      }
      const server = running.server({ interceptors: [shout] });
      let mine: string | undefined;
      const answer = await call(await running.channelTo(echoing(server)), kind, (trailer) => {
        mine = trailer.get('x-mine');
      });
      const expected: Record<Kind, string> = {
        Unary: 'X.',
        Server: 'X.X.',
        Client: 'XY.',
        Bidi: 'X.Y.',
        Callbacks: 'X.Y.',
        Fallback: 'X.Y.',
      };
      assert.equal(answer, expected[kind]);
      assert.equal(mine, '1');
    });
  }

  it('may answer by themselves', async () => {
    const server = running.server({
      interceptors: [
        async ({ context, stream }) => {
          const { header, trailer } = context;
          return stream
            ? { stream, header, trailer, message: upper(twice()) }
            : { stream, header, trailer, message: Y };
        },
      ],
    });
    async function* twice(): AsyncGenerator<string> {
      yield 'a';
      yield 'b';
    }
    const channel = await running.channelTo(echoing(server));
    assert.equal(await call(channel, 'Unary'), 'y');
    assert.equal(await call(channel, 'Bidi'), 'AB');
  });

  it('are those the server was made with: the list is its own', async () => {
    const interceptors: ServerInterceptor[] = [async (request, next) => next(request)];
    const server = running.server({ interceptors });
    const channel = await running.channelTo(echoing(server));
    interceptors.pop();
    interceptors.push(() => {
      throw new StatusError(Status.UNAUTHENTICATED, 'too late');
    });
    for (const kind of KINDS) assert.equal(await call(channel, kind), ANSWERS[kind]);
  });

  it('that answer with the wrong shape are an error of the server, which says so', async () => {
    const { errors, onHandlerError } = recorder();
    const server = running.server({
      onHandlerError,
      interceptors: [
        async ({ context }) => {
          const { header, trailer } = context;
          return context.method.kind === 'unary'
            ? { stream: true, header, trailer, message: upper(nothing()) }
            : context.method.kind === 'clientStreaming'
              ? { stream: true, header, trailer, message: upper(nothing()) }
              : { stream: false, header, trailer, message: X };
        },
      ],
    });
    async function* nothing(): AsyncGenerator<string> {}
    const channel = await running.channelTo(echoing(server));
    for (const kind of ['Unary', 'Client', 'Bidi'] as const) {
      assert.equal((await failureOf(call(channel, kind))).code, Status.INTERNAL);
    }
    assert.deepEqual(errors.map(String), [
      'TypeError: an interceptor answered with a stream for /test.Echo/Unary, which is unary',
      'TypeError: an interceptor answered with 0 messages for /test.Echo/Client; it takes one',
      'TypeError: an interceptor answered with a single message for /test.Echo/Bidi, which is bidiStreaming',
    ]);
  });

  it('read nothing ahead of the client, and hear that it has gone', async () => {
    let made = 0;
    const over = signal();
    const server = running.server({ interceptors: [async (request, next) => next(request)] });
    server.serverStreaming('/test.Echo/Much', async function* () {
      try {
        for (;;) {
          made += 1;
          yield Buffer.alloc(50_000);
        }
      } finally {
        over.raise();
      }
    });
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming('/test.Echo/Much', X);
    await stream.next();
    // Windows and quotas of one stream, and no more.
    assert.ok(made < 20, String(made));
    await stream.return?.();
    await over.happened;
  });
});

describe('a callback handler behind an interceptor', () => {
  const pass: ServerInterceptor = async (request, next) => next(request);

  it('hears of a client that goes away, and what it ends with is of no interest', async () => {
    const begun = signal();
    const gone = signal<string>();
    const { errors, onHandlerError } = recorder();
    const server = running.server({ interceptors: [pass], onHandlerError });
    server.handle('/test.Echo/Hang', (call) => {
      call.request(1);
      return {
        onMessage: () => begun.raise(),
        onHalfClose() {},
        onWritable() {},
        onCancel(reason) {
          call.end(Status.CANCELLED);
          gone.raise(reason);
        },
      };
    });
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const failure = failureOf(channel.unary('/test.Echo/Hang', X, { signal: controller.signal }));
    await begun.happened;
    controller.abort();
    await failure;
    assert.equal(await gone.happened, 'the peer reset the stream with CANCEL');
    while (server.stats().limits['total-handlers']?.depth !== 0) await new Promise(setImmediate);
    assert.deepEqual(errors, []);
  });

  it('hears that its call is over when an interceptor answers in its place', async () => {
    const { errors, onHandlerError } = recorder();
    const refuse: ServerInterceptor = async (request, next) => {
      const { header, trailer } = await next(request);
      if (request.method.path.endsWith('Throw')) throw new StatusError(Status.ABORTED, 'no');
      return { stream: true, header, trailer, message: upper(Readable.from(['own'])) };
    };
    const server = running.server({ interceptors: [refuse], onHandlerError });
    let begun = 0;
    const over: string[] = [];
    server.fallback((call) => {
      begun += 1;
      return {
        onMessage() {},
        onHalfClose() {},
        onWritable() {},
        onCancel(reason) {
          over.push(reason);
          call.end(Status.CANCELLED);
        },
      };
    });
    const channel = await running.channelTo(server);
    assert.equal(String(await channel.unary('/test.Echo/Answer', X)), 'OWN');
    assert.equal((await failureOf(channel.unary('/test.Echo/Throw', X))).code, Status.ABORTED);
    assert.equal(begun, 2);
    assert.deepEqual(over, Array(2).fill('the responses are not wanted any more'));
    assert.deepEqual(errors, []);
  });

  it('hears of it when the requests that an interceptor hands on fail', async () => {
    const { errors, onHandlerError } = recorder();
    const broken = new Error('secret');
    async function* failing(): AsyncGenerator<Buffer> {
      yield X;
      throw broken;
    }
    const fail: ServerInterceptor = async (request, next) =>
      next(request.stream ? { ...request, message: failing() } : request);
    const server = running.server({ interceptors: [fail], onHandlerError });
    const over = signal<string>();
    server.handle('/test.Echo/Callbacks', (call) => {
      call.request(2);
      return { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel: over.raise };
    });
    const channel = await running.channelTo(server);
    const error = await failureOf(channel.unary('/test.Echo/Callbacks', X));
    assert.equal(error.code, Status.INTERNAL);
    assert.equal(await over.happened, 'the requests cannot be read any further');
    assert.deepEqual(errors, [broken]);
  });

  it('has backpressure: told to wait, and when to go on', async () => {
    let waits = 0;
    const server = running.server({ interceptors: [pass] });
    server.handle('/test.Echo/Much', (call) => {
      let left = 100;
      const write = (): void => {
        while (left > 0) {
          left -= 1;
          if (!call.send(Buffer.alloc(20_000))) {
            waits += 1;
            return;
          }
        }
        call.end(Status.OK);
      };
      call.request(1);
      return { onMessage() {}, onHalfClose: write, onWritable: write, onCancel() {} };
    });
    const channel = await running.channelTo(server);
    let bytes = 0;
    for await (const message of channel.serverStreaming('/test.Echo/Much', X)) {
      bytes += message.length;
    }
    assert.equal(bytes, 2_000_000);
    assert.ok(waits > 5, String(waits));
  });

  it('that writes on all the same is ended with RESOURCE_EXHAUSTED', async () => {
    const told = signal<string>();
    const server = running.server({ interceptors: [pass] });
    server.handle('/test.Echo/Flood', (call) => ({
      onMessage() {},
      onHalfClose() {
        for (let i = 0; i < 100; i += 1) call.send(Buffer.alloc(100_000));
      },
      onWritable() {},
      onCancel: told.raise,
    }));
    const channel = await running.channelTo(server);
    const error = await failureOf(textsOf(channel.bidiStreaming('/test.Echo/Flood', [])));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /^refused by the queued-bytes limit: /);
    assert.equal(await told.happened, error.details);
  });

  it('whose callback throws ends its call with INTERNAL', async () => {
    const { errors, onHandlerError } = recorder();
    const server = running.server({ interceptors: [pass], onHandlerError });
    const broken = new Error('secret');
    server.handle('/test.Echo/Broken', (call) => {
      call.request(1);
      return {
        onMessage() {
          throw broken;
        },
        onHalfClose() {},
        onWritable() {},
        onCancel() {},
      };
    });
    const channel = await running.channelTo(server);
    assert.equal((await failureOf(channel.unary('/test.Echo/Broken', X))).code, Status.INTERNAL);
    assert.deepEqual(errors, [broken]);
  });
});

function recorder(): { errors: unknown[]; onHandlerError: (error: unknown) => void } {
  const errors: unknown[] = [];
  return { errors, onHandlerError: (error) => errors.push(error) };
}
