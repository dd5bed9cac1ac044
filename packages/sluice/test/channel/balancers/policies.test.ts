// Balancing policies over real connections: chosen by a service config, they share calls among
// servers. gRFC A24, A42, A48, A50, A58.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  type Channel,
  Metadata,
  type ResolverListener,
  registerResolver,
  Status,
  StatusError,
} from '#sluice/index.js';
import { failureOf, Running } from '../../support/running.js';
import { reportTrailers } from './load-reports.js';

const WHO = '/test.Backends/Who';
const EMPTY = Buffer.alloc(0);

const running = new Running();

/** Servers that answer with their number, and a channel to all of them. */
async function balanced(
  count: number,
  policy: Record<string, unknown>,
  answer: (server: number, trailer: Metadata) => void = () => {},
): Promise<Channel> {
  const ports: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const server = running.server().unary(WHO, (_request, context) => {
      answer(i, context.trailer);
      return Buffer.from(String(i));
    });
    ports.push((await server.listen({ host: '127.0.0.1' })).port);
  }
  const channel = running.channel(`ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`, {
    serviceConfig: { loadBalancingConfig: [policy] },
  });
  await channel.ready();
  return channel;
}

async function who(channel: Channel, metadata = new Metadata()): Promise<string> {
  return String(await channel.unary(WHO, EMPTY, { metadata }));
}

/** Calls until every server has answered one. */
async function untilAllAnswer(channel: Channel, count: number): Promise<void> {
  const seen = new Set<string>();
  while (seen.size < count) seen.add(await who(channel));
}

async function counts(channel: Channel, calls: number): Promise<Record<string, number>> {
  const counted: Record<string, number> = {};
  for (let i = 0; i < calls; i += 1) {
    const name = await who(channel);
    counted[name] = (counted[name] ?? 0) + 1;
  }
  return counted;
}

afterEach(() => running.end());

describe('a channel with a service config', () => {
  it('of round_robin gives each server the same number of calls', async () => {
    const channel = await balanced(3, { round_robin: {} });
    await untilAllAnswer(channel, 3);
    assert.deepEqual(await counts(channel, 30), { 0: 10, 1: 10, 2: 10 });
  });

  it('of weighted_round_robin follows what servers say of their load', async () => {
    const policy = { weighted_round_robin: { blackoutPeriod: '0s', weightUpdatePeriod: '0.1s' } };
    const channel = await balanced(2, policy, (server, trailer) => {
      const [, , name = '', value = ''] = reportTrailers(server === 0 ? 900 : 100, 0.5);
      trailer.set(name, Buffer.from(value, 'base64'));
    });
    await untilAllAnswer(channel, 2);
    // Weights count from the next update on.
    for (;;) {
      const counted = await counts(channel, 100);
      if ((counted[0] ?? 0) >= 88 && (counted[1] ?? 0) >= 8) break;
    }
  });

  it('of least_request answers calls from every server', async () => {
    const channel = await balanced(3, { least_request_experimental: { choiceCount: 3 } });
    await untilAllAnswer(channel, 3);
  });

  it('of ring_hash sends calls with one value of a field to one server', async () => {
    const policy = { ring_hash_experimental: { requestHashHeader: 'user' } };
    const channel = await balanced(4, policy);
    const servers = new Set<string>();
    for (let user = 0; user < 24; user += 1) {
      const metadata = new Metadata();
      metadata.set('user', `u${user}`);
      const server = await who(channel, metadata);
      servers.add(server);
      for (let i = 0; i < 3; i += 1) assert.equal(await who(channel, metadata), server);
    }
    assert.ok(servers.size > 1);
  });

  it('of outlier_detection takes a server out whose calls fail', async () => {
    const policy = {
      outlier_detection: {
        interval: '0.05s',
        failurePercentageEjection: { minimumHosts: 2, requestVolume: 3 },
        childPolicy: [{ round_robin: {} }],
      },
    };
    const channel = await balanced(3, policy, (server) => {
      if (server === 1) throw new StatusError(Status.UNAVAILABLE, 'out of order');
    });
    for (let answered = 0; answered < 30; ) {
      const answer = await who(channel).then(
        () => true,
        () => false,
      );
      answered = answer ? answered + 1 : 0;
    }
  });

  it('goes over to ring_hash and other backends without a call that fails', async () => {
    const told: ResolverListener[] = [];
    registerResolver({
      scheme: 'told',
      authority: () => 'backends',
      create: (_target, listener) => {
        told.push(listener);
        return { resolve: () => {}, close: () => {} };
      },
    });
    const ports: number[] = [];
    for (const name of ['old', 'new']) {
      const server = running.server().unary(WHO, () => Buffer.from(name));
      ports.push((await server.listen({ host: '127.0.0.1' })).port);
    }
    const channel = running.channel('told:backends');
    const resolve = (at: number, policy: string): void => {
      const endpoint = { kind: 'tcp', host: '127.0.0.1', port: ports[at] ?? 0 } as const;
      const serviceConfig = { loadBalancingConfig: [{ [policy]: {} }] };
      told[0]?.onResolution({ addresses: [{ endpoint }], serviceConfig });
    };
    const first = who(channel);
    resolve(0, 'round_robin');
    assert.equal(await first, 'old');
    resolve(1, 'ring_hash');
    while ((await who(channel)) !== 'new');
  });

  it('of a policy with a bad config is refused at once', () => {
    const policy = { ring_hash: { minRingSize: -1 } };
    assert.throws(
      () => running.channel('127.0.0.1:1', { serviceConfig: { loadBalancingConfig: [policy] } }),
      /^RangeError: ring_hash\.minRingSize is -1; /,
    );
  });

  it('of any policy fails calls where nobody listens', async () => {
    for (const policy of ['round_robin', 'least_request', 'ring_hash', 'weighted_round_robin']) {
      const serviceConfig = { loadBalancingConfig: [{ [policy]: {} }] };
      const channel = running.channel('127.0.0.1:1', { serviceConfig });
      const failure = await failureOf(channel.unary(WHO, EMPTY));
      assert.match(failure.message, /UNAVAILABLE: cannot connect to 127\.0\.0\.1:1: /);
    }
  });
});
