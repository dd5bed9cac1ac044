// What ts-proto writes for @grpc/grpc-js (outputServices=grpc-js) on the drop-in: a server by the definition
// it wrote, a client by the constructor it made. The code is test/gen/ts-proto, by proto/generate.mjs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { credentials, Metadata, status } from '@grpc/grpc-js';
import { type Offer, OrdersClient, OrdersService } from './gen/ts-proto/orders.ts';
import { assertFolderOnDropIn } from './support/drop-in.ts';
import { localServer } from './support/local-server.ts';
import { ENDLESS, LOST, Orders, REFUSED } from './support/orders.ts';
import { drained, ended } from './support/outcome.ts';

async function started(t: TestContext): Promise<{ client: OrdersClient; orders: Orders }> {
  const orders = new Orders();
  const { address } = await localServer(t, (server) =>
    server.addService(OrdersService, orders.handlers),
  );
  const client = new OrdersClient(address, credentials.createInsecure());
  t.after(() => client.close());
  return { client, orders };
}

test('the generated client is a client of the drop-in', () => {
  const grpc = assertFolderOnDropIn('dist-test/gen/ts-proto');
  const client = new OrdersClient('127.0.0.1:1', credentials.createInsecure());
  assert.ok(client instanceof grpc.Client);
  client.close();
  assert.equal(OrdersClient.serviceName, 'sluice.dependants.v1.Orders');
  assert.equal(OrdersClient.service, OrdersService);
});

test('a unary call carries its metadata there, and headers, reply and trailers back', async (t) => {
  const { client } = await started(t);
  const metadata = new Metadata();
  metadata.set('caller', 'a test');
  metadata.set('token-bin', Buffer.from([0, 255]));
  const {
    error,
    reply,
    headers,
    status: end,
  } = await ended((done) => client.placeOrder({ item: 'nail', quantity: 3 }, metadata, done));
  assert.equal(error, null);
  assert.deepEqual(reply, { orders: 1, quantity: 3, items: ['nail'] });
  assert.deepEqual(headers?.get('caller'), ['a test']);
  assert.deepEqual(headers?.get('token-bin'), [Buffer.from([0, 255])]);
  assert.equal(end.code, status.OK);
  assert.deepEqual(end.metadata.get('orders'), ['1']);
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
    messages,
    Array.from({ length: 100 }, (_, index) => ({ item: 'nail', step: index + 1 })),
  );
  assert.deepEqual(end.metadata.get('steps'), ['100']);
});

test('a stream of replies is an async iterable', async (t) => {
  const { client } = await started(t);
  const steps: number[] = [];
  for await (const { step } of client.watchOrder({ item: 'nail', steps: 3 })) steps.push(step);
  assert.deepEqual(steps, [1, 2, 3]);
});

test('a stream of requests has one reply', async (t) => {
  const { client } = await started(t);
  const { error, reply } = await ended((done) => {
    const call = client.placeOrders(done);
    call.write({ item: 'nail', quantity: 2 });
    call.write({ item: 'screw', quantity: 5 });
    call.end();
    return call;
  });
  assert.equal(error, null);
  assert.deepEqual(reply, { orders: 2, quantity: 7, items: ['nail', 'screw'] });
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
  const {
    error,
    reply,
    status: end,
  } = await ended((done) => client.placeOrder({ item: REFUSED, quantity: 1 }, done));
  assert.ok(error instanceof Error);
  assert.equal(error.code, status.INVALID_ARGUMENT);
  assert.equal(error.details, 'no refused');
  assert.equal(error.message, '3 INVALID_ARGUMENT: no refused');
  assert.deepEqual(error.metadata.get('reason'), ['out of stock']);
  assert.deepEqual(error.metadata.get('proof-bin'), [Buffer.from([0, 255, 1])]);
  assert.equal(reply, undefined);
  assert.equal(end.code, status.INVALID_ARGUMENT);
});

test('an error after messages lets them arrive first', async (t) => {
  const { client } = await started(t);
  const { error, messages } = await drained(client.watchOrder({ item: LOST, steps: 2 }));
  assert.equal(error?.code, status.DATA_LOSS);
  assert.equal(error?.details, 'lost after 2');
  assert.deepEqual(
    messages.map(({ step }) => step),
    [1, 2],
  );
});

test('an error in the middle of a conversation ends both sides of it', async (t) => {
  const { client } = await started(t);
  const call = client.haggle();
  call.write({ cents: -5 });
  const { error } = await drained(call);
  assert.equal(error?.code, status.OUT_OF_RANGE);
  assert.equal(error?.details, '-5 cents');
});

test('the deadline of a call reaches the handler, and ends a call that has no reply', async (t) => {
  const { client, orders } = await started(t);
  const later = Date.now() + 60_000;
  const options = { deadline: later };
  const { error } = await ended((done) =>
    client.placeOrder({ item: 'nail', quantity: 1 }, new Metadata(), options, done),
  );
  assert.equal(error, null);
  const [deadline] = orders.deadlines;
  assert.ok(deadline !== undefined && Math.abs(Number(deadline) - later) < 60_000);

  const { error: late } = await ended((done) =>
    client.placeOrder(
      { item: ENDLESS, quantity: 1 },
      new Metadata(),
      { deadline: Date.now() + 50 },
      done,
    ),
  );
  assert.equal(late?.code, status.DEADLINE_EXCEEDED);
  assert.match(late?.details ?? '', /^Deadline exceeded after /);
});

test('cancel ends a unary call for its caller and tells its handler', async (t) => {
  const { client, orders } = await started(t);
  const told = once(orders.events, 'cancelled');
  const { error } = await ended((done) => {
    const call = client.placeOrder({ item: ENDLESS, quantity: 1 }, done);
    call.on('metadata', () => call.cancel());
    return call;
  });
  assert.equal(error?.code, status.CANCELLED);
  assert.equal(error?.details, 'Cancelled on client');
  assert.deepEqual(await told, [ENDLESS]);
});

test('cancel ends a stream of replies for its caller and tells its handler', async (t) => {
  const { client, orders } = await started(t);
  const told = once(orders.events, 'cancelled');
  const call = client.watchOrder({ item: ENDLESS, steps: 0 });
  call.once('data', () => call.cancel());
  const { error } = await drained(call);
  assert.equal(error?.code, status.CANCELLED);
  assert.equal(error?.details, 'Cancelled on client');
  assert.deepEqual(await told, [ENDLESS]);
});
