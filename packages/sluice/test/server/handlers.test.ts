// What a handler can rely on, and what becomes of one that fails: its status, its context, its
// cancellation, and the pace of its stream.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  type Channel,
  Metadata,
  type Server,
  type ServerContext,
  type ServerOptions,
  Status,
  StatusError,
} from '#sluice/index.js';
import { failureOf, Running, type Signal, signal, textsOf } from '../support/running.js';

const PATH = '/test.Server/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A server that keeps what its handlers threw. */
function recording(options: ServerOptions = {}): { server: Server; errors: [string, unknown][] } {
  const errors: [string, unknown][] = [];
  const onHandlerError = (error: unknown, path: string): void => {
    errors.push([path, error]);
  };
  return { server: running.server({ ...options, onHandlerError }), errors };
}

async function resultOf(channel: Channel, kind: string): Promise<StatusError> {
  switch (kind) {
    case 'unary':
      return failureOf(channel.unary(PATH, X));
    case 'clientStreaming':
      return failureOf(channel.clientStreaming(PATH, [X]));
    case 'serverStreaming':
      return failureOf(textsOf(channel.serverStreaming(PATH, X)));
    default:
      return failureOf(textsOf(channel.bidiStreaming(PATH, [X])));
  }
}

describe('a handler that throws', () => {
  const thrown = new Error('secret of the server');
  const fails: readonly (readonly [string, string, (server: Server) => void])[] = [
    [
      'unary',
      'at once',
      (server) =>
        server.unary(PATH, () => {
          throw thrown;
        }),
    ],
    [
      'unary',
      'later',
      (server) =>
        server.unary(PATH, async () => {
          throw thrown;
        }),
    ],
    [
      'serverStreaming',
      'at once',
      (server) =>
        server.serverStreaming(PATH, () => {
          throw thrown;
        }),
    ],
    [
      'serverStreaming',
      'later',
      (server) =>
        server.serverStreaming(PATH, async function* () {
          yield X;
          throw thrown;
        }),
    ],
    [
      'clientStreaming',
      'at once',
      (server) =>
        server.clientStreaming(PATH, () => {
          throw thrown;
        }),
    ],
    [
      'clientStreaming',
      'later',
      (server) =>
        server.clientStreaming(PATH, async () => {
          throw thrown;
        }),
    ],
    [
      'bidiStreaming',
      'at once',
      (server) =>
        server.bidiStreaming(PATH, () => {
          throw thrown;
        }),
    ],
    [
      'bidiStreaming',
      'later',
      (server) =>
        server.bidiStreaming(PATH, async function* () {
          yield X;
          throw thrown;
        }),
    ],
  ];
  for (const [kind, when, add] of fails) {
    it(`${kind}, ${when}: INTERNAL without its text; onHandlerError hears it`, async () => {
      const { server, errors } = recording();
      add(server);
      const error = await resultOf(await running.channelTo(server), kind);
      assert.equal(error.code, Status.INTERNAL);
      assert.equal(error.details, 'the handler failed');
      assert.deepEqual(errors, [[PATH, thrown]]);
      assert.equal(server.stats().limits.handlers?.depth, 0);
    });
  }

  it('a StatusError: code, details and trailers pass, and nobody else hears of it', async () => {
    const { server, errors } = recording();
    server.unary(PATH, (_request, context) => {
      context.trailer.set('x-context', '1');
      const metadata = new Metadata([['x-error', '2']]);
      throw new StatusError(Status.PERMISSION_DENIED, 'not you', { metadata });
    });
    const channel = await running.channelTo(server);
    const error = await failureOf(channel.unary(PATH, X));
    assert.equal(error.code, Status.PERMISSION_DENIED);
    assert.equal(error.details, 'not you');
    assert.equal(error.metadata.get('x-context'), '1');
    assert.equal(error.metadata.get('x-error'), '2');
    assert.deepEqual(errors, []);
  });

  it('a StatusError with code OK is a failed handler', async () => {
    const { server, errors } = recording();
    server.unary(PATH, () => {
      throw new StatusError(Status.OK, 'odd');
    });
    const channel = await running.channelTo(server);
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.INTERNAL);
    assert.equal(errors.length, 1);
  });

  it('at the callback level: INTERNAL as well', async () => {
    const { server, errors } = recording();
    server.handle(PATH, () => {
      throw thrown;
    });
    const channel = await running.channelTo(server);
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.INTERNAL);
    assert.deepEqual(errors, [[PATH, thrown]]);
  });
});

