// What of the caller's surroundings is there when a call comes back: the async context, the parent
// call, and what becomes of exceptions in callbacks.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { Client, ServiceError } from '@grpc/grpc-js';
import * as original from '@grpc/grpc-js';
import {
  type Answer,
  clientOf,
  decode,
  encode,
  type Grpc,
  Log,
  type Order,
  PATHS,
  pause,
  startServer,
  textOf,
} from './client-peer.ts';
import { errorOf, type Observation } from './observation.ts';

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const port = await startServer();
  const seen: Observation[] = [];
  await seeContext(grpc, port, seen);
  await seeExceptions(grpc, port, seen);
  await seeParents(grpc, port, seen);
  return seen;
}

async function seeContext(grpc: Grpc, port: number, seen: Observation[]): Promise<void> {
  const context = new AsyncLocalStorage<string>();
  const client = clientOf(grpc, port);
  const unary = (name: string): Promise<unknown> =>
    context.run(
      name,
      () =>
        new Promise((resolve) => {
          const found: unknown[] = [];
          const call = client.makeUnaryRequest<Order, Answer>(
            PATHS.unary,
            encode,
            decode,
            { text: 'a', header: 'h' },
            () => {
              found.push(['callback', context.getStore() ?? 'none']);
            },
          );
          call.on('metadata', () => found.push(['metadata', context.getStore() ?? 'none']));
          call.on('status', () => {
            found.push(['status', context.getStore() ?? 'none']);
            resolve(found);
          });
        }),
    );
  const stream = (name: string): Promise<unknown> =>
    context.run(
      name,
      () =>
        new Promise((resolve) => {
          const found: unknown[] = [];
          const call = client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, {
            count: 1,
          });
          call.on('data', () => found.push(['data', context.getStore() ?? 'none']));
          call.on('end', () => found.push(['end', context.getStore() ?? 'none']));
          call.on('status', () => {
            found.push(['status', context.getStore() ?? 'none']);
            setTimeout(() => resolve(found), 20);
          });
        }),
    );
  seen.push({ name: 'context: first unary call', value: await unary('one') });
  seen.push({ name: 'context: second unary call', value: await unary('two') });
  seen.push({
    name: 'context: unary calls side by side',
    value: await Promise.all([unary('three'), unary('four')]),
  });
  seen.push({ name: 'context: server stream', value: await stream('five') });
  seen.push({ name: 'context: writers', value: await writers(client, context) });
  seen.push({ name: 'context: credentials', value: await generators(grpc, client, context) });
  client.close();
}

/** Of messages that are too large to be written at once. */
async function writers(client: Client, context: AsyncLocalStorage<string>): Promise<unknown> {
  const found: unknown[] = [];
  const hear = (name: string): (() => void) => {
    return () => found.push([name, context.getStore() ?? 'none']);
  };
  await context.run(
    'whole',
    () =>
      new Promise<void>((resolve) => {
        const call = client.makeBidiStreamRequest<Order, Answer>(PATHS.bidi, encode, decode);
        const order = { text: 'x'.repeat(200_000) };
        context.run('first write', () => call.write(order, hear('first')));
        context.run('second write', () => call.write(order, hear('second')));
        call.on('finish', hear('finish'));
        call.on('data', hear('data'));
        call.on('status', () => resolve());
        setTimeout(() => context.run('end', () => call.end()), 100);
      }),
  );
  return found.map(String).sort();
}

async function generators(
  grpc: Grpc,
  client: Client,
  context: AsyncLocalStorage<string>,
): Promise<unknown> {
  const found: unknown[] = [];
  const credentials = grpc.credentials.createFromMetadataGenerator((_options, callback) => {
    found.push(context.getStore() ?? 'none');
    callback(null, new grpc.Metadata());
  });
  for (const name of ['one', 'two']) {
    await context.run(
      name,
      () =>
        new Promise<void>((resolve) => {
          const done = (): void => resolve();
          client.makeUnaryRequest(PATHS.unary, encode, decode, {}, { credentials }, done);
        }),
    );
  }
  return found;
}

