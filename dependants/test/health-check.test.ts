// grpc-health-check on the drop-in: its service added to a server, Check, Watch and List by a client.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import {
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  makeClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { HealthImplementation, service } from 'grpc-health-check';
import { assertOnDropIn } from './support/drop-in.ts';
import { localServer } from './support/local-server.ts';

interface HealthClient {
  check(
    request: { service: string },
    callback: (error: ServiceError | null, reply?: { status: string }) => void,
  ): ClientUnaryCall;
  list(
    request: object,
    callback: (
      error: ServiceError | null,
      reply?: { statuses: Record<string, { status: string }> },
    ) => void,
  ): ClientUnaryCall;
  watch(request: { service: string }): ClientReadableStream<{ status: string }>;
  close(): void;
}

async function healthOf(t: TestContext, health: HealthImplementation): Promise<HealthClient> {
  const { address } = await localServer(t, (server) => health.addToServer(server));
  const Health = makeClientConstructor(service, 'grpc.health.v1.Health');
  // The methods are those of the definition, which its type does not list.
  const client = new Health(address, credentials.createInsecure()) as unknown as HealthClient;
  t.after(() => client.close());
  return client;
}

function check(client: HealthClient, name: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    client.check({ service: name }, (error, reply) => {
      if (error === null) resolve(reply?.status);
      else reject(error);
    });
  });
}

test('grpc-health-check runs on the drop-in', () => {
  // It asks for no copy of its own: it is given a server.
  assertOnDropIn('grpc-health-check');
});

test('Check says the status of a service, as it is set', async (t) => {
  const health = new HealthImplementation({ '': 'SERVING', 'a.B': 'NOT_SERVING' });
  const client = await healthOf(t, health);
  assert.equal(await check(client, ''), 'SERVING');
  assert.equal(await check(client, 'a.B'), 'NOT_SERVING');
  health.setStatus('a.B', 'SERVING');
  assert.equal(await check(client, 'a.B'), 'SERVING');
});

test('Check of a service nobody set ends with NOT_FOUND and its details', async (t) => {
  const client = await healthOf(t, new HealthImplementation());
  await assert.rejects(check(client, 'a.C'), {
    code: status.NOT_FOUND,
    details: 'Health status unknown for service a.C',
    message: '5 NOT_FOUND: Health status unknown for service a.C',
  });
});

test('Watch says the status at once and each time it changes', async (t) => {
  const health = new HealthImplementation();
  const client = await healthOf(t, health);
  const watch = client.watch({ service: 'a.B' });
  const seen: string[] = [];
  const ended = new Promise<ServiceError>((resolve) => watch.on('error', resolve));
  const messages = watch[Symbol.asyncIterator]();
  for (const next of [undefined, 'SERVING', 'NOT_SERVING', 'UNKNOWN'] as const) {
    if (next !== undefined) health.setStatus('a.B', next);
    const { value } = await messages.next();
    seen.push(value.status);
  }
  assert.deepEqual(seen, ['SERVICE_UNKNOWN', 'SERVING', 'NOT_SERVING', 'UNKNOWN']);
  watch.cancel();
  assert.equal((await ended).code, status.CANCELLED);
});

test('A watcher that leaves is forgotten: the others go on', async (t) => {
  const health = new HealthImplementation({ 'a.B': 'SERVING' });
  const client = await healthOf(t, health);
  const leaving = client.watch({ service: 'a.B' });
  const staying = client.watch({ service: 'a.B' });
  t.after(() => staying.cancel());
  await Promise.all([once(leaving, 'data'), once(staying, 'data')]);
  staying.on('error', () => {});
  leaving.on('error', () => {});
  leaving.cancel();
  await watchers(health, 1);
  const changed = once(staying, 'data');
  health.setStatus('a.B', 'NOT_SERVING');
  assert.deepEqual(await changed, [{ status: 'NOT_SERVING' }]);
});

/** Until the server was told of all who left. */
async function watchers(health: HealthImplementation, count: number): Promise<void> {
  // A private field of a foreign class, read alone.
  const { watchers } = health as unknown as {
    readonly watchers: ReadonlyMap<string, ReadonlySet<unknown>>;
  };
  while (watchers.get('a.B')?.size !== count) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('List says all of them', async (t) => {
  const client = await healthOf(
    t,
    new HealthImplementation({ 'a.B': 'SERVING', 'a.C': 'NOT_SERVING' }),
  );
  const reply = await new Promise((resolve, reject) => {
    client.list({}, (error, value) => (error === null ? resolve(value) : reject(error)));
  });
  assert.deepEqual(reply, {
    statuses: { 'a.B': { status: 'SERVING' }, 'a.C': { status: 'NOT_SERVING' } },
  });
});
