// nice-grpc on the drop-in, server and client, with its deadline and retry middleware: the four kinds of
// calls as promises and iterables, AbortSignals, and what the two ends of its server do to calls.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  type CallContext,
  ClientError,
  createChannel,
  createClientFactory,
  createServer,
  Metadata,
  type Server,
  ServerError,
  Status,
} from 'nice-grpc';
import { deadlineMiddleware } from 'nice-grpc-client-middleware-deadline';
import { retryMiddleware } from 'nice-grpc-client-middleware-retry';
import {
  type DeepPartial,
  type Offer,
  type Order,
  OrdersDefinition,
  type OrdersServiceImplementation,
  type Progress,
  type Receipt,
  type WatchRequest,
} from './gen/nice-grpc/orders.ts';
import { assertOnDropIn } from './support/drop-in.ts';

/** What the handlers tell a test, and wait for. */
class Orders implements OrdersServiceImplementation {
  /** Unary calls fail UNAVAILABLE as long as it is above zero, one less for each. */
  failures = 0;
  attempts = 0;
  readonly begun: Once = new Once();
  readonly aborted: Once = new Once();
  readonly go: Once = new Once();

  async placeOrder(order: Order, context: CallContext): Promise<DeepPartial<Receipt>> {
    this.attempts += 1;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new ServerError(Status.UNAVAILABLE, 'not now');
    }
    if (order.item === 'refused') {
      context.trailer.set('reason', 'out of stock');
      throw new ServerError(Status.NOT_FOUND, 'no such item');
    }
    if (order.item === 'endless') {
      context.signal.addEventListener('abort', () => this.aborted.happen());
      this.begun.happen();
      await new Promise(() => {});
    }
    if (order.item === 'held') {
      this.begun.happen();
      await this.go.happened;
    }
    context.header.set('caller', context.metadata.get('caller') ?? 'nobody');
    context.trailer.set('orders', '1');
    return { orders: 1, quantity: order.quantity, items: [order.item] };
  }

  async *watchOrder(
    { item, steps }: WatchRequest,
    context: CallContext,
  ): AsyncIterable<DeepPartial<Progress>> {
    for (let step = 1; step <= steps; step++) yield { item, step };
    if (item === 'lost') throw new ServerError(Status.DATA_LOSS, 'lost on the way');
    if (item !== 'endless') return;
    context.signal.addEventListener('abort', () => this.aborted.happen());
    this.begun.happen();
    await new Promise(() => {});
  }

  async placeOrders(orders: AsyncIterable<Order>): Promise<DeepPartial<Receipt>> {
    const items: string[] = [];
    let quantity = 0;
    for await (const order of orders) {
      items.push(order.item);
      quantity += order.quantity;
    }
    return { orders: items.length, quantity, items };
  }

  async *haggle(offers: AsyncIterable<Offer>): AsyncIterable<DeepPartial<Offer>> {
    for await (const { cents } of offers) yield { cents: cents / 2 };
  }
}

class Once {
  readonly happened: Promise<void>;
  happen: () => void = () => {};

  constructor() {
    this.happened = new Promise((resolve) => {
      this.happen = resolve;
    });
  }
}

async function started(t: TestContext) {
  const server: Server = createServer();
  const orders = new Orders();
  server.add(OrdersDefinition, orders);
  t.after(() => server.forceShutdown());
  const port = await server.listen('127.0.0.1:0');
  const channel = createChannel(`127.0.0.1:${port}`);
  t.after(() => channel.close());
  const client = createClientFactory()
    .use(retryMiddleware)
    .use(deadlineMiddleware)
    .create(OrdersDefinition, channel);
  return { channel, client, orders, server };
}

/** The error of a call that nice-grpc's client failed. */
async function failureOf(call: Promise<unknown>): Promise<ClientError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ClientError, `no ClientError but ${String(error)}`);
  return error;
}

async function readAll<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of stream) all.push(message);
  return all;
}

test('a channel of nice-grpc is a channel of the drop-in', () => {
  const grpc = assertOnDropIn('nice-grpc');
  const channel = createChannel('127.0.0.1:1');
  assert.ok(channel instanceof grpc.Channel);
  channel.close();
});

test('a unary call carries metadata there, and header and trailer back', async (t) => {
  const { client } = await started(t);
  let header: Metadata | undefined;
  let trailer: Metadata | undefined;
  const receipt = await client.placeOrder(
    { item: 'nail', quantity: 3 },
    {
      metadata: Metadata({ caller: 'a test' }),
      onHeader: (received) => {
        header = received;
      },
      onTrailer: (received) => {
        trailer = received;
      },
    },
  );
  assert.deepEqual(receipt, { orders: 1, quantity: 3, items: ['nail'] });
  assert.equal(header?.get('caller'), 'a test');
  assert.equal(trailer?.get('orders'), '1');
});

test('a stream of replies is an iterable of them, in order', async (t) => {
  const { client } = await started(t);
  const progress = await readAll(client.watchOrder({ item: 'nail', steps: 1000 }));
  assert.deepEqual(
    progress.map(({ step }) => step),
    Array.from({ length: 1000 }, (_, index) => index + 1),
  );
});

test('an iterable of requests has one reply', async (t) => {
  const { client } = await started(t);
  const receipt = await client.placeOrders(
    (async function* () {
      yield { item: 'nail', quantity: 2 };
      yield { item: 'screw', quantity: 5 };
    })(),
  );
  assert.deepEqual(receipt, { orders: 2, quantity: 7, items: ['nail', 'screw'] });
});

