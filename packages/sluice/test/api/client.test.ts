// Typed clients over real sockets, in every pairing of the families of generated code; what they
// hand a channel; what their types refuse.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type CallInvoker, type Client, createClient } from '#sluice/api/client.js';
import { type CallOptions, type Channel, Metadata, type Server, Status } from '#sluice/index.js';
import type { ServiceHandlers } from '#sluice/server/service-handlers.js';
import type { AnyService } from '#sluice/service/any-service.js';
import { withMethodsOf } from '#sluice/service/protobuf-ts.js';
import { GetItemRequestSchema, type Item, OfferSchema, Shop } from '../gen/es/shop_pb.js';
import type { IShopClient } from '../gen/protobuf-ts/shop_pb.client.js';
import * as ProtobufTs from '../gen/protobuf-ts/shop_pb.js';
import { ShopDefinition } from '../gen/ts-proto/shop.js';
import { ShopService } from '../gen/ts-proto-grpc-js/shop.js';
import { failureOf, Running } from '../support/running.js';
import { type Family, families, loadedShop } from '../support/shop-families.js';

const running = new Running();

afterEach(() => running.end());

// Four methods in the messages of one family: an item, three of it, how many there were, an echo.
function serve(server: Server, family: Family): void {
  const [getItem = '', listItems = '', addItems = '', haggle = ''] = family.keys;
  const handlers = {
    [getItem](request: unknown): unknown {
      assert.equal(family.idOf(request), 'apple');
      return family.item;
    },
    async *[listItems](): AsyncIterable<unknown> {
      for (let i = 0; i < 3; i += 1) yield family.item;
    },
    async [addItems](requests: AsyncIterable<unknown>): Promise<unknown> {
      let items = 0;
      for await (const request of requests) if (family.idOf(request) === 'apple') items += 1;
      return family.summary(items);
    },
    async *[haggle](requests: AsyncIterable<unknown>): AsyncIterable<unknown> {
      yield* requests;
    },
  };
  // The types of the families have tests of their own; here only one name is different.
  server.add(family.service, handlers as ServiceHandlers<AnyService>);
}

/** A client whose methods are called by the position they have in the .proto file. */
interface UntypedClient {
  readonly [name: string]: (
    message: unknown,
    options?: CallOptions,
  ) => Promise<unknown> & AsyncIterable<unknown>;
}

function call(
  client: UntypedClient,
  name: string | undefined,
  message: unknown,
): Promise<unknown> & AsyncIterable<unknown> {
  const method = client[name ?? ''];
  assert.ok(method !== undefined);
  return method(message);
}

