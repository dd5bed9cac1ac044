// Resolvers and balancers that a program registers, at their worst: what they throw ends in a status
// of the calls, what they forget is cleaned up, and what comes too late is dropped.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Balancer, type BalancerContext, registerBalancer } from '#sluice/channel/balancer.js';
import { ChannelCore } from '#sluice/channel/channel-core.js';
import {
  type BackendAddress,
  type Resolver,
  type ResolverListener,
  registerResolver,
} from '#sluice/channel/resolver.js';
import { processPool } from '#sluice/channel/subchannel-pool.js';
import { type Channel, type ServiceConfig, Status } from '#sluice/index.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Own/Method';
const X = Buffer.from('x');
const NOBODY: BackendAddress = { endpoint: { kind: 'tcp', host: '127.0.0.1', port: 1 } };

const running = new Running();

afterEach(async () => {
  await running.end();
  assert.equal(processPool.size, 0, 'subchannels left behind');
});

const fault = (): never => {
  throw new Error('a bug');
};

/** Makes `own:` targets known, resolved like this. */
function resolving(create: (listener: ResolverListener) => Resolver): void {
  registerResolver({
    scheme: 'own',
    authority: () => 'own',
    create: (_target, listener) => create(listener),
  });
}

/** A service config with a policy that does nothing but this. */
function balancing(make: (context: BalancerContext) => Partial<Balancer>): ServiceConfig {
  registerBalancer({
    name: 'own_policy',
    parseConfig: () => undefined,
    create: (context) => ({
      update() {},
      onResolverError() {},
      exitIdle() {},
      close() {},
      ...make(context),
    }),
  });
  return { loadBalancingConfig: [{ own_policy: {} }] };
}

describe('a resolver', () => {
  for (const [when, create] of [
    ['is made', fault],
    ['resolves', () => ({ resolve: fault, close() {} })],
  ] as const) {
    it(`that throws when it ${when} fails calls with UNAVAILABLE`, async () => {
      resolving(create);
      const channel = running.channel('own:x');
      for (let i = 0; i < 2; i += 1) {
        const failure = await failureOf(channel.unary(PATH, X, { timeoutMs: 500 }));
        assert.equal(failure.code, Status.UNAVAILABLE);
        assert.equal(failure.details, 'the resolver of own:x threw: a bug');
      }
    });
  }

  it('that throws when it is closed does not keep its channel from closing', async () => {
    resolving(() => ({ resolve() {}, close: fault }));
    const channel = running.channel('own:x');
    const call = failureOf(channel.unary(PATH, X));
    await channel.close();
    assert.equal((await call).details, 'the channel was closed');
    assert.equal(channel.state, 'SHUTDOWN');
  });

  it('whose answer ends the channel, while it is made, is closed', async () => {
    let channel: Channel | undefined;
    let closed = 0;
    resolving((listener) => {
      listener.onError('no answer');
      return { resolve: fault, close: () => (closed += 1) };
    });
    channel = running.channel('own:x');
    const onEnd = (): void => void channel?.close();
    const listener = { onHeader() {}, onMessage() {}, onWritable() {}, onEnd };
    channel.connect();
    channel.call(PATH, {}, listener).halfClose();
    await channel.close();
    assert.equal(closed, 1);
  });

  it('that answers after it was closed is not heard', async () => {
    const listeners: ResolverListener[] = [];
    resolving((listener) => {
      listeners.push(listener);
      return { resolve() {}, close() {} };
    });
    const channel = running.channel('own:x', { idleTimeoutMs: 20 });
    channel.connect();
    assert.equal(await channel.watchState('CONNECTING', { timeoutMs: 5_000 }), 'IDLE');
    listeners[0]?.onResolution({ addresses: [NOBODY] });
    assert.equal(channel.state, 'IDLE');
    assert.deepEqual(channel.stats().backends, []);
  });
});

