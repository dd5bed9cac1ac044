// What becomes of a handler that fails or answers with the wrong type, and what its context has.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  type Channel,
  Metadata,
  type Server,
  type ServerContext,
  Status,
  StatusError,
} from '#sluice/index.js';
import { failureOf, Running, signal, textsOf } from '../support/running.js';

const PATH = '/test.Server/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

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
      const { server, errors } = running.recording();
      add(server);
      const error = await resultOf(await running.channelTo(server), kind);
      assert.equal(error.code, Status.INTERNAL);
      assert.equal(error.details, 'the handler failed');
      assert.deepEqual(errors, [[PATH, thrown]]);
      assert.equal(server.stats().limits.handlers?.depth, 0);
    });
  }

  it('a StatusError: code, details and trailers pass, and nobody else hears of it', async () => {
    const { server, errors } = running.recording();
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
    const { server, errors } = running.recording();
    server.unary(PATH, () => {
      throw new StatusError(Status.OK, 'odd');
    });
    const channel = await running.channelTo(server);
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.INTERNAL);
    assert.equal(errors.length, 1);
  });

  it('at the callback level: INTERNAL as well', async () => {
    const { server, errors } = running.recording();
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
        const { server, errors } = running.recording();
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
    const { server, errors } = running.recording();
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
    assert.equal(context.peer.address, channel.stats().connections[0]?.local);
    assert.equal(String(context.peer), context.peer.address);
    assert.deepEqual(
      [context.peer.encrypted, context.peer.authorized, context.peer.certificate],
      [false, false, undefined],
    );
    assert.equal(context.method.path, PATH);
    assert.equal(context.method.kind, 'unary');
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
    const { server } = running.recording();
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
