// Metrics of `sluice/opentelemetry`: gRFC A66, A94 and A96 names, and the transport's own.
// Longer than 400 lines because each instrument and label is shown on real calls, in one place.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createClient } from '#sluice/api/client.js';
import type { ServiceConfig } from '#sluice/channel/service-config.js';
import { Status, StatusError } from '#sluice/index.js';
import type { InstrumentOptions } from '#sluice/services/opentelemetry.js';
import { callEvents, limitEvents } from '#sluice/transport/diagnostics.js';
import { jsonMethod } from '../support/json-method.js';
import { failureOf, Running, signal, textsOf } from '../support/running.js';
import { type Series, Telemetry } from './opentelemetry-sdk.js';

const ECHO = jsonMethod<string, string>('/test.Echo/Say', 'unary');
const METHOD = 'test.Echo/Say';
const X = Buffer.from('x');

const LATENCY =
  '0 0.00001 0.00005 0.0001 0.0003 0.0006 0.0008 0.001 0.002 0.003 0.004 0.005 0.006 0.008 0.01 0.013 0.016 0.02 0.025 0.03 0.04 0.05 0.065 0.08 0.1 0.13 0.16 0.2 0.25 0.3 0.4 0.5 0.65 0.8 1 2 5 10 20 50 100';
const SIZE =
  '0 1024 2048 4096 16384 65536 262144 1048576 4194304 16777216 67108864 268435456 1073741824 4294967296';

const running = new Running();
let telemetry: Telemetry | undefined;

afterEach(async () => {
  await running.end();
  await telemetry?.end();
  telemetry = undefined;
});

function started(options: InstrumentOptions = {}): Telemetry {
  telemetry = new Telemetry(options);
  return telemetry;
}

function retrying(more: object): ServiceConfig {
  return {
    methodConfig: [
      {
        name: [{ service: 'test.Echo' }],
        retryPolicy: {
          maxAttempts: 4,
          initialBackoff: '0.01s',
          maxBackoff: '0.01s',
          backoffMultiplier: 1,
          retryableStatusCodes: ['UNAVAILABLE'],
        },
        ...more,
      },
    ],
  };
}

const HEDGING: ServiceConfig = {
  methodConfig: [
    {
      name: [{ service: 'test.Echo' }],
      hedgingPolicy: { maxAttempts: 3, hedgingDelay: '0s', nonFatalStatusCodes: ['UNAVAILABLE'] },
    },
  ],
};

function failing(times: number): () => void {
  let left = times;
  return () => {
    left -= 1;
    if (left >= 0) throw new StatusError(Status.UNAVAILABLE, 'not now');
  };
}

/** Attributes without the target, whose port is another one each time. */
function plain({ attributes }: Series): object {
  const { 'grpc.target': target, ...others } = attributes;
  return target === undefined ? others : { ...others, targeted: true };
}

function decimal(value: number): string {
  return value === 0.00001 ? '0.00001' : value === 0.00005 ? '0.00005' : String(value);
}

function only(series: readonly Series[] | undefined): Series {
  assert.equal(series?.length, 1, JSON.stringify(series));
  const [one] = series ?? [];
  assert.ok(one !== undefined);
  return one;
}