describe('a balancer', () => {
  for (const [when, make] of [
    ['is made', fault],
    ['is given addresses', () => ({ update: fault })],
    [
      'hears of a backend',
      (context: BalancerContext) => ({
        update: () => context.createSubchannel(NOBODY, fault).connect(),
      }),
    ],
    [
      'is called by its timer',
      (context: BalancerContext) => ({
        update: () => void context.startTimer(1, fault),
      }),
    ],
  ] as const) {
    it(`that throws when it ${when} fails calls with INTERNAL`, async () => {
      const channel = running.channel('ipv4:127.0.0.1:1', { serviceConfig: balancing(make) });
      for (let i = 0; i < 2; i += 1) {
        const failure = await failureOf(channel.unary(PATH, X, { timeoutMs: 500 }));
        assert.equal(failure.code, Status.INTERNAL);
        assert.equal(failure.details, 'the balancer own_policy threw: a bug');
      }
    });
  }

  it('may say what it has to say while it is made', async () => {
    const drop = { kind: 'drop', code: Status.ABORTED, details: 'said at once' } as const;
    const serviceConfig = balancing((context) => {
      context.update('READY', { pick: () => drop });
      return {};
    });
    const channel = running.channel('ipv4:127.0.0.1:1', { serviceConfig });
    const failure = await failureOf(channel.unary(PATH, X, { timeoutMs: 500 }));
    assert.equal(failure.details, 'said at once');
  });

  it('that forgets its subchannels, or throws when it is closed, leaves none to the channel', async () => {
    const serviceConfig = balancing((context) => ({
      update: () => void context.createSubchannel(NOBODY, () => {}),
      close: fault,
    }));
    const channel = running.channel('ipv4:127.0.0.1:1', { serviceConfig });
    channel.connect();
    assert.equal(processPool.size, 1);
    await channel.close();
    assert.equal(processPool.size, 0);
  });
});

describe('addresses that change all the time', () => {
  it('leave nothing of those that are gone', async () => {
    let heard: ResolverListener | undefined;
    resolving((listener) => {
      heard = listener;
      return { resolve() {}, close() {} };
    });
    const serviceConfig = { loadBalancingConfig: [{ round_robin: {} }] };
    const core = new ChannelCore('own:x', {
      serviceConfig,
      idleTimeoutMs: Number.POSITIVE_INFINITY,
    });
    core.exitIdle();
    for (let i = 1; i <= 100; i += 1) {
      const endpoint = { kind: 'tcp', host: `127.0.1.${i}`, port: 1 } as const;
      heard?.onResolution({ addresses: [{ endpoint }] });
    }
    const backends: unknown = Reflect.get(core, 'backends');
    assert.ok(backends instanceof Set && backends.size < 30);
    await core.close();
  });
});

describe('channels that share a connection', () => {
  it('show it, and are busy, for calls of their own alone', async () => {
    const server = running.server().unary(PATH, (request) => request);
    server.unary('/test.Own/Hang', (_request, { signal }) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    });
    const { port } = await server.listen({ host: '127.0.0.1' });
    const target = `127.0.0.1:${port}`;
    const [one, two] = [running.channel(target, { idleTimeoutMs: 20 }), running.channel(target)];
    await Promise.all([one.unary(PATH, X), two.unary(PATH, X)]);
    const hanging = failureOf(two.unary('/test.Own/Hang', X));
    assert.equal(one.stats().connections.length, 1);
    assert.equal(await one.watchState('READY', { timeoutMs: 5_000 }), 'IDLE');
    assert.deepEqual(one.stats().connections, []);
    assert.equal(two.stats().connections.length, 1);
    await one.close();
    assert.equal(two.state, 'READY');
    await two.close();
    assert.equal((await hanging).details, 'the channel was closed');
  });
});

describe('watchState', () => {
  it('takes no more callers than may wait', async () => {
    const channel = running.channel('127.0.0.1:1', { limits: { waitingCalls: 2 } });
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const watching = [1, 2].map(() => failureOf(channel.watchState('IDLE', options)));
    const failure = await failureOf(channel.watchState('IDLE'));
    assert.equal(failure.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(
      failure.details,
      'refused by the waiting-calls limit: 2 of 2 callers of watchState wait already; give them a signal or timeoutMs, or raise limits.waitingCalls',
    );
    controller.abort();
    for (const { code } of await Promise.all(watching)) assert.equal(code, Status.CANCELLED);
  });
});
