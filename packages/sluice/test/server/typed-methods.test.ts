// Methods with codecs on a server: one by one, and a service's at once.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Codec, Method, MethodKind } from '#sluice/grpc/method.js';
import { type Server, type ServerContext, Status } from '#sluice/index.js';
import type { ServiceHandlers } from '#sluice/server/service-handlers.js';
import type { GrpcJsService } from '#sluice/service/grpc-js.js';
import { Shop } from '../gen/es/shop_pb.js';
import { failureOf, Running, textsOf } from '../support/running.js';

const SHOP = '/sluice.test.v1.Shop';

interface Count {
  readonly count: number;
}

/** Messages as JSON; what is no count cannot be decoded, and a negative one not encoded. */
const countCodec: Codec<Count> = {
  encode(message) {
    if (message.count < 0) throw new Error('a count below 0');
    return Buffer.from(JSON.stringify(message));
  },
  decode(bytes) {
    const value: unknown = JSON.parse(String(bytes));
    if (typeof value === 'object' && value !== null && 'count' in value) {
      return { count: Number(value.count) };
    }
    throw new Error('no count');
  },
};

function method(kind: MethodKind): Method<Count, Count> {
  return { path: `/test.Typed/${kind}`, kind, request: countCodec, response: countCodec };
}

function bytes(count: number): Buffer {
  return Buffer.from(`{"count":${count}}`);
}

const running = new Running();

afterEach(() => running.end());

/** Serves each kind: one more than it was sent, in each message or in all. */
function counting(server: Server): Server {
  return server
    .unary(method('unary'), async ({ count }) => ({ count: count + 1 }))
    .serverStreaming(method('serverStreaming'), function* ({ count }) {
      for (let i = 0; i < 2; i += 1) yield { count: count + i };
    })
    .clientStreaming(method('clientStreaming'), async (requests) => {
      let sum = 0;
      for await (const { count } of requests) sum += count;
      return { count: sum };
    })
    .bidiStreaming(method('bidiStreaming'), async function* (requests) {
      for await (const { count } of requests) yield { count: count - 1 };
    });
}

describe('a method with codecs', () => {
  it('of each kind is given and answers messages', async () => {
    const channel = await running.channelTo(counting(running.server()));
    assert.equal(String(await channel.unary('/test.Typed/unary', bytes(1))), '{"count":2}');
    const stream = channel.serverStreaming('/test.Typed/serverStreaming', bytes(1));
    assert.deepEqual(await textsOf(stream), ['{"count":1}', '{"count":2}']);
    const sum = await channel.clientStreaming('/test.Typed/clientStreaming', [bytes(2), bytes(3)]);
    assert.equal(String(sum), '{"count":5}');
    const both = channel.bidiStreaming('/test.Typed/bidiStreaming', [bytes(2), bytes(3)]);
    assert.deepEqual(await textsOf(both), ['{"count":1}', '{"count":2}']);
  });

  for (const kind of ['unary', 'serverStreaming', 'clientStreaming', 'bidiStreaming'] as const) {
    it(`${kind}: a request that cannot be decoded is INTERNAL and says why`, async () => {
      const { server, errors } = running.recording();
      const channel = await running.channelTo(counting(server));
      const call = channel.bidiStreaming(`/test.Typed/${kind}`, [Buffer.from('{}')]);
      const error = await failureOf(textsOf(call));
      assert.equal(error.code, Status.INTERNAL);
      assert.equal(error.details, `cannot decode the request of /test.Typed/${kind}: no count`);
      await new Promise(setImmediate);
      assert.deepEqual(errors, []);
      assert.equal(server.stats().limits['total-handlers']?.depth, 0);
    });

    it(`${kind}: a response that cannot be encoded is a failed handler`, async () => {
      const { server, errors } = running.recording();
      const bad = { count: -1 };
      server
        .unary(method('unary'), () => bad)
        .serverStreaming(method('serverStreaming'), () => [bad])
        .clientStreaming(method('clientStreaming'), async () => bad)
        .bidiStreaming(method('bidiStreaming'), () => [bad]);
      const channel = await running.channelTo(server);
      const error = await failureOf(
        textsOf(channel.bidiStreaming(`/test.Typed/${kind}`, [bytes(1)])),
      );
      assert.equal(error.code, Status.INTERNAL);
      assert.equal(error.details, 'the handler failed');
      assert.deepEqual(errors.map(String), [`/test.Typed/${kind},Error: a count below 0`]);
    });
  }

  it('that is registered as another kind is a TypeError', () => {
    assert.throws(() => running.server().unary(method('bidiStreaming'), (request) => request), {
      name: 'TypeError',
      message: '/test.Typed/bidiStreaming is bidiStreaming; it cannot be registered as unary',
    });
  });
});