describe('a handler that answers with the wrong type', () => {
  const wrong: readonly (readonly [string, unknown, string])[] = [
    ['text', 'text', 'string'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['an object', {}, 'object'],
  ];
  for (const [what, answer, type] of wrong) {
    it(`${what}: INTERNAL, and onHandlerError is told what was wrong`, async () => {
      const bytes = answer as Buffer;
      for (const add of [
        (server: Server) => server.unary(PATH, () => bytes),
        (server: Server) => server.unary(PATH, async () => bytes),
        (server: Server) => server.clientStreaming(PATH, () => bytes),
        (server: Server) => server.serverStreaming(PATH, () => [bytes]),
      ]) {
        const { server, errors } = recording();
        add(server);
        const channel = await running.channelTo(server);
        const error = await failureOf(channel.unary(PATH, X));
        assert.equal(error.code, Status.INTERNAL);
        assert.equal(
          String(errors[0]?.[1]),
          `TypeError: a response must be a Uint8Array, not ${type}`,
        );
      }
    });
  }

  it('no iterable where one is due', async () => {
    const { server, errors } = recording();
    server.serverStreaming(PATH, () => 7 as unknown as Buffer[]);
    const channel = await running.channelTo(server);
    const error = await failureOf(textsOf(channel.serverStreaming(PATH, X)));
    assert.equal(error.code, Status.INTERNAL);
    assert.equal(errors.length, 1);
  });
});

describe('the context of a handler', () => {
  async function contextOf(
    channel: Channel,
    server: Server,
    timeoutMs?: number,
  ): Promise<ServerContext> {
    const seen = signal<ServerContext>();
    server.unary(PATH, (request, context) => {
      seen.raise(context);
      return request;
    });
    const metadata = new Metadata([
      ['x-text', 'a'],
      ['x-text', 'b'],
      ['x-bytes-bin', Buffer.from([1, 2])],
    ]);
    await channel.unary(PATH, X, { metadata, timeoutMs });
    return seen.happened;
  }

  it('has path, authority, peer and metadata', async () => {
    const server = running.server();
    const { port } = await server.listen({ host: '127.0.0.1' });
    const channel = running.channel(`127.0.0.1:${port}`);
    const context = await contextOf(channel, server);
    assert.equal(context.path, PATH);
    assert.equal(context.authority, `127.0.0.1:${port}`);
    assert.equal(context.peer, channel.stats().connections[0]?.local);
    assert.deepEqual(context.metadata.getAll('x-text'), ['a', 'b']);
    assert.deepEqual(Buffer.from(context.metadata.get('x-bytes-bin') ?? ''), Buffer.from([1, 2]));
    assert.match(context.metadata.get('user-agent') ?? '', /^grpc-node-sluice/);
    assert.equal(context.metadata.has('te'), false);
  });

  it('has the deadline of the client, or none', async () => {
    const server = running.server();
    const channel = await running.channelTo(server);
    const before = Date.now();
    const context = await contextOf(channel, server, 60_000);
    const after = Date.now();
    const deadline = context.deadline?.getTime() ?? 0;
    // Two clocks are compared; they may differ by a little.
    assert.ok(deadline >= before + 59_900 && deadline <= after + 60_100, String(deadline - before));

    const other = running.server();
    const none = await contextOf(await running.channelTo(other), other);
    assert.equal(none.deadline, undefined);
  });

  it('is not aborted by the good end of its call', async () => {
    const server = running.server();
    const context = await contextOf(await running.channelTo(server), server);
    assert.equal(context.signal.aborted, false);
    assert.equal(context.cancelled, false);
  });

  it('sends headers once, and trailers with errors too', async () => {
    const { server } = recording();
    server.unary(PATH, (_request, context) => {
      context.sendHeader(new Metadata([['x-head', 'first']]));
      context.sendHeader(new Metadata([['x-head', 'again']]));
      context.trailer.append('x-trail', 't');
      throw new Error('fails all the same');
    });
    const channel = await running.channelTo(server);
    let head: readonly string[] = [];
    const onHeader = (header: Metadata): void => {
      head = header.getAll('x-head');
    };
    const error = await failureOf(channel.unary(PATH, X, { onHeader }));
    assert.deepEqual(head, ['first']);
    assert.equal(error.metadata.get('x-trail'), 't');
  });
});

describe('a call that ends without its handler', () => {
  const ends: readonly (readonly [string, (channel: Channel) => Promise<unknown>, RegExp])[] = [
    [
      'the client cancels',
      (channel) => {
        const controller = new AbortController();
        const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
        void started?.happened.then(() => controller.abort());
        return call;
      },
      /CANCEL/,
    ],
    [
      'the deadline passes',
      (channel) => failureOf(channel.unary(PATH, X, { timeoutMs: 100 })),
      /deadline|CANCEL/,
    ],
    [
      'the connection is lost',
      (channel) => {
        const call = failureOf(channel.unary(PATH, X));
        void started?.happened.then(() => channel.close());
        return call;
      },
      /closed/,
    ],
  ];
  let started: Signal | undefined;
  for (const [what, run, reason] of ends) {
    it(`${what}: the signal aborts with the reason, later answers are dropped`, async () => {
      const { server, errors } = recording();
      const begun = signal();
      started = begun;
      const over = signal<ServerContext>();
      server.unary(PATH, async (_request, context) => {
        begun.raise();
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
        over.raise(context);
        throw new Error('of no interest any more');
      });
      const channel = await running.channelTo(server);
      await run(channel);
      const context = await over.happened;
      assert.equal(context.cancelled, true);
      assert.match(String(context.signal.reason), reason);
      await new Promise(setImmediate);
      assert.deepEqual(errors, []);
      assert.equal(server.stats().limits.handlers?.depth, 0);
    });
  }

  it('a signal first asked for afterwards is aborted already', async () => {
    const server = running.server();
    const begun = signal();
    const release = signal();
    const aborted = signal<boolean>();
    server.unary(PATH, async (request, context) => {
      begun.raise();
      await release.happened;
      aborted.raise(context.signal.aborted);
      return request;
    });
    server.unary('/test.Server/Other', (request) => request);
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    await begun.happened;
    controller.abort();
    await call;
    await channel.unary('/test.Server/Other', X);
    release.raise();
    assert.equal(await aborted.happened, true);
  });

  it('ends the iteration over requests with CANCELLED', async () => {
    const { server } = recording();
    const begun = signal();
    const ended = signal<unknown>();
    server.clientStreaming(PATH, async (requests) => {
      try {
        for await (const _request of requests) begun.raise();
        return X;
      } catch (error) {
        ended.raise(error);
        throw error;
      }
    });
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const requests = async function* (): AsyncGenerator<Buffer> {
      yield X;
      await new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
    };
    const call = failureOf(
      channel.clientStreaming(PATH, requests(), { signal: controller.signal }),
    );
    await begun.happened;
    controller.abort();
    assert.equal((await call).code, Status.CANCELLED);
    const error = await ended.happened;
    assert.ok(error instanceof StatusError && error.code === Status.CANCELLED);
  });

  it('ends a generator that waits for room, by return()', async () => {
    const { server } = recording();
    const ended = signal();
    server.serverStreaming(PATH, async function* () {
      try {
        for (;;) yield Buffer.alloc(100_000);
      } finally {
        ended.raise();
      }
    });
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming(PATH, X);
    await stream.next();
    await stream.return?.();
    await ended.happened;
  });
});

describe('the callback level', () => {
  it('serves a call of any kind', async () => {
    const server = running.server().handle(PATH, (call, context) => {
      let received = 0;
      call.request(1);
      return {
        onMessage: (message) => {
          received += 1;
          call.send(message);
          call.request(1);
        },
        onHalfClose: () => {
          context.trailer.set('x-count', String(received));
          call.end(Status.OK);
        },
        onWritable: () => {},
        onCancel: () => call.end(Status.CANCELLED),
      };
    });
    const channel = await running.channelTo(server);
    let trailer: string | undefined;
    const stream = channel.bidiStreaming(PATH, [X, X, X], {
      onTrailer: (received) => {
        trailer = received.get('x-count');
      },
    });
    assert.deepEqual(await textsOf(stream), ['x', 'x', 'x']);
    assert.equal(trailer, '3');
  });

  it('hears that the client is gone, once', async () => {
    const begun = signal();
    const reasons: string[] = [];
    const gone = signal();
    const server = running.server().handle(PATH, (call) => {
      call.request(1);
      return {
        onMessage: () => begun.raise(),
        onHalfClose: () => {},
        onWritable: () => {},
        onCancel: (reason) => {
          reasons.push(reason);
          call.end(Status.CANCELLED);
          gone.raise();
        },
      };
    });
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    await begun.happened;
    controller.abort();
    await call;
    await gone.happened;
    assert.equal(reasons.length, 1);
    assert.equal(server.stats().limits.handlers?.depth, 0);
  });
});