test('both sides of a stream answer each other', async (t) => {
  const { client } = await started(t);
  const heard: number[] = [];
  let heardOne = new Once();
  const offers = (async function* () {
    let cents = 200;
    while (cents > 25) {
      yield { cents };
      await heardOne.happened;
      heardOne = new Once();
      cents = heard.at(-1) ?? 0;
    }
  })();
  for await (const { cents } of client.haggle(offers)) {
    heard.push(cents);
    heardOne.happen();
  }
  assert.deepEqual(heard, [100, 50, 25]);
});

test('an error has its code, its details and the trailer of the handler', async (t) => {
  const { client } = await started(t);
  let trailer: Metadata | undefined;
  const error = await failureOf(
    client.placeOrder(
      { item: 'refused' },
      {
        onTrailer: (received) => {
          trailer = received;
        },
      },
    ),
  );
  assert.equal(error.code, Status.NOT_FOUND);
  assert.equal(error.details, 'no such item');
  assert.equal(error.path, '/sluice.dependants.v1.Orders/PlaceOrder');
  assert.equal(trailer?.get('reason'), 'out of stock');
});

test('an error after messages lets them arrive first', async (t) => {
  const { client } = await started(t);
  const steps: number[] = [];
  const error = await failureOf(
    (async () => {
      for await (const { step } of client.watchOrder({ item: 'lost', steps: 2 })) steps.push(step);
    })(),
  );
  assert.equal(error.code, Status.DATA_LOSS);
  assert.equal(error.details, 'lost on the way');
  assert.deepEqual(steps, [1, 2]);
});

test('the deadline middleware ends a call that has no reply', async (t) => {
  const { client } = await started(t);
  const error = await failureOf(client.placeOrder({ item: 'endless' }, { deadline: 50 }));
  assert.equal(error.code, Status.DEADLINE_EXCEEDED);
});

test('the retry middleware makes a call again that fails UNAVAILABLE twice', async (t) => {
  const { client, orders } = await started(t);
  orders.failures = 2;
  const retried: [number, string][] = [];
  const receipt = await client.placeOrder(
    { item: 'nail', quantity: 1 },
    {
      retryBaseDelayMs: 1,
      retryMaxAttempts: 3,
      onRetryableError: (error, attempt) => {
        retried.push([attempt, error.details]);
      },
    },
  );
  assert.equal(receipt.orders, 1);
  assert.equal(orders.attempts, 3);
  assert.deepEqual(retried, [
    [0, 'not now'],
    [1, 'not now'],
  ]);
});

test('the retry middleware gives up with the last error', async (t) => {
  const { client, orders } = await started(t);
  orders.failures = 5;
  const options = { retryBaseDelayMs: 1, retryMaxAttempts: 2 };
  const error = await failureOf(client.placeOrder({ item: 'nail' }, options));
  assert.equal(error.code, Status.UNAVAILABLE);
  assert.equal(orders.attempts, 3);
});

test('an AbortSignal ends a unary call for its caller and tells its handler', async (t) => {
  const { client, orders } = await started(t);
  const controller = new AbortController();
  const call = client.placeOrder({ item: 'endless' }, { signal: controller.signal });
  const rejected = assert.rejects(call, { name: 'AbortError' });
  await orders.begun.happened;
  controller.abort();
  await rejected;
  await orders.aborted.happened;
});

test('an AbortSignal ends a stream of replies for its caller and tells its handler', async (t) => {
  const { client, orders } = await started(t);
  const controller = new AbortController();
  const steps: number[] = [];
  const request = { item: 'endless', steps: 2 };
  const reading = (async () => {
    for await (const { step } of client.watchOrder(request, { signal: controller.signal })) {
      steps.push(step);
      if (step === 2) controller.abort();
    }
  })();
  await assert.rejects(reading, { name: 'AbortError' });
  await orders.aborted.happened;
  assert.deepEqual(steps, [1, 2]);
});

test('a loop that is left ends its stream and tells its handler', async (t) => {
  const { client, orders } = await started(t);
  for await (const { step } of client.watchOrder({ item: 'endless', steps: 5 })) {
    if (step === 2) break;
  }
  await orders.aborted.happened;
});

test('shutdown() waits for the calls that run', async (t) => {
  const { client, orders, server } = await started(t);
  const receipt = client.placeOrder({ item: 'held', quantity: 1 });
  await orders.begun.happened;
  let over = false;
  const down = server.shutdown().then(() => {
    over = true;
  });
  // A call that is on its way when the server says so is served; soon nobody is there for another.
  let refused: unknown;
  while (refused === undefined) {
    refused = await client.placeOrder({ item: 'nail' }, { retry: false }).then(
      () => undefined,
      (error: unknown) => error,
    );
  }
  assert.ok(refused instanceof ClientError);
  assert.equal(refused.code, Status.UNAVAILABLE);
  assert.equal(over, false);
  orders.go.happen();
  assert.equal((await receipt).orders, 1);
  await down;
});

test('forceShutdown() ends the calls that run with CANCELLED', async (t) => {
  const { client, orders, server } = await started(t);
  const failure = failureOf(client.placeOrder({ item: 'endless' }, { retry: false }));
  await orders.begun.happened;
  server.forceShutdown();
  const { code, details } = await failure;
  assert.deepEqual({ code, details }, { code: Status.CANCELLED, details: 'Call cancelled' });
  await orders.aborted.happened;
});