describe('a typed client', () => {
  for (const client of families) {
    for (const server of families) {
      it(`of ${client.name} calls all four kinds on a server of ${server.name}`, async () => {
        const listening = running.server();
        serve(listening, server);
        const channel = await running.channelTo(listening);
        const shop = createClient(client.service, channel) as unknown as UntypedClient;
        const [getItem, listItems, addItems, haggle] = client.keys;

        const item = await call(shop, getItem, client.request);
        assert.equal(client.idOf(item), 'apple');

        const ids: string[] = [];
        for await (const one of call(shop, listItems, { count: 3 })) ids.push(client.idOf(one));
        assert.deepEqual(ids, ['apple', 'apple', 'apple']);

        const summary = await call(shop, addItems, [client.item, client.item]);
        assert.equal(client.itemsOf(summary), 2);

        const offers: string[] = [];
        for await (const one of call(shop, haggle, [client.offer]))
          offers.push(client.offerOf(one));
        assert.deepEqual(offers, ['apple for 4000000000']);
      });
    }
  }

  it('of proto-loader has its methods under both of their names', async () => {
    const server = running.server();
    const family = families.find(({ service }) => service === loadedShop);
    assert.ok(family !== undefined);
    serve(server, family);
    const channel = await running.channelTo(server);
    const shop = createClient(loadedShop, channel);
    assert.equal(shop.GetItem, shop.getItem);
    const item: { id: string } = (await call(shop, 'getItem', { id: 'apple' })) as { id: string };
    assert.equal(item.id, 'apple');
  });

  it('takes messages and what messages are made of, and gives messages', async () => {
    const server = running.server();
    serve(server, families[0] as Family);
    const shop = createClient(Shop, await running.channelTo(server));
    const item: Item = await shop.getItem(create(GetItemRequestSchema, { id: 'apple' }));
    assert.deepEqual(await shop.getItem({ id: 'apple' }), item);
    assert.equal(item.$typeName, 'sluice.test.v1.Item');
    assert.deepEqual(item.picture, Uint8Array.of(0, 1, 254, 255));
    // @ts-expect-error a unary method takes one message
    assert.equal((await failureOf(shop.getItem(5))).code, Status.INTERNAL);
  });

  it('has its methods as enumerable functions of their own', async () => {
    const shop = createClient(Shop, running.channel('localhost:1'));
    assert.deepEqual(Object.keys(shop), ['getItem', 'listItems', 'addItems', 'haggle']);
    const { getItem } = shop;
    assert.equal(getItem, shop.getItem);
  });

  it('ends a call whose request cannot be encoded, before anything is sent', async () => {
    const channel = running.channel('localhost:1');
    const shop = createClient(Shop, channel);
    // @ts-expect-error a message of another type
    const error = await failureOf(shop.getItem(create(OfferSchema, {})));
    assert.equal(error.code, Status.INTERNAL);
    assert.match(
      error.details,
      /^cannot encode the request of \/sluice\.test\.v1\.Shop\/GetItem: ./,
    );
    assert.equal(channel.state, 'IDLE');
  });

  it('ends a call whose response cannot be decoded', async () => {
    const server = running.server();
    server.unary('/sluice.test.v1.Shop/GetItem', () => Buffer.of(0x0f));
    const shop = createClient(Shop, await running.channelTo(server));
    const error = await failureOf(shop.getItem({ id: 'apple' }));
    assert.equal(error.code, Status.INTERNAL);
    assert.match(
      error.details,
      /^cannot decode the response of \/sluice\.test\.v1\.Shop\/GetItem: ./,
    );
  });
});

describe('a typed server', () => {
  it('ends a call whose request cannot be decoded; no handler runs', async () => {
    const server = running.server().add(Shop, { getItem: () => assert.fail('it ran') });
    const channel = await running.channelTo(server);
    const error = await failureOf(channel.unary('/sluice.test.v1.Shop/GetItem', Buffer.of(0x0f)));
    assert.equal(error.code, Status.INTERNAL);
    assert.match(
      error.details,
      /^cannot decode the request of \/sluice\.test\.v1\.Shop\/GetItem: ./,
    );
  });

  it('ends a call whose response cannot be encoded, and reports it', async () => {
    const { server, errors } = running.recording();
    // @ts-expect-error a message of another type
    server.add(Shop, { getItem: () => create(OfferSchema, {}) });
    const shop = createClient(Shop, await running.channelTo(server));
    const error = await failureOf(shop.getItem({}));
    assert.equal(error.code, Status.INTERNAL);
    assert.equal(error.details, 'the handler failed');
    assert.deepEqual(
      errors.map(([path]) => path),
      ['/sluice.test.v1.Shop/GetItem'],
    );
  });
});

describe('createClient', () => {
  it('refuses what is no channel and what is no service', () => {
    const channel = running.channel('localhost:1');
    assert.throws(() => createClient(Shop, 'localhost:1' as unknown as Channel), {
      name: 'TypeError',
      message: 'createClient takes a service and a channel; make one with connect()',
    });
    assert.throws(
      () => createClient({} as typeof Shop, channel),
      /^TypeError: no service definition/,
    );
  });

  it('has exact types for each family', () => {
    const channel = running.channel('localhost:1');
    const es = createClient(Shop, channel);
    const tsProto = createClient(ShopDefinition, channel);
    const grpcJs = createClient(ShopService, channel);
    const protobufTs = createClient(withMethodsOf<IShopClient>(ProtobufTs.Shop), channel);
    // Never called: the compiler is the test.
    const wrong = [
      // @ts-expect-error a field of the wrong type
      () => es.getItem({ id: 1 }),
      // @ts-expect-error a stream of messages takes an iterable
      () => es.addItems({ id: '1' }),
      // @ts-expect-error a method that is not there
      () => es.noSuch({}),
      // @ts-expect-error an option that is not there
      () => es.getItem({}, { timeout: 1 }),
      // @ts-expect-error a field of the wrong type
      () => tsProto.getItem({ id: 1 }),
      // @ts-expect-error messages of the grpc-js form must be whole
      () => grpcJs.getItem({}),
      // @ts-expect-error a field of the wrong type
      () => protobufTs.getItem({ id: 1 }),
    ];
    const right = [
      (): Promise<{ readonly price?: { readonly cents: bigint } | undefined }> => es.getItem({}),
      (): AsyncIterable<Item> => es.listItems({ like: { id: '1' } }),
      (): Promise<{ items: number }> => tsProto.addItems([{ id: '1' }]),
      (): AsyncIterable<{ cents: number }> => grpcJs.haggle([{ itemId: '1', cents: 2 }]),
      (): Promise<{ totalCents: bigint }> => protobufTs.addItems([{ id: '1' }]),
    ];
    assert.equal(wrong.length + right.length, 12);
  });
});