describe('metrics of calls', () => {
  it('record a unary call on both sides, under the names, units and buckets of gRFC A66', async () => {
    const otel = started();
    const server = running.server().unary(ECHO, (request) => `${request}!`);
    const channel = await running.channelTo(server);
    assert.equal(await channel.unary(ECHO, 'hello'), 'hello!');
    const metrics = await otel.collect();
    const OK = { 'grpc.method': METHOD, 'grpc.status': 'OK' };
    const expected: [string, string, string, object, number | undefined][] = [
      [
        'grpc.client.attempt.started',
        '{attempt}',
        '',
        { 'grpc.method': METHOD, targeted: true },
        1,
      ],
      ['grpc.client.attempt.duration', 's', LATENCY, { ...OK, targeted: true }, undefined],
      [
        'grpc.client.attempt.sent_total_compressed_message_size',
        'By',
        SIZE,
        { ...OK, targeted: true },
        7,
      ],
      [
        'grpc.client.attempt.rcvd_total_compressed_message_size',
        'By',
        SIZE,
        { ...OK, targeted: true },
        8,
      ],
      ['grpc.client.call.duration', 's', LATENCY, { ...OK, targeted: true }, undefined],
      ['grpc.server.call.started', '{call}', '', { 'grpc.method': METHOD }, 1],
      ['grpc.server.call.duration', 's', LATENCY, OK, undefined],
      ['grpc.server.call.sent_total_compressed_message_size', 'By', SIZE, OK, 8],
      ['grpc.server.call.rcvd_total_compressed_message_size', 'By', SIZE, OK, 7],
    ];
    for (const [name, unit, boundaries, attributes, value] of expected) {
      const metric = metrics.get(name);
      assert.ok(metric !== undefined, name);
      assert.equal(metric.unit, unit, name);
      assert.equal(metric.boundaries.map(decimal).join(' '), boundaries, name);
      const one = only(metric.series);
      assert.deepEqual(plain(one), attributes, name);
      if (value === undefined) assert.ok(one.value >= 0 && one.value < 10, `${name} ${one.value}`);
      else assert.equal(one.value, value, name);
    }
    for (const name of ['retries', 'transparent_retries', 'hedges', 'retry_delay']) {
      assert.equal(metrics.get(`grpc.client.call.${name}`), undefined, name);
    }
  });

  it('name the target with its scheme, or "other" where a filter says so', async () => {
    const server = running.server().unary(ECHO, (request) => request);
    const { port } = await server.listen({ host: '127.0.0.1' });
    const asked: string[] = [];
    const otel = started({
      targets: (target) => {
        asked.push(target);
        return !target.startsWith('ipv4:');
      },
    });
    await running.channel(`127.0.0.1:${port}`).unary(ECHO, 'a');
    await running.channel(`ipv4:127.0.0.1:${port}`).unary(ECHO, 'b');
    const series = await otel.series('grpc.client.call.duration');
    const targets = series.map(({ attributes }) => attributes['grpc.target']);
    assert.deepEqual(targets.toSorted(), [`dns:///127.0.0.1:${port}`, 'other']);
    assert.deepEqual(asked.toSorted(), [`dns:///127.0.0.1:${port}`, `ipv4:127.0.0.1:${port}`]);
  });

  it('count methods that nobody has registered as "other", unless a filter names them', async () => {
    const server = running.server().unary(ECHO, (request) => request);
    const channel = await running.channelTo(server);
    const otel = started({ methods: (path) => path === '/test.Known/Path' });
    const invented = ['/test.Unknown/A', '/test.Unknown/B', '/test.Known/Path'];
    for (const path of invented) {
      assert.equal((await failureOf(channel.unary(path, X))).code, Status.UNIMPLEMENTED);
    }
    for (const name of ['grpc.server.call.started', 'grpc.client.attempt.started']) {
      const series = await otel.series(name);
      const counts = series.map(({ attributes, value }) => [attributes['grpc.method'], value]);
      assert.deepEqual(
        counts.toSorted(),
        [
          ['other', 2],
          ['test.Known/Path', 1],
        ],
        name,
      );
    }
    const ended = only(
      (await otel.series('grpc.server.call.duration')).filter(
        ({ attributes }) => attributes['grpc.method'] === 'other',
      ),
    );
    assert.equal(ended.attributes['grpc.status'], 'UNIMPLEMENTED');
    assert.equal(ended.count, 2);
  });

  it('record the status with which a call failed, on each side', async () => {
    const server = running.server().unary(ECHO, () => {
      throw new StatusError(Status.NOT_FOUND, 'no such thing');
    });
    const channel = await running.channelTo(server);
    const otel = started();
    await failureOf(channel.unary(ECHO, 'x'));
    for (const name of [
      'grpc.client.call.duration',
      'grpc.client.attempt.duration',
      'grpc.server.call.duration',
    ]) {
      const one = only(await otel.series(name));
      assert.equal(one.attributes['grpc.status'], 'NOT_FOUND', name);
      assert.equal(one.count, 1, name);
    }
  });

  it('add up the messages of streams, as they were compressed', async () => {
    const path = '/test.Echo/Chat';
    const server = running.server().bidiStreaming(path, async function* (requests) {
      for await (const request of requests) yield request;
    });
    const channel = await running.channelTo(server);
    const otel = started({ methods: () => true });
    const big = Buffer.alloc(10_000, 'a');
    const sizeOf = async (name: string): Promise<number> => only(await otel.series(name)).value;
    await textsOf(channel.bidiStreaming(path, [big, X, big]));
    assert.equal(await sizeOf('grpc.client.attempt.sent_total_compressed_message_size'), 20_001);
    assert.equal(await sizeOf('grpc.server.call.rcvd_total_compressed_message_size'), 20_001);
    await textsOf(channel.bidiStreaming(path, [big, big], { compress: 'gzip' }));
    const sent = await sizeOf('grpc.client.attempt.sent_total_compressed_message_size');
    assert.ok(sent > 20_001 && sent < 21_000, `compressed ${sent}`);
    assert.equal(await sizeOf('grpc.server.call.rcvd_total_compressed_message_size'), sent);
    assert.equal(await sizeOf('grpc.server.call.sent_total_compressed_message_size'), 40_001);
  });

  it('count the retries of a call and the time between them (gRFC A96)', async () => {
    const fails = failing(2);
    const server = running.server().unary(ECHO, (request) => {
      fails();
      return request;
    });
    const channel = await running.channelTo(server, { serviceConfig: retrying({}) });
    const otel = started();
    await channel.unary(ECHO, 'x');
    const metrics = await otel.collect();
    assert.equal(only(metrics.get('grpc.client.attempt.started')?.series).value, 3);
    const retries = metrics.get('grpc.client.call.retries');
    assert.equal(retries?.unit, '{retry}');
    assert.deepEqual(retries?.boundaries, [1, 2, 3, 4, 5]);
    assert.equal(only(retries?.series).value, 2);
    assert.equal(only(retries?.series).count, 1);
    const delay = only(metrics.get('grpc.client.call.retry_delay')?.series);
    assert.ok(delay.value > 0 && delay.value < 5, `delay ${delay.value}`);
    assert.equal(metrics.get('grpc.client.call.hedges'), undefined);
    assert.equal(only(metrics.get('grpc.client.call.duration')?.series).count, 1);
    const attempts = metrics.get('grpc.client.attempt.duration')?.series ?? [];
    const byStatus = attempts.map(({ attributes, count }) => [attributes['grpc.status'], count]);
    assert.deepEqual(byStatus.toSorted(), [
      ['OK', 1],
      ['UNAVAILABLE', 2],
    ]);
  });

  it('count the hedges of a call', async () => {
    const server = running.server().unary(ECHO, (request) => request);
    const channel = await running.channelTo(server, { serviceConfig: HEDGING });
    const otel = started();
    await channel.unary(ECHO, 'x');
    const metrics = await otel.collect();
    assert.equal(only(metrics.get('grpc.client.call.hedges')?.series).value, 2);
    assert.equal(metrics.get('grpc.client.call.hedges')?.unit, '{hedge}');
    assert.equal(only(metrics.get('grpc.client.attempt.started')?.series).value, 3);
    assert.equal(metrics.get('grpc.client.call.retries'), undefined);
  });

  it('are those of generated clients as well', async () => {
    const otel = started();
    const { Health, addHealth } = await import('#sluice/services/health.js');
    const server = running.server();
    addHealth(server);
    const channel = await running.channelTo(server);
    await createClient(Health, channel).check({ service: '' });
    const one = only(await otel.series('grpc.client.attempt.started'));
    assert.equal(one.attributes['grpc.method'], 'grpc.health.v1.Health/Check');
  });
});

