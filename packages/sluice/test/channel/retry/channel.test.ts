// Policies of a service config on a real channel: every kind of call obeys them, the figures of the
// channel tell of them, and none outlives it.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { ServiceConfig } from '#sluice/channel/service-config.js';
import { type Channel, Metadata, type Server, Status, StatusError } from '#sluice/index.js';
import { failureOf, Running, signal, textsOf } from '../../support/running.js';

const PATH = '/test.Policies/Method';
const PLAIN = '/test.Plain/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** Policies apply to one service; backoff is `initialBackoff` each time. */
function retrying(initialBackoff: string, more: Partial<ServiceConfig> = {}): ServiceConfig {
  return {
    methodConfig: [
      {
        name: [{ service: 'test.Policies' }],
        retryPolicy: {
          maxAttempts: 3,
          initialBackoff,
          maxBackoff: initialBackoff,
          backoffMultiplier: 1,
          retryableStatusCodes: ['UNAVAILABLE'],
        },
      },
    ],
    ...more,
  };
}

const HEDGING: ServiceConfig = {
  methodConfig: [
    {
      name: [{ service: 'test.Policies' }],
      hedgingPolicy: { maxAttempts: 3, hedgingDelay: '0s', nonFatalStatusCodes: ['UNAVAILABLE'] },
    },
  ],
};

const QUICK = '0.001s';

async function channelTo(server: Server, serviceConfig: ServiceConfig): Promise<Channel> {
  return running.channelTo(server, { serviceConfig });
}

/** Asserts that nothing is kept for attempts, and answers how often there were more. */
function figuresOf(channel: Channel): unknown {
  const { retries, limits } = channel.stats();
  assert.equal(limits['retry-bytes']?.depth, 0);
  return retries;
}

function failing(times: number): () => void {
  let left = times;
  return () => {
    left -= 1;
    if (left >= 0) throw new StatusError(Status.UNAVAILABLE, 'not now');
  };
}

describe('a retry policy of a service config', () => {
  it('is obeyed by unary calls, and by no call of another service', async () => {
    const policed = failing(2);
    const plain = failing(2);
    const server = running
      .server()
      .unary(PATH, (request) => {
        policed();
        return request;
      })
      .unary(PLAIN, (request) => {
        plain();
        return request;
      });
    const channel = await channelTo(server, retrying(QUICK));
    assert.equal(String(await channel.unary(PATH, X)), 'x');
    assert.equal((await failureOf(channel.unary(PLAIN, X))).details, 'not now');
    const counts = { retries: 2, hedges: 0, throttled: 0, committedByBuffer: 0 };
    assert.deepEqual(figuresOf(channel), counts);
  });

  it('makes no more attempts than the channel allows', async () => {
    let attempts = 0;
    const server = running.server().unary(PATH, () => {
      attempts += 1;
      throw new StatusError(Status.UNAVAILABLE, 'not now');
    });
    for (const [maxAttempts, made] of [
      [1, 1],
      [2, 2],
      [20, 3],
    ] as const) {
      attempts = 0;
      const serviceConfig = retrying(QUICK);
      const channel = await running.channelTo(server, { serviceConfig, maxAttempts });
      assert.equal((await failureOf(channel.unary(PATH, X))).details, 'not now');
      assert.equal(attempts, made);
    }
  });

  it('is obeyed by server streams', async () => {
    const fail = failing(2);
    const server = running.server().serverStreaming(PATH, async function* (request) {
      fail();
      yield request;
      yield Buffer.from('y');
    });
    const channel = await channelTo(server, retrying(QUICK));
    assert.deepEqual(await textsOf(channel.serverStreaming(PATH, X)), ['x', 'y']);
    figuresOf(channel);
  });

  it('is obeyed by client streams: what was sent is sent again, what follows comes after it', async () => {
    const refused = signal();
    let calls = 0;
    const server = running.server().clientStreaming(PATH, async (requests) => {
      calls += 1;
      const texts: string[] = [];
      for await (const request of requests) {
        texts.push(String(request));
        if (calls > 1 || texts.length < 2) continue;
        refused.raise();
        throw new StatusError(Status.UNAVAILABLE, 'not now');
      }
      return Buffer.from(texts.join());
    });
    const channel = await channelTo(server, retrying(QUICK));
    async function* requests(): AsyncGenerator<Buffer> {
      yield Buffer.from('a');
      yield Buffer.from('b');
      await refused.happened;
      yield Buffer.from('c');
    }
    assert.equal(String(await channel.clientStreaming(PATH, requests())), 'a,b,c');
    figuresOf(channel);
  });

  it('is obeyed by bidi streams until the server answers', async () => {
    let calls = 0;
    const server = running.server().bidiStreaming(PATH, async function* (requests) {
      calls += 1;
      for await (const request of requests) {
        if (calls === 1) throw new StatusError(Status.UNAVAILABLE, 'not now');
        yield request;
        if (String(request) === 'b') throw new StatusError(Status.UNAVAILABLE, 'too late');
      }
    });
    const channel = await channelTo(server, retrying(QUICK));
    const requests = ['a', 'b', 'c'].map((text) => Buffer.from(text));
    const heard: string[] = [];
    const reading = (async () => {
      for await (const message of channel.bidiStreaming(PATH, requests)) heard.push(`${message}`);
    })();
    assert.equal((await failureOf(reading)).details, 'too late');
    assert.deepEqual([heard, calls], [['a', 'b'], 2]);
    figuresOf(channel);
  });

  it('is obeyed beneath interceptors, which see one call', async () => {
    const fail = failing(2);
    const server = running.server().unary(PATH, (request) => {
      fail();
      return request;
    });
    const { port } = await server.listen({ host: '127.0.0.1' });
    let seen = 0;
    const channel = running.channel(`127.0.0.1:${port}`, {
      serviceConfig: retrying(QUICK),
      interceptors: [
        (request, next) => {
          seen += 1;
          return next(request);
        },
      ],
    });
    assert.equal(String(await channel.unary(PATH, X)), 'x');
    assert.equal(seen, 1);
  });

  it('tries a stream larger than is kept only once', async () => {
    const server = running.server().clientStreaming(PATH, async (requests) => {
      let bytes = 0;
      for await (const request of requests) bytes += request.length;
      throw new StatusError(Status.UNAVAILABLE, `${bytes}`);
    });
    const channel = await channelTo(server, retrying(QUICK));
    const requests = Array.from({ length: 40 }, () => Buffer.alloc(10 * 1024));
    const failure = await failureOf(channel.clientStreaming(PATH, requests));
    assert.equal(failure.details, `${400 * 1024}`);
    const counts = { retries: 0, hedges: 0, throttled: 0, committedByBuffer: 1 };
    assert.deepEqual(figuresOf(channel), counts);
  });

  it('stops while the throttle of the config says that too many calls fail', async () => {
    let calls = 0;
    const server = running.server().unary(PATH, () => {
      calls += 1;
      throw new StatusError(Status.UNAVAILABLE, 'down');
    });
    const retryThrottling = { maxTokens: 4, tokenRatio: 0.1 };
    const channel = await channelTo(server, retrying(QUICK, { retryThrottling }));
    for (let i = 0; i < 5; i += 1) await failureOf(channel.unary(PATH, X));
    // Two failures empty half of the bucket; from there on each call is one attempt.
    assert.equal(calls, 6);
    const counts = { retries: 1, hedges: 0, throttled: 5, committedByBuffer: 0 };
    assert.deepEqual(figuresOf(channel), counts);
  });
});

