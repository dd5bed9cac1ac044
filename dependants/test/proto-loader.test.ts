// @grpc/proto-loader and loadPackageDefinition on the drop-in: client and server by a .proto file read at run
// time. Types are those that ts-proto wrote of the same file; proto-loader writes none.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js';
import { load, loadSync, type PackageDefinition } from '@grpc/proto-loader';
import type { Offer, Order, OrdersClient, Receipt } from './gen/ts-proto/orders.ts';
import { assertFolderOnDropIn, DEPENDANTS } from './support/drop-in.ts';
import { localServer } from './support/local-server.ts';
import { ENDLESS, LOST, Orders, REFUSED } from './support/orders.ts';
import { drained, ended } from './support/outcome.ts';

const PROTO = join(DEPENDANTS, 'proto', 'orders.proto');

/** The loaded client has each method under two names. */
interface LoadedClient extends OrdersClient {
  readonly PlaceOrder: OrdersClient['placeOrder'];
}

function constructorOf(definition: PackageDefinition): ServiceClientConstructor {
  // What the .proto file says is there.
  const loaded = loadPackageDefinition(definition) as unknown as {
    readonly sluice: { readonly dependants: { readonly v1: { Orders: ServiceClientConstructor } } };
  };
  return loaded.sluice.dependants.v1.Orders;
}

async function started(t: TestContext): Promise<{ client: LoadedClient; orders: Orders }> {
  const Loaded = constructorOf(loadSync(PROTO));
  const orders = new Orders();
  const { address } = await localServer(t, (server) =>
    server.addService(Loaded.service, { ...orders.handlers }),
  );
  const client = new Loaded(address, credentials.createInsecure()) as unknown as LoadedClient;
  t.after(() => client.close());
  return { client, orders };
}

test('the loaded client is a client of the drop-in', () => {
  const grpc = assertFolderOnDropIn('node_modules/@grpc/proto-loader');
  const Loaded = constructorOf(loadSync(PROTO));
  const client = new Loaded('127.0.0.1:1', credentials.createInsecure());
  assert.ok(client instanceof grpc.Client);
  client.close();
  assert.equal(Loaded.serviceName, 'Orders');
  assert.deepEqual(Object.keys(Loaded.service), [
    'PlaceOrder',
    'WatchOrder',
    'PlaceOrders',
    'Haggle',
  ]);
});

test('messages are loaded beside their service, with their descriptors', () => {
  // What the .proto file says is there.
  const { sluice } = loadPackageDefinition(loadSync(PROTO)) as unknown as {
    readonly sluice: {
      readonly dependants: {
        readonly v1: { readonly Receipt: { readonly format: string; readonly type: unknown } };
      };
    };
  };
  const { Receipt } = sluice.dependants.v1;
  assert.equal(Receipt.format, 'Protocol Buffer 3 DescriptorProto');
  assert.equal((Receipt.type as { readonly name: string }).name, 'Receipt');
});

test('load and loadSync give the same service', async () => {
  const later = constructorOf(await load(PROTO));
  const now = constructorOf(loadSync(PROTO));
  assert.deepEqual(
    Object.values(later.service).map(({ path }) => path),
    Object.values(now.service).map(({ path }) => path),
  );
});

test('a unary call goes by both of its names', async (t) => {
  const { client } = await started(t);
  for (const method of ['placeOrder', 'PlaceOrder'] as const) {
    const metadata = new Metadata();
    metadata.set('caller', 'a test');
    const {
      error,
      reply,
      headers,
      status: end,
    } = await ended<Receipt>((done) =>
      client[method]({ item: 'nail', quantity: 3 }, metadata, done),
    );
    assert.equal(error, null);
    assert.deepEqual({ ...reply }, { orders: 1, quantity: 3, items: ['nail'] });
    assert.deepEqual(headers?.get('caller'), ['a test']);
    assert.equal(end.code, status.OK);
    assert.deepEqual(end.metadata.get('orders'), ['1']);
  }
});

