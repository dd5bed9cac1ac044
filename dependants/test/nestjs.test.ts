// NestJS microservices on the drop-in, by Nest's own loader: the four kinds of method by its three
// decorators, its client proxy, RpcException, and what app.close() does to calls.

import 'reflect-metadata';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  Metadata,
  type Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { Controller, type INestMicroservice, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientGrpc,
  ClientGrpcProxy,
  ClientProxyFactory,
  ClientsModule,
  GrpcMethod,
  type GrpcOptions,
  GrpcStreamCall,
  GrpcStreamMethod,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import {
  concat,
  finalize,
  lastValueFrom,
  map,
  NEVER,
  type Observable,
  of,
  range,
  Subject,
  take,
  throwError,
  toArray,
} from 'rxjs';
import type { Offer, Order, Progress, Receipt, WatchRequest } from './gen/ts-proto/orders.ts';
import { assertOnDropIn, DEPENDANTS } from './support/drop-in.ts';

/** What the client proxy makes of the service: an Observable per call. */
interface OrdersProxy {
  placeOrder(order: Partial<Order>, metadata?: Metadata): Observable<Receipt>;
  watchOrder(request: Partial<WatchRequest>): Observable<Progress>;
  placeOrders(orders: Observable<Partial<Order>>): Observable<Receipt>;
  haggle(offers: Observable<Offer>, metadata?: Metadata): Observable<Offer>;
}

const PACKAGE = {
  package: 'sluice.dependants.v1',
  protoPath: join(DEPENDANTS, 'proto', 'orders.proto'),
  loader: { defaults: true },
};

/** Which calls the handlers hold, for tests that wait until one is there or gone. */
const held = {
  begun: new Subject<string>(),
  ended: new Subject<string>(),
  go: new Subject<void>(),
};

@Controller()
class OrdersController {
  @GrpcMethod('Orders')
  async placeOrder(
    order: Order,
    metadata: Metadata,
    call: ServerUnaryCall<Order, Receipt>,
  ): Promise<Receipt> {
    const reason = new Metadata();
    reason.set('reason', 'out of stock');
    if (order.item === 'refused') {
      throw new RpcException({
        code: status.NOT_FOUND,
        message: 'no such item',
        metadata: reason,
      });
    }
    if (order.item === 'broken') throw new Error('a secret of the server');
    const headers = new Metadata();
    headers.set('caller', String(metadata.get('caller')[0] ?? 'nobody'));
    call.sendMetadata(headers);
    if (order.item === 'held') {
      held.begun.next('held');
      await lastValueFrom(held.go.pipe(take(1)));
    }
    const items = [order.item, ...metadata.get('caller').map(String)];
    return { orders: 1, quantity: order.quantity, items };
  }

  @GrpcMethod('Orders', 'WatchOrder')
  watchOrder({ item, steps }: WatchRequest): Observable<Progress> {
    const progress = range(1, steps).pipe(map((step) => ({ item, step })));
    if (item === 'lost') {
      const lost = new RpcException({ code: status.DATA_LOSS, message: 'lost on the way' });
      return concat(
        progress,
        throwError(() => lost),
      );
    }
    if (item === 'endless') {
      return concat(progress, NEVER).pipe(finalize(() => held.ended.next(item)));
    }
    return progress;
  }

  /** Not async: Nest hands a method its messages when what it returned is there. */
  @GrpcStreamMethod('Orders')
  placeOrders(orders: Observable<Order>): Observable<Receipt> {
    return orders.pipe(
      toArray(),
      map((all) => ({
        orders: all.length,
        quantity: all.reduce((sum, { quantity }) => sum + quantity, 0),
        items: all.map(({ item }) => item),
      })),
    );
  }
}

@Controller()
class ObservedHaggling {
  @GrpcStreamMethod('Orders')
  haggle(offers: Observable<Offer>): Observable<Offer> {
    return offers.pipe(map(({ cents }) => ({ cents: cents / 2 })));
  }
}

@Controller()
class StreamedHaggling {
  @GrpcStreamCall('Orders')
  haggle(call: ServerDuplexStream<Offer, Offer>): void {
    call.on('data', ({ cents }: Offer) => {
      call.write({ cents: cents / 2 });
    });
    call.on('end', () => call.end());
  }
}

@Module({ controllers: [OrdersController, ObservedHaggling] })
class ObservedModule {}

@Module({ controllers: [OrdersController, StreamedHaggling] })
class StreamedModule {}

interface Started {
  readonly app: INestMicroservice;
  readonly server: Server;
  readonly url: string;
}

/** Nest does not say which port 0 became: the server it hands to its hook binds the one that is used. */
async function started(
  t: TestContext,
  module: Type = ObservedModule,
  options: Partial<GrpcOptions['options']> = {},
): Promise<Started> {
  let bound: Promise<Started['url']> | undefined;
  let server: Server | undefined;
  const app = await NestFactory.createMicroservice<GrpcOptions>(module, {
    logger: false,
    transport: Transport.GRPC,
    options: {
      ...PACKAGE,
      ...options,
      url: '127.0.0.1:0',
      onLoadPackageDefinition: (_, made: Server) => {
        server = made;
        bound = bind(made);
      },
    },
  });
  t.after(() => app.close());
  await app.listen();
  assert.ok(server !== undefined && bound !== undefined);
  return { app, server, url: await bound };
}

function bind(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`127.0.0.1:${port}`);
      else reject(error);
    });
  });
}

