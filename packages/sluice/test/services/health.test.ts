// The health service (gRPC health-checking.md): statuses, watches, and the drain of its server.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { createClient } from '#sluice/api/client.js';
import type { ChildCall, ParentCall } from '#sluice/channel/call-options.js';
import {
  HealthCheckResponse_ServingStatus as Health$,
  HealthCheckRequestSchema,
} from '#sluice/gen/grpc/health/v1/health_pb.js';
import { type Channel, Status } from '#sluice/index.js';
import {
  addHealth,
  Health,
  type HealthOptions,
  type HealthService,
  type ServingStatus,
} from '#sluice/services/health.js';
import { HealthStatuses } from '#sluice/services/health-statuses.js';
import { Shop } from '../gen/es/shop_pb.js';
import { ShopService } from '../gen/ts-proto-grpc-js/shop.js';
import { failureOf, messagesOf, Running } from '../support/running.js';
import { GrpcJsCaller } from './grpc-js-caller.js';

const SHOP = 'sluice.test.v1.Shop';

const running = new Running();

afterEach(() => running.end());

async function served(options?: HealthOptions): Promise<{
  health: HealthService;
  channel: Channel;
  drain: () => Promise<void>;
  port: number;
}> {
  const server = running.server();
  const health = addHealth(server, options);
  const { port } = await server.listen({ host: '127.0.0.1' });
  return {
    health,
    channel: running.channel(`127.0.0.1:${port}`),
    drain: () => server.drain(),
    port,
  };
}

/** The statuses of a watch, one by one. */
function watch(channel: Channel, service: string): AsyncIterator<Health$> {
  const statuses = createClient(Health, channel).watch({ service });
  return (async function* () {
    for await (const { status } of statuses) yield status;
  })();
}

describe('Check', () => {
  it('tells the status that was set, by name or by definition; the server serves from the start', async () => {
    const { health, channel } = await served({ services: [Shop, 'test.Other'] });
    const client = createClient(Health, channel);
    const statusOf = async (service: string): Promise<Health$> =>
      (await client.check({ service })).status;
    assert.equal(await statusOf(''), Health$.SERVING);
    assert.equal(await statusOf(SHOP), Health$.SERVING);
    assert.equal(await statusOf('test.Other'), Health$.SERVING);
    health.set(ShopService, 'NOT_SERVING');
    assert.equal(await statusOf(SHOP), Health$.NOT_SERVING);
    assert.equal(health.get(Shop), 'NOT_SERVING');
    health.set('test.Other', 'UNKNOWN');
    assert.equal(await statusOf('test.Other'), Health$.UNKNOWN);
    health.setAll('SERVING');
    assert.equal(await statusOf(SHOP), Health$.SERVING);
    assert.equal(health.get('test.Other'), 'SERVING');
  });

  it('is NOT_FOUND for a service without a status, or whose status was cleared', async () => {
    const { health, channel } = await served({ services: [Shop] });
    const client = createClient(Health, channel);
    health.clear(Shop);
    assert.equal(health.get(Shop), undefined);
    const error = await failureOf(client.check({ service: SHOP }));
    assert.equal(error.code, Status.NOT_FOUND);
    assert.equal(
      error.details,
      `the health of "${SHOP}" is not known to this server; set it there`,
    );
  });

  it('a status that is none is refused when it is set', async () => {
    const { health } = await served();
    assert.throws(() => health.set('', 'serving' as ServingStatus), {
      name: 'TypeError',
      message: 'serving is no status of a service; use SERVING, NOT_SERVING or UNKNOWN',
    });
  });
});

describe('List', () => {
  it('tells every status', async () => {
    const { health, channel } = await served({ services: [Shop] });
    health.set(Shop, 'NOT_SERVING');
    const { statuses } = await createClient(Health, channel).list({});
    const plain = Object.entries(statuses).map(([name, { status }]) => [name, status]);
    assert.deepEqual(plain, [
      ['', Health$.SERVING],
      [SHOP, Health$.NOT_SERVING],
    ]);
  });

  it('is refused past 100 services', async () => {
    const services = Array.from({ length: 100 }, (_, i) => `test.S${i}`);
    const { channel } = await served({ services });
    const error = await failureOf(createClient(Health, channel).list({}));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(
      error.details,
      '101 services have a status and List answers with 100 at most; use Check',
    );
  });
});