describe('a hedging policy of a service config', () => {
  it('asks the server several times, and one answer is the answer', async () => {
    const others = signal();
    let calls = 0;
    let gone = 0;
    const server = running.server().unary(PATH, (request, context) => {
      calls += 1;
      if (context.metadata.get('grpc-previous-rpc-attempts') === '1') return request;
      return new Promise((resolve) => {
        context.signal.addEventListener('abort', () => {
          gone += 1;
          if (gone === 2) others.raise();
          resolve(request);
        });
      });
    });
    const channel = await channelTo(server, HEDGING);
    let header = new Metadata();
    const onHeader = (received: Metadata): void => {
      header = received;
    };
    assert.equal(String(await channel.unary(PATH, X, { onHeader })), 'x');
    await others.happened;
    assert.equal(calls, 3);
    assert.equal(header.get('grpc-previous-rpc-attempts'), '1');
    const counts = { retries: 0, hedges: 2, throttled: 0, committedByBuffer: 0 };
    assert.deepEqual(figuresOf(channel), counts);
  });

  it('sends every message of a stream to every attempt until one answers', async () => {
    const server = running.server().clientStreaming(PATH, async (requests, context) => {
      const texts: string[] = [];
      for await (const request of requests) texts.push(String(request));
      const previous = context.metadata.get('grpc-previous-rpc-attempts') ?? '0';
      if (previous !== '2') throw new StatusError(Status.UNAVAILABLE, previous);
      return Buffer.from(texts.join());
    });
    const channel = await channelTo(server, HEDGING);
    const requests = ['a', 'b', 'c'].map((text) => Buffer.from(text));
    assert.equal(String(await channel.clientStreaming(PATH, requests)), 'a,b,c');
    figuresOf(channel);
  });
});

describe('closing a channel', () => {
  for (const shareConnections of [true, false]) {
    const whose = shareConnections ? 'shared' : 'its own';
    it(`ends a call under way that a policy would try again, its connection ${whose}`, async () => {
      const arrived = signal();
      const server = running.server().unary(PATH, (request, context) => {
        arrived.raise();
        return new Promise((resolve) => {
          context.signal.addEventListener('abort', () => resolve(request));
        });
      });
      const { port } = await server.listen({ host: '127.0.0.1' });
      const serviceConfig = retrying('3600s');
      const options = { serviceConfig, shareConnections };
      const channel = running.channel(`127.0.0.1:${port}`, options);
      const failure = failureOf(channel.unary(PATH, X));
      await arrived.happened;
      await channel.close();
      assert.equal((await failure).code, Status.UNAVAILABLE);
      assert.deepEqual(figuresOf(channel), {
        retries: 0,
        hedges: 0,
        throttled: 0,
        committedByBuffer: 0,
      });
    });
  }

  it('shows no peer of a call that waits for its next attempt', async () => {
    const failed = signal();
    const server = running.server().unary(PATH, () => {
      failed.raise();
      throw new StatusError(Status.UNAVAILABLE, 'not now');
    });
    const channel = await channelTo(server, retrying('3600s'));
    const listener = { onHeader() {}, onMessage() {}, onWritable() {}, onEnd() {} };
    const call = channel.call(PATH, {}, listener, X);
    call.request(1);
    await failed.happened;
    while (call.peer !== undefined) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(call.isEnded, false);
    call.cancel();
    await channel.close();
  });

  it('ends a call that waits for its next attempt', async () => {
    const failed = signal();
    const server = running.server().unary(PATH, () => {
      failed.raise();
      throw new StatusError(Status.UNAVAILABLE, 'not now');
    });
    const channel = await channelTo(server, retrying('3600s'));
    const failure = failureOf(channel.unary(PATH, X));
    await failed.happened;
    await channel.close();
    assert.equal((await failure).code, Status.UNAVAILABLE);
    figuresOf(channel);
  });
});