function proxyOf(t: TestContext, url: string): ClientGrpcProxy {
  const proxy = ClientProxyFactory.create({
    transport: Transport.GRPC,
    options: { ...PACKAGE, url },
  });
  assert.ok(proxy instanceof ClientGrpcProxy);
  t.after(() => proxy.close());
  return proxy;
}

function ordersOf(t: TestContext, url: string): OrdersProxy {
  return proxyOf(t, url).getService<OrdersProxy>('Orders');
}

/** The error that a call ends with, if any. */
function endOf(call: Observable<unknown>): Promise<ServiceError | undefined> {
  return new Promise((resolve) => {
    call.subscribe({
      // What a client of grpc-js fails with.
      error: (error) => resolve(error as ServiceError),
      complete: () => resolve(undefined),
    });
  });
}

async function failureOf(call: Observable<unknown>): Promise<ServiceError> {
  const error = await endOf(call);
  assert.ok(error !== undefined, 'the call ended well');
  return error;
}

test('server and client proxy of Nest are made of the drop-in', async (t) => {
  const grpc = assertOnDropIn('@nestjs/microservices');
  const { server, url } = await started(t);
  assert.ok(server instanceof grpc.Server);
  const client = proxyOf(t, url).getClientByServiceName<object>('Orders');
  assert.ok(client instanceof grpc.Client);
});

test('GrpcMethod answers a unary call, with metadata there and back', async (t) => {
  const { url } = await started(t);
  const metadata = new Metadata();
  metadata.set('caller', 'a test');
  const receipt = await lastValueFrom(
    ordersOf(t, url).placeOrder({ item: 'nail', quantity: 3 }, metadata),
  );
  assert.deepEqual({ ...receipt }, { orders: 1, quantity: 3, items: ['nail', 'a test'] });
});

test('GrpcMethod answers with a stream of what its Observable gives', async (t) => {
  const { url } = await started(t);
  const progress = await lastValueFrom(
    ordersOf(t, url).watchOrder({ item: 'nail', steps: 1000 }).pipe(toArray()),
  );
  assert.deepEqual(
    progress.map(({ step }) => step),
    Array.from({ length: 1000 }, (_, index) => index + 1),
  );
});

test('GrpcStreamMethod answers a stream of requests', async (t) => {
  const { url } = await started(t);
  const orders = of({ item: 'nail', quantity: 2 }, { item: 'screw', quantity: 5 });
  const receipt = await lastValueFrom(ordersOf(t, url).placeOrders(orders));
  assert.deepEqual({ ...receipt }, { orders: 2, quantity: 7, items: ['nail', 'screw'] });
});