describe('metrics of connections and limits', () => {
  it('count refused calls by the name of the limit', async () => {
    const hold = signal();
    const server = running.server().unary(ECHO, async (request) => {
      await hold.happened;
      return request;
    });
    const channel = await running.channelTo(server, {
      limits: { openCalls: 1 },
      admissionPolicy: 'fail',
    });
    const otel = started();
    await channel.ready();
    const first = channel.unary(ECHO, 'x');
    assert.equal((await failureOf(channel.unary(ECHO, 'y'))).code, Status.RESOURCE_EXHAUSTED);
    hold.raise();
    await first;
    const acted = only(await otel.series('grpc.transport.http2.limit.acted'));
    assert.equal(acted.attributes.limit, 'open-calls');
    assert.equal(acted.attributes.what, 'refused');
    assert.equal(acted.value, 1);
    const statuses = (await otel.series('grpc.client.call.duration')).map(
      ({ attributes }) => attributes['grpc.status'],
    );
    assert.deepEqual(statuses.toSorted(), ['OK', 'RESOURCE_EXHAUSTED']);
  });

  it('count connections that succeed, fail and end, with the reason (gRFC A94)', async () => {
    const otel = started();
    const server = running.server().unary(ECHO, (request) => request);
    const { port } = await server.listen({ host: '127.0.0.1' });
    const target = `dns:///127.0.0.1:${port}`;
    const channel = running.channel(`127.0.0.1:${port}`);
    await channel.ready();
    let metrics = await otel.collect();
    const succeeded = metrics.get('grpc.subchannel.connection_attempts_succeeded');
    assert.equal(succeeded?.unit, '{attempt}');
    assert.deepEqual(only(succeeded?.series).attributes, { 'grpc.target': target });
    assert.equal(only(succeeded?.series).value, 1);
    assert.equal(only(metrics.get('grpc.subchannel.open_connections')?.series).value, 1);
    await server.close();
    await channel.watchState('READY');
    // The server is gone: whoever connects is refused.
    await failureOf(channel.unary(ECHO, 'x'));
    metrics = await otel.collect();
    const lost = only(metrics.get('grpc.subchannel.disconnections')?.series);
    assert.equal(lost.value, 1);
    assert.equal(lost.attributes['grpc.target'], target);
    assert.equal(lost.attributes['grpc.disconnect_error'], 'GOAWAY NO_ERROR');
    const failed = only(metrics.get('grpc.subchannel.connection_attempts_failed')?.series);
    assert.ok(failed.value >= 1);
    assert.equal(failed.attributes['grpc.target'], target);
    const open = metrics.get('grpc.subchannel.open_connections')?.series ?? [];
    assert.deepEqual(
      open.map(({ value }) => value),
      [0],
    );
  });

  it('say "subchannel shutdown" of a connection that its channel closed', async () => {
    const server = running.server().unary(ECHO, (request) => request);
    const channel = await running.channelTo(server);
    await channel.ready();
    const otel = started();
    // It was open before: counted all the same.
    assert.equal(only(await otel.series('grpc.subchannel.open_connections')).value, 1);
    await channel.close();
    const lost = only(await otel.series('grpc.subchannel.disconnections'));
    assert.equal(lost.attributes['grpc.disconnect_error'], 'subchannel shutdown');
    assert.match(String(lost.attributes['grpc.target']), /^dns:\/\/\/127/);
  });

  it('show the queues, windows, streams and limits of stats(), of channels and of servers', async () => {
    const hold = signal();
    const server = running.server().unary(ECHO, async (request) => {
      await hold.happened;
      return request;
    });
    const { port } = await server.listen({ host: '127.0.0.1' });
    const channel = running.channel(`127.0.0.1:${port}`);
    const sameTarget = running.channel(`127.0.0.1:${port}`);
    const otel = started();
    await channel.ready();
    await sameTarget.ready();
    const calls = [channel.unary(ECHO, 'x'), channel.unary(ECHO, 'y'), sameTarget.unary(ECHO, 'z')];
    while ((server.stats().connections[0]?.streams.open ?? 0) < 3) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const metrics = await otel.collect();
    const client = { 'grpc.target': `dns:///127.0.0.1:${port}` };
    const served = { 'server.address': '127.0.0.1', 'server.port': port };
    const figure = (name: string, attributes: object): number | undefined => {
      const { series = [] } = metrics.get(`grpc.transport.http2.${name}`) ?? {};
      const wanted = JSON.stringify(Object.entries(attributes).toSorted());
      return series.find(
        (one) => JSON.stringify(Object.entries(one.attributes).toSorted()) === wanted,
      )?.value;
    };
    // The connection is shared, and shows once.
    assert.equal(figure('connections', { ...client, state: 'ready' }), 1);
    assert.equal(figure('streams.open', client), 3);
    assert.equal(figure('streams.open', served), 3);
    const [connection] = channel.stats().connections;
    assert.equal(figure('window.send', client), connection?.sendQuota);
    assert.equal(figure('window.receive', client), connection?.receiveWindow);
    assert.equal(figure('exposure', client), connection?.exposureBytes);
    assert.equal(figure('queue.bytes', client), 0);
    assert.equal(figure('gate.closed', client), 0);
    assert.equal(figure('waiting_calls', client), 0);
    const openCalls = channel.stats().limits['open-calls'];
    const limit = { limit: 'open-calls', unit: openCalls?.unit };
    assert.equal(figure('limit.depth', { ...client, ...limit }), 3);
    assert.equal(figure('limit.value', { ...client, ...limit }), openCalls?.value);
    assert.equal(figure('limit.depth', { ...served, limit: 'handlers', unit: 'handlers' }), 3);
    hold.raise();
    await Promise.all(calls);
  });
});