describe('a service', () => {
  it('is served by the methods of a plain object, in all kinds', async () => {
    const server = running.server().add(Shop, {
      getItem: (request) => ({ id: `${request.id}!` }),
      async *listItems({ count }) {
        for (let i = 0; i < count; i += 1) yield { id: String(i) };
      },
      async addItems(items) {
        let count = 0;
        for await (const _item of items) count += 1;
        return { items: count };
      },
      async *haggle(offers) {
        for await (const { itemId } of offers) yield { itemId: `${itemId}?` };
      },
    });
    const channel = await running.channelTo(server);
    const id = (text: string): Buffer =>
      Buffer.from(`\n${String.fromCharCode(text.length)}${text}`);
    assert.deepEqual(await channel.unary(`${SHOP}/GetItem`, id('a')), id('a!'));
    const items = channel.serverStreaming(`${SHOP}/ListItems`, Buffer.from([8, 2]));
    assert.deepEqual(await textsOf(items), ['\n\x010', '\n\x011']);
    const summary = await channel.clientStreaming(`${SHOP}/AddItems`, [id('a'), id('b'), id('c')]);
    assert.deepEqual([...summary], [8, 3]);
    const offers = channel.bidiStreaming(`${SHOP}/Haggle`, [id('a')]);
    assert.deepEqual(await textsOf(offers), ['\n\x02a?']);
    assert.deepEqual(server.services, [Shop]);
  });

  it('is served by an instance of a class, which stays its `this`', async () => {
    class Shelf implements ServiceHandlers<typeof Shop> {
      #asked = 0;

      getItem(_request: object, context: ServerContext): { id: string } {
        this.#asked += 1;
        return { id: `${this.#asked} ${context.method.kind}` };
      }

      /** Of no interest to the server. */
      clear(): void {
        this.#asked = 0;
      }
    }
    const channel = await running.channelTo(running.server().add(Shop, new Shelf()));
    await channel.unary(`${SHOP}/GetItem`, Buffer.of());
    const second = await channel.unary(`${SHOP}/GetItem`, Buffer.of());
    assert.match(String(second), /2 unary$/);
  });

  it('whose types do not tell its kinds takes handlers by either name', async () => {
    const definition: GrpcJsService = {
      SayHello: {
        path: '/test.Greeter/SayHello',
        requestStream: false,
        responseStream: false,
        requestSerialize: countCodec.encode,
        requestDeserialize: countCodec.decode,
        responseSerialize: countCodec.encode,
        responseDeserialize: countCodec.decode,
        originalName: 'sayHello',
      },
    };
    for (const name of ['SayHello', 'sayHello']) {
      const server = running.server().add(definition, {
        [name]: ({ count }: Count) => ({ count: count + 1 }),
      });
      const channel = await running.channelTo(server);
      assert.equal(String(await channel.unary('/test.Greeter/SayHello', bytes(1))), '{"count":2}');
    }
  });

  it('answers UNIMPLEMENTED where it has no handler', async () => {
    const server = running.server().add(Shop, { getItem: () => ({}) });
    const channel = await running.channelTo(server);
    const error = await failureOf(channel.unary(`${SHOP}/Haggle`, Buffer.of()));
    assert.equal(error.code, Status.UNIMPLEMENTED);
    assert.equal(error.details, `unknown method ${SHOP}/Haggle`);
  });

  it('refuses names that it does not have, handlers that are none, and paths that are taken', () => {
    const server = running.server();
    const names = 'getItem, listItems, addItems, haggle';
    const misspelt = { getItm: () => ({}) } as object;
    assert.throws(() => server.add(Shop, misspelt), {
      name: 'TypeError',
      message: `the service has no method getItm; it has ${names}`,
    });
    assert.throws(() => server.add(Shop, new (class Empty {})()), {
      name: 'TypeError',
      message: `no method of the service has a handler; it has ${names}`,
    });
    const noFunction = { getItem: 'yes' } as object;
    assert.throws(() => server.add(Shop, noFunction), {
      name: 'TypeError',
      message: 'the handler of getItem is string; it must be a function',
    });
    server.unary(`${SHOP}/Haggle`, (request) => request);
    const both = { getItem: () => ({}), haggle: () => [] };
    assert.throws(() => server.add(Shop, both), {
      message: `${SHOP}/Haggle has a handler already`,
    });
    // Nothing of it was added.
    server.unary(`${SHOP}/GetItem`, (request) => request);
    assert.deepEqual(server.services, []);
  });

  it('has the types of its definition', () => {
    const server = running.server();
    // @ts-expect-error the service has no method of this name
    assert.throws(() => server.add(Shop, { nothing: () => ({}) }));
    server.add(Shop, {
      // @ts-expect-error an id is text
      getItem: () => ({ id: 1 }),
      listItems: (request) => {
        // @ts-expect-error the request has no such field
        assert.equal(request.nothing, undefined);
        return [];
      },
      // @ts-expect-error a streaming method answers with an iterable
      haggle: () => ({}),
    });
  });
});