for (const [decorator, module] of [
  ['GrpcStreamMethod', ObservedModule],
  ['GrpcStreamCall', StreamedModule],
] as const) {
  test(`${decorator} answers each message of a conversation`, async (t) => {
    const { url } = await started(t, module);
    const offers = new Subject<Offer>();
    const heard: number[] = [];
    await new Promise<void>((resolve, reject) => {
      ordersOf(t, url)
        .haggle(offers, new Metadata())
        .subscribe({
          next: ({ cents }) => {
            heard.push(cents);
            if (cents > 25) offers.next({ cents });
            else offers.complete();
          },
          complete: resolve,
          error: reject,
        });
      offers.next({ cents: 200 });
    });
    assert.deepEqual(heard, [100, 50, 25]);
  });
}

test('a client of ClientsModule is injected and closed with its context', async (t) => {
  const { url } = await started(t);
  const clients = ClientsModule.register([
    { name: 'ORDERS', transport: Transport.GRPC, options: { ...PACKAGE, url } },
  ]);
  const context = await NestFactory.createApplicationContext(clients, { logger: false });
  t.after(() => context.close());
  const orders = context.get<ClientGrpc>('ORDERS').getService<OrdersProxy>('Orders');
  const receipt = await lastValueFrom(orders.placeOrder({ item: 'nail', quantity: 1 }));
  assert.deepEqual({ ...receipt }, { orders: 1, quantity: 1, items: ['nail'] });
});

test('an RpcException is the status of the call, with its metadata', async (t) => {
  const { url } = await started(t);
  const error = await failureOf(ordersOf(t, url).placeOrder({ item: 'refused' }));
  assert.equal(error.code, status.NOT_FOUND);
  assert.equal(error.details, 'no such item');
  assert.deepEqual(error.metadata.get('reason'), ['out of stock']);
});

test('an RpcException after messages lets them arrive first', async (t) => {
  const { url } = await started(t);
  const heard: number[] = [];
  const error = await failureOf(
    ordersOf(t, url)
      .watchOrder({ item: 'lost', steps: 2 })
      .pipe(
        map(({ step }) => {
          heard.push(step);
        }),
      ),
  );
  assert.equal(error.code, status.DATA_LOSS);
  assert.equal(error.details, 'lost on the way');
  assert.deepEqual(heard, [1, 2]);
});

test('another exception is UNKNOWN and tells nothing', async (t) => {
  const { url } = await started(t);
  const error = await failureOf(ordersOf(t, url).placeOrder({ item: 'broken' }));
  assert.equal(error.code, status.UNKNOWN);
  assert.equal(error.details, 'Internal server error');
});

test('who unsubscribes from a stream cancels it, and its handler is unsubscribed from', async (t) => {
  const { url } = await started(t);
  const ended = lastValueFrom(held.ended.pipe(take(1)));
  const progress = await lastValueFrom(
    ordersOf(t, url).watchOrder({ item: 'endless', steps: 5 }).pipe(take(2), toArray()),
  );
  assert.equal(progress.length, 2);
  assert.equal(await ended, 'endless');
});

test('app.close() with gracefulShutdown waits for the calls that run', async (t) => {
  const { app, url } = await started(t, ObservedModule, { gracefulShutdown: true });
  const orders = ordersOf(t, url);
  const begun = lastValueFrom(held.begun.pipe(take(1)));
  const receipt = lastValueFrom(orders.placeOrder({ item: 'held', quantity: 1 }));
  await begun;
  let over = false;
  const closed = app.close().then(() => {
    over = true;
  });
  // A call that is on its way when the server says so is served; soon nobody is there for another.
  let refused: ServiceError | undefined;
  while (refused === undefined) refused = await endOf(orders.placeOrder({ item: 'nail' }));
  assert.equal(refused.code, status.UNAVAILABLE);
  assert.equal(over, false);
  held.go.next();
  assert.equal((await receipt).orders, 1);
  await closed;
});

test('app.close() alone ends the calls that run', async (t) => {
  const { app, url } = await started(t);
  const begun = lastValueFrom(held.begun.pipe(take(1)));
  const failure = failureOf(ordersOf(t, url).placeOrder({ item: 'held' }));
  await begun;
  await app.close();
  const { code, details } = await failure;
  assert.deepEqual({ code, details }, { code: status.CANCELLED, details: 'Call cancelled' });
  held.go.next();
});
