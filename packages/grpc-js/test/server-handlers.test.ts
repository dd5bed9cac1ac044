// Handlers that stop caring: what their calls hold is given back, and answers that come late go nowhere.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as grpcJs from '@grpc/grpc-js';
import { Server as RuntimeServer } from 'sluice';
import { Http2Caller } from './support/http2-caller.ts';
import {
  bidi,
  clientStream,
  type Grpc,
  listening,
  serverStream,
  signal,
  unary,
} from './support/text-server.ts';

// Programs have the types of the original.
const grpc: Grpc = require('@sluice/grpc-js');

/** Handlers that the runtime holds to be running. */
function running(server: grpcJs.Server): number {
  const engine: unknown = Reflect.get(server, 'engine');
  if (typeof engine !== 'object' || engine === null) throw new Error('no engine');
  const runtime: unknown = Reflect.get(engine, 'server');
  if (!(runtime instanceof RuntimeServer)) throw new Error('no runtime server');
  return runtime.stats().limits['total-handlers']?.depth ?? -1;
}

async function untilNone(server: grpcJs.Server): Promise<void> {
  while (running(server) > 0) await new Promise((resolve) => setImmediate(resolve));
}

test('a stream that is cancelled is not waited for, though its handler never ends it', async () => {
  const server = new grpc.Server();
  const begun: (() => void)[] = [];
  serverStream(server, '/test.Handlers/Down', () => begun.shift()?.());
  bidi(server, '/test.Handlers/Both', () => begun.shift()?.());
  const caller = Http2Caller.to(await listening(grpc, server));
  for (const path of ['/test.Handlers/Down', '/test.Handlers/Both']) {
    const { happened, raise } = signal();
    begun.push(raise);
    const call = caller.open(path).send('x').end();
    await happened;
    assert.equal(running(server), 1);
    call.cancel();
    await untilNone(server);
  }
  caller.close();
  server.forceShutdown();
});

test('a unary handler counts until it answers, cancelled or not', async () => {
  const server = new grpc.Server();
  const begun = signal<() => void>();
  const cancelled = signal();
  unary(server, '/test.Handlers/Unary', (call, callback) => {
    call.on('cancelled', () => cancelled.raise());
    begun.raise(() => callback(null, 'late'));
  });
  const caller = Http2Caller.to(await listening(grpc, server));
  const call = caller.open('/test.Handlers/Unary').send('x').end();
  const answer = await begun.happened;
  call.cancel();
  await cancelled.happened;
  assert.equal(running(server), 1);
  answer();
  assert.equal(running(server), 0);
  caller.close();
  server.forceShutdown();
});

test('a unary call that is cancelled before its request is whole counts no longer', async () => {
  const server = new grpc.Server();
  unary(server, '/test.Handlers/Unary', () => assert.fail('nothing to handle'));
  const caller = Http2Caller.to(await listening(grpc, server));
  const call = caller.open('/test.Handlers/Unary').send('x');
  while (running(server) === 0) await new Promise((resolve) => setImmediate(resolve));
  call.cancel();
  await untilNone(server);
  caller.close();
  server.forceShutdown();
});

test('of many handlers that never answer cancelled calls, the first count no longer', async () => {
  const server = new grpc.Server();
  let begun = 0;
  const never = (): void => {
    begun += 1;
  };
  unary(server, '/test.Handlers/Unary', never);
  clientStream(server, '/test.Handlers/Up', never);
  const caller = Http2Caller.to(await listening(grpc, server));
  const paths = ['/test.Handlers/Unary', '/test.Handlers/Up'];
  while (begun < 1_200) {
    // By their deadlines: a client that resets as many is sent away.
    const calls = Array.from({ length: 100 }, (_, at) =>
      caller.call(paths[at % 2] ?? '', ['x'], { 'grpc-timeout': '20m' }),
    );
    await Promise.all(calls);
  }
  while (running(server) > 1_000) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(running(server), 1_000);
  caller.close();
  server.forceShutdown();
});

test('credentials of the original serve a port', async () => {
  const original: Grpc = require('@grpc/grpc-js');
  const server = new grpc.Server();
  unary(server, '/test.Handlers/Echo', (call, callback) => callback(null, call.request));
  const credentials = original.ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    // Of another copy of the package.
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const caller = Http2Caller.to(port);
  assert.deepEqual((await caller.call('/test.Handlers/Echo', ['x'])).messages, ['x']);
  caller.close();
  server.forceShutdown();
});