describe('Watch', () => {
  it('tells the status at once and then each change', async () => {
    const { health, channel } = await served({ services: [Shop] });
    const statuses = watch(channel, SHOP);
    assert.equal((await statuses.next()).value, Health$.SERVING);
    health.set(Shop, 'NOT_SERVING');
    assert.equal((await statuses.next()).value, Health$.NOT_SERVING);
    health.set(Shop, 'NOT_SERVING');
    health.set(Shop, 'SERVING');
    assert.equal((await statuses.next()).value, Health$.SERVING);
    health.clear(Shop);
    assert.equal((await statuses.next()).value, Health$.SERVICE_UNKNOWN);
    await statuses.return?.();
  });

  it('of a service that is not known yet is SERVICE_UNKNOWN until it is', async () => {
    const { health, channel } = await served();
    const statuses = watch(channel, SHOP);
    assert.equal((await statuses.next()).value, Health$.SERVICE_UNKNOWN);
    health.set(Shop, 'SERVING');
    assert.equal((await statuses.next()).value, Health$.SERVING);
    await statuses.return?.();
  });

  it('frees its handler when the client goes', async () => {
    const server = running.server();
    addHealth(server);
    const channel = await running.channelTo(server);
    const statuses = watch(channel, '');
    await statuses.next();
    await statuses.return?.();
    // The cancellation is on the wire ahead of this call.
    await createClient(Health, channel).check({});
    assert.equal(server.stats().limits.handlers?.depth, 0);
  });
});

describe('a name that a client made up', () => {
  it('is repeated in part', async () => {
    const { channel } = await served();
    const service = '\u00e9'.repeat(400);
    const error = await failureOf(createClient(Health, channel).check({ service }));
    assert.equal(error.code, Status.NOT_FOUND);
    assert.ok(error.details.length < 150, error.details);
  });

  it('of more than 1 KiB is refused unread', async () => {
    const { channel } = await served();
    const error = await failureOf(
      createClient(Health, channel).check({ service: 'x'.repeat(2_000) }),
    );
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
  });

  it('is kept from when its watch begins, which an interceptor may prevent, to its end', async () => {
    const children = new Set<ChildCall>();
    const call: ParentCall = {
      deadline: undefined,
      follow: (child) => children.add(child),
      unfollow: (child) => children.delete(child),
    };
    const statuses = new HealthStatuses();
    const watching = statuses.watch(create(HealthCheckRequestSchema, { service: 'x' }), call);
    assert.equal(children.size, 0);
    assert.equal((await watching.next()).value?.status, Health$.SERVICE_UNKNOWN);
    const next = watching.next();
    assert.equal(children.size, 1);
    for (const child of children) child.cancel('gone');
    assert.equal((await next).done, true);
  });
});

describe('the drain of the server', () => {
  it('makes every status NOT_SERVING, tells those who watch, and is not held up by them', async () => {
    const { health, channel, drain } = await served({ services: [Shop] });
    const whole = watch(channel, '');
    const shop = watch(channel, SHOP);
    const unknown = watch(channel, 'test.Unknown');
    const first = await Promise.all([whole, shop, unknown].map((one) => one.next()));
    const known = [Health$.SERVING, Health$.SERVING, Health$.SERVICE_UNKNOWN];
    assert.deepEqual(
      first.map(({ value }) => value),
      known,
    );
    const drained = drain();
    for (const statuses of [whole, shop]) {
      assert.equal((await statuses.next()).value, Health$.NOT_SERVING);
      assert.equal((await statuses.next()).done, true);
    }
    assert.equal((await unknown.next()).done, true);
    await drained;
    health.set(Shop, 'SERVING');
    assert.equal(health.get(Shop), 'NOT_SERVING');
    assert.equal(health.get(''), 'NOT_SERVING');
  });

  it('is told to grpc-js as well', async () => {
    const { health, drain, port } = await served();
    const caller = new GrpcJsCaller('grpc/health/v1/health.proto', 'grpc.health.v1.Health', port);
    assert.deepEqual(await caller.unary('Check', { service: '' }), { status: 'SERVING' });
    await assert.rejects(caller.unary('Check', { service: SHOP }), { code: Status.NOT_FOUND });
    const seen = caller.serverStreaming('Watch', { service: SHOP })[Symbol.asyncIterator]();
    assert.deepEqual((await seen.next()).value, { status: 'SERVICE_UNKNOWN' });
    health.set(Shop, 'SERVING');
    assert.deepEqual((await seen.next()).value, { status: 'SERVING' });
    const drained = drain();
    assert.deepEqual((await seen.next()).value, { status: 'NOT_SERVING' });
    assert.equal((await seen.next()).done, true);
    caller.close();
    await drained;
  });

  it('tells no status twice to a client that takes them late', async () => {
    const { health, channel } = await served();
    const statuses = createClient(Health, channel).watch({});
    assert.equal((await statuses.next()).value?.status, Health$.SERVING);
    for (let i = 0; i < 1_000; i += 1) health.set('', i % 2 === 0 ? 'NOT_SERVING' : 'SERVING');
    health.shutdown();
    const rest = (await messagesOf(statuses)).map(({ status }) => status);
    assert.ok(rest.length <= 2, `${rest.length} statuses were kept`);
    assert.equal(rest.at(-1), Health$.NOT_SERVING);
  });
});
