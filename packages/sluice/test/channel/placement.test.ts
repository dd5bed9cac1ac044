// Which calls wait, and for whom: a call that has to wait holds back those alone that wait for the
// same; nobody waits on a channel that has ended. gRPC wait-for-ready.md, load-balancing.md.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  type BalancedSubchannel,
  type BalancerContext,
  type Picker,
  type PickInfo,
  type PickResult,
  registerBalancer,
} from '#sluice/channel/balancer.js';
import { type Channel, type ChannelOptions, Metadata, Status } from '#sluice/index.js';
import { CA_CERTIFICATE } from '../support/certificates.js';
import { failureOf, Running, signal } from '../support/running.js';

const ECHO = '/test.Placement/Echo';
const X = Buffer.from('x');
// Nothing listens there.
const NOBODY = '127.0.0.1:1';

const running = new Running();

afterEach(() => running.end());

type Pick = (call: PickInfo, backends: readonly BalancedSubchannel[]) => PickResult;

/** The options of a channel whose balancer connects to every address and picks as it is told. */
function picking(pick: Pick, connects = true): ChannelOptions {
  registerBalancer({
    name: 'test_picking',
    parseConfig: () => undefined,
    create(context: BalancerContext) {
      let backends: BalancedSubchannel[] = [];
      const picker: Picker = { pick: (call) => pick(call, backends) };
      const tell = (): void => {
        const failed = backends.find(({ state }) => state === 'TRANSIENT_FAILURE');
        if (failed === undefined) context.update('READY', picker);
        else {
          const { lastFailure: details } = failed;
          const fail = { kind: 'fail', code: Status.UNAVAILABLE, details } as const;
          context.update('TRANSIENT_FAILURE', { pick: () => fail });
        }
      };
      return {
        update(addresses) {
          backends = addresses.map((address) => context.createSubchannel(address, tell));
          if (connects) for (const backend of backends) backend.connect();
          tell();
        },
        onResolverError() {},
        exitIdle() {},
        close() {
          for (const backend of backends) backend.release();
        },
      };
    },
  });
  return { serviceConfig: { loadBalancingConfig: [{ test_picking: {} }] } };
}