test('options of the loader shape the messages', async (t) => {
  const Loaded = constructorOf(loadSync(PROTO, { defaults: true }));
  const { address } = await localServer(t, (server) =>
    server.addService(Loaded.service, { ...new Orders().handlers }),
  );
  const client = new Loaded(address, credentials.createInsecure()) as unknown as LoadedClient;
  t.after(() => client.close());
  const { reply } = await ended<Receipt>((done) =>
    client.placeOrder({ item: '', quantity: 0 }, done),
  );
  assert.deepEqual({ ...reply }, { orders: 1, quantity: 0, items: [''] });
});

test('a stream of replies comes in order, with its trailers', async (t) => {
  const { client } = await started(t);
  const {
    error,
    messages,
    status: end,
  } = await drained(client.watchOrder({ item: 'nail', steps: 100 }));
  assert.equal(error, null);
  assert.deepEqual(
    messages.map(({ step }) => step),
    Array.from({ length: 100 }, (_, index) => index + 1),
  );
  assert.deepEqual(end.metadata.get('steps'), ['100']);
});

test('a stream of requests has one reply', async (t) => {
  const { client } = await started(t);
  const { error, reply } = await ended<Receipt>((done) => {
    const call = client.placeOrders(done);
    for (const item of ['nail', 'screw']) call.write({ item, quantity: 4 });
    call.end();
    return call;
  });
  assert.equal(error, null);
  assert.deepEqual({ ...reply }, { orders: 2, quantity: 8, items: ['nail', 'screw'] });
});

test('both sides of a stream answer each other', async (t) => {
  const { client } = await started(t);
  const call = client.haggle();
  const heard: number[] = [];
  call.on('data', ({ cents }: Offer) => {
    heard.push(cents);
    if (cents > 25) call.write({ cents });
    else call.end();
  });
  call.write({ cents: 200 });
  const { error } = await drained(call);
  assert.equal(error, null);
  assert.deepEqual(heard, [100, 50, 25]);
});

test('an error has its code, its details and the metadata of the handler', async (t) => {
  const { client } = await started(t);
  const { error } = await ended((done) => client.placeOrder({ item: REFUSED, quantity: 1 }, done));
  assert.ok(error instanceof Error);
  assert.equal(error.code, status.INVALID_ARGUMENT);
  assert.equal(error.message, '3 INVALID_ARGUMENT: no refused');
  assert.deepEqual(error.metadata.get('reason'), ['out of stock']);
  assert.deepEqual(error.metadata.get('proof-bin'), [Buffer.from([0, 255, 1])]);
});

test('an error after messages lets them arrive first', async (t) => {
  const { client } = await started(t);
  const { error, messages } = await drained(client.watchOrder({ item: LOST, steps: 2 }));
  assert.equal(error?.code, status.DATA_LOSS);
  assert.equal(error?.details, 'lost after 2');
  assert.equal(messages.length, 2);
});

test('a request that cannot be written fails the call and not the program', async (t) => {
  const { client } = await started(t);
  // What a program without types may write.
  const order = null as unknown as Order;
  const { error } = await ended((done) => client.placeOrder(order, done));
  assert.equal(error?.code, status.INTERNAL);
  assert.match(error?.details ?? '', /^Request message serialization failure: /);
});

test('a method that the server does not implement is UNIMPLEMENTED', async (t) => {
  const Loaded = constructorOf(loadSync(PROTO));
  const { address } = await localServer(t, (server) =>
    server.addService(Loaded.service, { placeOrder: new Orders().handlers.placeOrder }),
  );
  const client = new Loaded(address, credentials.createInsecure()) as unknown as LoadedClient;
  t.after(() => client.close());
  const { error, messages } = await drained(client.watchOrder({ item: 'nail', steps: 1 }));
  assert.equal(error?.code, status.UNIMPLEMENTED);
  assert.equal(error?.details, 'The server does not implement the method WatchOrder');
  assert.deepEqual(messages, []);
});

test('cancel ends a call for its caller and tells its handler', async (t) => {
  const { client, orders } = await started(t);
  const told = once(orders.events, 'cancelled');
  const { error } = await ended((done) => {
    const call = client.placeOrder({ item: ENDLESS, quantity: 1 }, done);
    call.on('metadata', () => call.cancel());
    return call;
  });
  assert.equal(error?.code, status.CANCELLED);
  assert.deepEqual(await told, [ENDLESS]);
});