describe('the handle of instrument', () => {
  it('ends it: nothing is recorded, and nobody listens any more', async () => {
    const server = running.server().unary(ECHO, (request) => request);
    const channel = await running.channelTo(server);
    const otel = started();
    await channel.unary(ECHO, 'x');
    assert.equal(callEvents.hasSubscribers, true);
    otel.handle.disable();
    otel.handle.disable();
    assert.equal(callEvents.hasSubscribers, false);
    assert.equal(limitEvents.hasSubscribers, false);
    await channel.unary(ECHO, 'x');
    assert.equal(only(await otel.series('grpc.server.call.started')).value, 1);
    assert.deepEqual(await otel.series('grpc.transport.http2.connections'), []);
  });

  it('leaves what another one records', async () => {
    const server = running.server().unary(ECHO, (request) => request);
    const channel = await running.channelTo(server);
    const otel = started();
    const other = new Telemetry();
    try {
      await channel.unary(ECHO, 'x');
      otel.handle.disable();
      await channel.unary(ECHO, 'x');
      assert.equal(only(await otel.series('grpc.server.call.started')).value, 1);
      assert.equal(only(await other.series('grpc.server.call.started')).value, 2);
    } finally {
      await other.end();
    }
  });

  it('refuses what is no provider', () => {
    const wrong: unknown = { meter: true };
    assert.throws(
      () => started({ meterProvider: wrong as never }),
      new TypeError(
        'instrument: meterProvider has no getMeter(); give one of the OpenTelemetry SDK',
      ),
    );
  });
});