/** Channels to this many servers, each of which allows one call at a time. */
async function narrow(count: number, pick: Pick): Promise<{ channel: Channel; free: () => void }> {
  const freed = signal();
  const ports: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const server = running.server({ limits: { streams: 1 } });
    server.unary(ECHO, async (request, { metadata }) => {
      if (metadata.has('hang')) await freed.happened;
      return request;
    });
    ports.push((await server.listen({ host: '127.0.0.1' })).port);
  }
  const target = `static:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
  return { channel: running.channel(target, picking(pick)), free: () => freed.raise() };
}

const QUEUE: PickResult = { kind: 'queue' };

/** By the value of the field `to`, once that backend is READY. */
function byField({ fields }: PickInfo, backends: readonly BalancedSubchannel[]): PickResult {
  const at = fields.indexOf('to');
  const subchannel = backends[at < 0 ? 0 : Number(fields[at + 1])];
  return subchannel?.state === 'READY' ? { kind: 'subchannel', subchannel } : QUEUE;
}

describe('a call that waits for ready', () => {
  it('holds no other back: those fail at once while the backend cannot be reached', async () => {
    const channel = running.channel(NOBODY);
    const controller = new AbortController();
    const waits = channel.unary(ECHO, X, { waitForReady: true, signal: controller.signal });
    // Both wait for the connection.
    assert.equal((await failureOf(channel.unary(ECHO, X))).code, Status.UNAVAILABLE);
    assert.equal(channel.stats().waitingCalls, 1);
    const late = await failureOf(channel.unary(ECHO, X, { timeoutMs: 500 }));
    assert.equal(late.code, Status.UNAVAILABLE);
    controller.abort();
    assert.equal((await failureOf(waits)).code, Status.CANCELLED);
  });
});

describe('a call that the picker makes wait', () => {
  it('holds no other back', async () => {
    const { channel } = await narrow(1, (call, backends) =>
      call.fields.includes('never') ? QUEUE : byField(call, backends),
    );
    await channel.ready();
    const controller = new AbortController();
    const metadata = new Metadata({ never: 'x' });
    const waits = channel.unary(ECHO, X, { metadata, signal: controller.signal });
    const other = channel.unary(ECHO, X, { timeoutMs: 500 });
    assert.equal(channel.stats().waitingCalls, 1);
    assert.equal(String(await other), 'x');
    controller.abort();
    assert.equal((await failureOf(waits)).code, Status.CANCELLED);
  });

  it('fails when its backend does from inside the pick', async () => {
    const options = picking((_call, backends) => {
      for (const backend of backends) backend.connect();
      return QUEUE;
    }, false);
    const tls = { ca: CA_CERTIFICATE, cert: '-----BEGIN nothing', key: '-----BEGIN nothing' };
    const channel = running.channel(NOBODY, { ...options, tls });
    const failure = await failureOf(channel.unary(ECHO, X, { timeoutMs: 500 }));
    assert.equal(failure.code, Status.UNAVAILABLE);
  });
});

describe('a backend that is full', () => {
  it('makes calls to it wait in order, and holds back none to another', async () => {
    const { channel, free } = await narrow(2, byField);
    const to = (backend: string): Metadata => new Metadata({ to: backend });
    await channel.unary(ECHO, X, { metadata: to('0') });
    await channel.unary(ECHO, X, { metadata: to('1') });
    const answered: number[] = [];
    const hung = channel.unary(ECHO, X, { metadata: to('0').append('hang', 'x') });
    const waiting = Array.from({ length: 40 }, (_, i) =>
      channel.unary(ECHO, X, { metadata: to('0') }).then(() => answered.push(i)),
    );
    assert.equal(channel.stats().waitingCalls, 40);
    // More than one at a time, so that some of these wait as well.
    const others = Array.from({ length: 3 }, () =>
      channel.unary(ECHO, X, { metadata: to('1'), timeoutMs: 500 }),
    );
    assert.equal(channel.stats().waitingCalls, 42);
    await Promise.all(others);
    assert.equal(channel.stats().waitingCalls, 40);
    free();
    await Promise.all([hung, ...waiting]);
    assert.deepEqual(
      answered,
      Array.from({ length: 40 }, (_, i) => i),
    );
  });
});

describe('two channels on one connection', () => {
  it('get its streams in turn, however long their lines are', async () => {
    const server = running.server({ limits: { streams: 1 } });
    const order: string[] = [];
    server.unary(ECHO, (request) => {
      order.push(String(request));
      return request;
    });
    const { port } = await server.listen({ host: '127.0.0.1' });
    const channels = [1, 2].map(() => running.channel(`127.0.0.1:${port}`));
    await Promise.all(channels.map((channel) => channel.ready()));
    const calls: Promise<unknown>[] = [];
    channels.forEach((channel, i) => {
      for (let n = 0; n < 10; n += 1) calls.push(channel.unary(ECHO, Buffer.from(String(i))));
    });
    await Promise.all(calls);
    // By the middle both have got about as many.
    const first = order.slice(0, 10).filter((i) => i === '0').length;
    assert.ok(first >= 4 && first <= 6, order.join(''));
  });
});

describe('a channel that is closed', () => {
  it('by a picker ends the call that is being placed', async () => {
    const channel = running.channel(
      NOBODY,
      picking(() => {
        void channel.close();
        return QUEUE;
      }),
    );
    const failure = await failureOf(channel.unary(ECHO, X, { timeoutMs: 500 }));
    assert.equal(failure.code, Status.UNAVAILABLE);
    assert.equal(failure.details, 'the channel was closed');
  });

  it('asks for no credentials', async () => {
    const channel = running.channel(NOBODY, { tls: true });
    await channel.close();
    const credentials = (): never => assert.fail('they were asked for');
    const failure = await failureOf(channel.unary(ECHO, X, { credentials, timeoutMs: 500 }));
    assert.equal(failure.code, Status.UNAVAILABLE);
  });
});