async function seeExceptions(grpc: Grpc, port: number, seen: Observation[]): Promise<void> {
  const client = clientOf(grpc, port);
  let caught: unknown[] = [];
  const hear = (error: Error, origin: string): void => {
    caught.push([error.message, origin]);
  };
  const see = async (name: string): Promise<void> => {
    await pause(80);
    seen.push({ name: `exceptions: ${name}`, value: caught });
    caught = [];
  };
  process.on('uncaughtException', hear);
  client.makeUnaryRequest<Order, Answer>(PATHS.unary, encode, decode, { text: 'a' }, () => {
    throw new Error('from a callback');
  });
  await see('from a callback');
  const call = client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, {
    count: 1,
  });
  call.on('data', () => {
    throw new Error('from a listener');
  });
  await see('from a listener of messages');
  client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, {
    count: 0,
    code: 5,
    details: 'nobody listens',
  });
  await see('an error event that nobody listens to');
  client.makeUnaryRequest<Order, Answer>(PATHS.unary, encode, decode, { code: 5 }, () => {
    throw new Error('from a callback of an error');
  });
  await see('from a callback of an error');
  process.off('uncaughtException', hear);
  const log = new Log();
  log.hear(
    client.makeUnaryRequest<Order, Answer>(
      PATHS.unary,
      encode,
      decode,
      { text: 'a' },
      log.callback,
    ),
  );
  seen.push({ name: 'a call after exceptions', value: await log.until('status') });
  client.close();
}

/** The server is the original's in both runs, so that only the client differs. */
async function seeParents(grpc: Grpc, port: number, seen: Observation[]): Promise<void> {
  const outcomes: Record<string, unknown> = {};
  let next: object = {};
  let name = '';
  const inner = clientOf(grpc, port);
  const server = new original.Server();
  const definition = {
    path: '/test.Parent/Call',
    requestStream: false,
    responseStream: false,
    requestSerialize: encode,
    requestDeserialize: decode,
    responseSerialize: encode,
    responseDeserialize: decode,
  };
  server.addService(
    { call: definition },
    {
      call(parent: original.ServerUnaryCall<Order, Answer>, done: original.sendUnaryData<Answer>) {
        const current = name;
        inner.makeUnaryRequest<Order, Answer>(
          PATHS.unary,
          encode,
          decode,
          { text: 'a', wait: 150 },
          { parent, ...next } as original.CallOptions,
          (error, answer) => {
            outcomes[current] = error === null ? answer?.text : plain(error);
            done(null, { text: 'done' });
          },
        );
      },
    },
  );
  const parentPort = await new Promise<number>((resolve) => {
    server.bindAsync('127.0.0.1:0', original.ServerCredentials.createInsecure(), (_error, bound) =>
      resolve(bound),
    );
  });
  const outer = clientOf(original, parentPort);
  const run = async (
    what: string,
    options: object,
    own: object,
    cancelMs: number,
  ): Promise<void> => {
    name = what;
    next = own;
    const call = outer.makeUnaryRequest<Order, Answer>(
      definition.path,
      encode,
      decode,
      { text: 'a' },
      options,
      () => {},
    );
    if (cancelMs > 0) setTimeout(() => call.cancel(), cancelMs);
    await pause(300);
  };
  const { propagate } = grpc;
  const soon = (): object => ({ deadline: Date.now() + 60 });
  await run('nothing to pass on', {}, {}, 0);
  await run('a deadline', soon(), {}, 0);
  await run(
    'a deadline that is not passed on',
    soon(),
    { propagate_flags: propagate.CENSUS_STATS_CONTEXT },
    0,
  );
  await run('a deadline only', soon(), { propagate_flags: propagate.DEADLINE }, 0);
  await run('cancelled', {}, {}, 50);
  await run('cancelled, which is not passed on', {}, { propagate_flags: propagate.DEADLINE }, 50);
  await run(
    'cancelled, which alone is passed on',
    {},
    { propagate_flags: propagate.CANCELLATION },
    50,
  );
  await run(
    'a shorter deadline of its own',
    { deadline: Date.now() + 5_000 },
    { deadline: Date.now() + 60 },
    0,
  );
  for (const [what, value] of Object.entries(outcomes))
    seen.push({ name: `parent: ${what}`, value });
  inner.close();
  outer.close();
}

function plain(error: ServiceError): unknown {
  const { code, details } = error;
  return { code, details: textOf(details), name: (errorOf(error) as { name: string }).name };
}