/** Keeps the options of the calls it is asked for. */
function recorder(): { invoker: CallInvoker; seen: (CallOptions | undefined)[] } {
  const seen: (CallOptions | undefined)[] = [];
  const take = (options: CallOptions | undefined): never => {
    seen.push(options);
    return undefined as never;
  };
  const invoker: CallInvoker = {
    unary: (_method, _request, options) => take(options),
    serverStreaming: (_method, _request, options) => take(options),
    clientStreaming: (_method, _requests, options) => take(options),
    bidiStreaming: (_method, _requests, options) => take(options),
  };
  return { invoker, seen };
}

function all(shop: Client<typeof Shop>, options?: CallOptions): void {
  void shop.getItem({}, options);
  void shop.listItems({}, options);
  void shop.addItems([], options);
  void shop.haggle([], options);
}

describe('the defaults of a client', () => {
  it('cost nothing where there are none: the options of the call are passed on', () => {
    const { invoker, seen } = recorder();
    const shop = createClient(Shop, invoker);
    const options: CallOptions = { timeoutMs: 5 };
    all(shop, options);
    all(shop);
    assert.deepEqual(seen, [
      options,
      options,
      options,
      options,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    assert.ok(seen.slice(0, 4).every((one) => one === options));
  });

  it('are those of every call without options, as they were when the client was made', () => {
    const { invoker, seen } = recorder();
    const defaults = { timeoutMs: 7 };
    const shop = createClient(Shop, invoker, defaults);
    defaults.timeoutMs = 8;
    all(shop);
    assert.deepEqual(seen, [
      { timeoutMs: 7 },
      { timeoutMs: 7 },
      { timeoutMs: 7 },
      { timeoutMs: 7 },
    ]);
  });

  it('give way to what a call says, undefined included', () => {
    const { invoker, seen } = recorder();
    const shop = createClient(Shop, invoker, { timeoutMs: 7, waitForReady: true });
    void shop.getItem({}, { timeoutMs: undefined });
    assert.deepEqual(seen, [{ timeoutMs: undefined, waitForReady: true }]);
  });

  it('add their metadata to those of the call, whose values win', () => {
    const { invoker, seen } = recorder();
    const metadata = new Metadata({ tenant: ['a', 'b'], region: 'eu' });
    const shop = createClient(Shop, invoker, { metadata });
    void shop.getItem({}, { metadata: new Metadata({ tenant: 'c', trace: 't' }) });
    void shop.getItem({});
    assert.deepEqual(
      { ...seen[0]?.metadata?.toJSON() },
      { region: ['eu'], tenant: ['c'], trace: ['t'] },
    );
    assert.deepEqual({ ...seen[1]?.metadata?.toJSON() }, { tenant: ['a', 'b'], region: ['eu'] });
  });

  it('put their interceptors around those of the call', () => {
    const { invoker, seen } = recorder();
    const outer: NonNullable<CallOptions['interceptors']>[number] = (request, next) =>
      next(request);
    const inner: typeof outer = (request, next) => next(request);
    const shop = createClient(Shop, invoker, { interceptors: [outer] });
    void shop.getItem({}, { interceptors: [inner] });
    assert.deepEqual(seen[0]?.interceptors, [outer, inner]);
  });
});
