// `sluice:call` and `sluice:attempt`: what calls of both sides tell to whoever listens.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { ClientCall } from '#sluice/channel/call.js';
import type { CallPlacer } from '#sluice/channel/call-handle.js';
import { CredentialsLine } from '#sluice/channel/credentials-line.js';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Metadata, Status, StatusError } from '#sluice/index.js';
import type { AttemptEvent, CallEvent } from '#sluice/transport/diagnostics.js';
import { defaultClientLimits } from '#sluice/transport/limits.js';
import { ClientEnd } from '../support/client-end.js';
import { Heard } from '../support/heard.js';
import { jsonMethod } from '../support/json-method.js';
import { failureOf, Running, signal, textsOf } from '../support/running.js';

const PATH = '/test.Events/Method';
const X = Buffer.from('x');
const echo = jsonMethod<string, string>(PATH, 'unary');

const running = new Running();
const heard = new Heard();

afterEach(async () => {
  await running.end();
  heard.stop();
});

function sideOf<S extends CallEvent['side']>(
  events: readonly CallEvent[],
  side: S,
): Extract<CallEvent, { side: S }>[] {
  return events.filter((one): one is Extract<CallEvent, { side: S }> => one.side === side);
}

/** Waits until so many calls have ended on the server, which is told after the client. */
async function served(events: readonly CallEvent[], ends: number): Promise<void> {
  while (sideOf(events, 'server').filter(({ phase }) => phase === 'end').length < ends) {
    await new Promise(setImmediate);
  }
}

describe('a call that somebody listens to', () => {
  it('tells of its start and its end on both sides, each with its figures', async () => {
    const calls = heard.to('sluice:call');
    const server = running.server().unary(echo, (text) => `${text}!`);
    const channel = await running.channelTo(server);
    const { target } = channel;
    assert.equal(await channel.unary(echo, 'abc'), 'abc!');
    await served(calls, 1);
    const [start, end] = sideOf(calls, 'client');
    assert.ok(start?.phase === 'start' && end?.phase === 'end');
    const { call } = start;
    const common = { call, path: PATH, kind: 'unary', registered: true };
    assert.deepEqual(start, { phase: 'start', side: 'client', ...common, target });
    const { durationMs } = end;
    assert.ok(durationMs > 0);
    assert.deepEqual(end, {
      phase: 'end',
      side: 'client',
      ...common,
      target,
      sentMessages: 1,
      sentBytes: 5,
      receivedMessages: 1,
      receivedBytes: 6,
      status: Status.OK,
      details: '',
      durationMs,
      attempts: 1,
      retries: 0,
      transparentRetries: 0,
      hedges: 0,
      retryDelayMs: 0,
    });
    const [arrived, took, gave, over] = sideOf(calls, 'server');
    assert.ok(arrived?.phase === 'start' && over?.phase === 'end');
    const [connection] = server.stats().connections;
    assert.equal(arrived.peer, connection?.peer);
    assert.equal(arrived.connection, connection?.id);
    assert.deepEqual([arrived.path, arrived.kind, arrived.registered], [PATH, 'unary', true]);
    assert.equal(over.call, arrived.call);
    assert.notEqual(over.call, call);
    assert.deepEqual(
      [took, gave].map((one) => (one?.phase === 'message' ? [one.direction, one.bytes] : [])),
      [
        ['received', 5],
        ['sent', 6],
      ],
    );
    const { sentMessages, sentBytes, receivedMessages, receivedBytes, status } = over;
    assert.deepEqual([receivedMessages, receivedBytes, sentMessages, sentBytes], [1, 5, 1, 6]);
    assert.equal(status, Status.OK);
    assert.equal(over.peer, arrived.peer);
  });

  it('tells the status of a failure, and whose fault a path is that nobody serves', async () => {
    const calls = heard.to('sluice:call');
    const server = running.server().unary(PATH, () => {
      throw new StatusError(Status.NOT_FOUND, 'no such thing');
    });
    const channel = await running.channelTo(server);
    await failureOf(channel.unary(PATH, X));
    await failureOf(channel.unary('/test.Events/Unknown', X));
    await served(calls, 2);
    const ends = calls.filter(({ phase }) => phase === 'end');
    const told = ends.map((end) => [
      end.side,
      end.registered,
      end.phase === 'end' && end.status,
      end.phase === 'end' && end.details,
    ]);
    assert.deepEqual(
      told.filter(([side]) => side === 'server'),
      [
        ['server', true, Status.NOT_FOUND, 'no such thing'],
        ['server', false, Status.UNIMPLEMENTED, 'unknown method /test.Events/Unknown'],
      ],
    );
    // By a path, so that the caller may have it from anywhere.
    assert.deepEqual(told.filter(([side]) => side === 'client')[0], [
      'client',
      false,
      Status.NOT_FOUND,
      'no such thing',
    ]);
  });

  it('that is cancelled ends with CANCELLED on both sides', async () => {
    const calls = heard.to('sluice:call');
    const begun = signal();
    const server = running.server().unary(PATH, (request, { signal: cancelled }) => {
      begun.raise();
      return new Promise((resolve) => {
        cancelled.addEventListener('abort', () => resolve(request));
      });
    });
    const channel = await running.channelTo(server);
    const abort = new AbortController();
    const call = channel.unary(PATH, X, { signal: abort.signal });
    await begun.happened;
    abort.abort();
    await failureOf(call);
    await served(calls, 1);
    const statuses = calls.filter((one) => one.phase === 'end').map(({ status }) => status);
    assert.deepEqual(statuses, [Status.CANCELLED, Status.CANCELLED]);
  });

  it('that is over before it was sent has a start and an end as well', async () => {
    const calls = heard.to('sluice:call');
    const attempts = heard.to('sluice:attempt');
    const channel = running.channel('127.0.0.1:1');
    await failureOf(channel.unary(PATH, X, { timeoutMs: 0 }));
    await failureOf(channel.unary(PATH, X, { maxSendMessageLength: 0 }));
    assert.deepEqual(
      calls.map((one) => (one.phase === 'end' ? one.status : one.phase)),
      ['start', Status.DEADLINE_EXCEEDED, 'start', Status.RESOURCE_EXHAUSTED],
    );
    assert.deepEqual(
      attempts.map((one) => (one.phase === 'end' ? [one.status, one.peer] : one.phase)),
      ['start', [Status.DEADLINE_EXCEEDED, ''], 'start', [Status.RESOURCE_EXHAUSTED, '']],
    );
  });

  it('counts the messages of streams, as long as they are on the wire', async () => {
    const attempts = heard.to('sluice:attempt');
    const server = running.server().bidiStreaming(PATH, (requests) => requests);
    const channel = await running.channelTo(server);
    const texts = await textsOf(
      channel.bidiStreaming(PATH, [Buffer.from('a'), Buffer.from('bcd'), Buffer.alloc(0)]),
    );
    assert.deepEqual(texts, ['a', 'bcd', '']);
    const messages = attempts.filter((one) => one.phase === 'message');
    for (const direction of ['sent', 'received'] as const) {
      const of = messages.filter((one) => one.direction === direction);
      assert.deepEqual(
        of.map(({ sequence, bytes, compressed }) => [sequence, bytes, compressed]),
        [
          [0, 1, false],
          [1, 3, false],
          [2, 0, false],
        ],
      );
    }
    const end = attempts.at(-1);
    assert.ok(end?.phase === 'end');
    const { sentMessages, sentBytes, receivedMessages, receivedBytes } = end;
    assert.deepEqual([sentMessages, sentBytes, receivedMessages, receivedBytes], [3, 4, 3, 4]);
  });

  it('counts compressed messages by what goes over the wire', async () => {
    const calls = heard.to('sluice:call');
    const server = running.server({ compress: 'gzip' }).unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    await channel.unary(PATH, Buffer.alloc(10_000), { compress: 'gzip' });
    await served(calls, 1);
    for (const end of calls.filter((one) => one.phase === 'end')) {
      assert.ok(end.sentBytes > 20 && end.sentBytes < 200, `${end.side} ${end.sentBytes}`);
      assert.ok(end.receivedBytes > 20 && end.receivedBytes < 200);
    }
  });
});

describe('an attempt', () => {
  function phases(attempts: readonly AttemptEvent[]): string[] {
    return attempts.filter((one) => one.phase !== 'message').map(({ phase }) => phase);
  }

  it('tells where it was placed, and sends what a listener adds to its metadata', async () => {
    const attempts = heard.to('sluice:attempt');
    const calls = heard.to('sluice:call');
    const sent: (string | undefined)[] = [];
    const server = running.server().unary(PATH, (request, { metadata }) => {
      sent.push(metadata.get('own'), metadata.get('added'), metadata.get('changed'));
      return request;
    });
    const channel = await running.channelTo(server);
    heard.on('sluice:attempt', (event) => {
      if (event.phase !== 'start') return;
      event.metadata.set('added', 'by a listener');
      event.metadata.set('changed', 'now');
    });
    const metadata = new Metadata({ own: 'x', changed: 'before' });
    await channel.unary(PATH, X, { metadata });
    assert.deepEqual(sent, ['x', 'by a listener', 'now']);
    assert.equal(metadata.get('changed'), 'before');
    assert.deepEqual(phases(attempts), ['start', 'placed', 'end']);
    const [start, placed] = attempts;
    const [connection] = channel.stats().connections;
    assert.ok(placed?.phase === 'placed' && start?.phase === 'start');
    assert.deepEqual([placed.peer, placed.connection], [connection?.peer, connection?.id]);
    assert.ok(placed.waitedMs >= 0);
    assert.equal(placed.attempt, start.attempt);
    assert.equal(start.call, calls[0]?.call);
    assert.deepEqual([start.cause, start.previousAttempts], ['first', 0]);
    await served(calls, 1);
    const arrived = sideOf(calls, 'server')[0];
    assert.ok(arrived?.phase === 'start');
    assert.equal(arrived.metadata.get('added'), 'by a listener');
  });

  it('of a retry is one of several of one call, each with its own end', async () => {
    const attempts = heard.to('sluice:attempt');
    const calls = heard.to('sluice:call');
    let served = 0;
    const previous: (string | undefined)[] = [];
    const server = running.server().unary(PATH, (request, { metadata }) => {
      served += 1;
      previous.push(metadata.get('grpc-previous-rpc-attempts'));
      if (served < 3) throw new StatusError(Status.UNAVAILABLE, 'not now');
      return request;
    });
    const retryPolicy = {
      maxAttempts: 4,
      initialBackoff: '0.01s',
      maxBackoff: '0.01s',
      backoffMultiplier: 1,
      retryableStatusCodes: ['UNAVAILABLE'],
    };
    const serviceConfig = { methodConfig: [{ name: [{}], retryPolicy }] };
    const channel = await running.channelTo(server, { serviceConfig });
    await channel.unary(PATH, X);
    assert.deepEqual(previous, [undefined, '1', '2']);
    const starts = attempts.filter((one) => one.phase === 'start');
    assert.deepEqual(
      starts.map(({ cause, previousAttempts }) => [cause, previousAttempts]),
      [
        ['first', 0],
        ['retry', 1],
        ['retry', 2],
      ],
    );
    const ends = attempts.filter((one) => one.phase === 'end');
    assert.deepEqual(
      ends.map(({ status, sentBytes }) => [status, sentBytes]),
      [
        [Status.UNAVAILABLE, 1],
        [Status.UNAVAILABLE, 1],
        [Status.OK, 1],
      ],
    );
    assert.equal(new Set(attempts.map(({ attempt }) => attempt)).size, 3);
    assert.equal(new Set(attempts.map(({ call }) => call)).size, 1);
    const [start, end, ...others] = sideOf(calls, 'client');
    assert.deepEqual(others, []);
    assert.equal(start?.call, starts[0]?.call);
    assert.ok(end?.phase === 'end');
    assert.deepEqual([end.attempts, end.retries, end.hedges], [3, 2, 0]);
    assert.deepEqual([end.sentBytes, end.receivedBytes], [3, 1]);
    assert.ok(end.retryDelayMs > 0 && end.retryDelayMs < end.durationMs);
  });

  it('of a hedge ends with CANCELLED when another one was answered', async () => {
    const attempts = heard.to('sluice:attempt');
    const calls = heard.to('sluice:call');
    let arrived = 0;
    const server = running.server().unary(PATH, (request) => {
      arrived += 1;
      return arrived === 1 ? new Promise<never>(() => {}) : request;
    });
    const hedgingPolicy = { maxAttempts: 2, hedgingDelay: '0.01s' };
    const serviceConfig = { methodConfig: [{ name: [{}], hedgingPolicy }] };
    const channel = await running.channelTo(server, { serviceConfig });
    await channel.unary(PATH, X);
    const told = attempts
      .filter((one) => one.phase === 'end')
      .map(({ cause, status }) => [cause, status]);
    assert.deepEqual(told.sort(), [
      ['first', Status.CANCELLED],
      ['hedge', Status.OK],
    ]);
    const end = sideOf(calls, 'client').at(-1);
    assert.ok(end?.phase === 'end');
    assert.deepEqual([end.attempts, end.retries, end.hedges], [2, 0, 1]);
  });

  it('that the server has not processed is followed by a transparent one', async () => {
    const attempts = heard.to('sluice:attempt');
    const calls = heard.to('sluice:call');
    const end = await ClientEnd.ready();
    const { wheel } = end;
    const placed: ClientCall[] = [];
    const placer: CallPlacer = {
      target: 'test',
      wheel,
      callDefaults: {
        authority: 'test',
        security: 'none',
        credentials: undefined,
        compress: undefined,
        maxSendMessageLength: Number.POSITIVE_INFINITY,
        interceptors: undefined,
      },
      counts: { started: 0, succeeded: 0, failed: 0 },
      credentialsLine: new CredentialsLine(defaultClientLimits, wheel, () => {}),
      settingsOf: () => undefined,
      retryOf: () => undefined,
      place: (call) => placed.push(call),
      onHeld() {},
      withdraw() {},
      stallOf: () => ({ kind: 'turn', forMs: 0, ahead: 0 }),
    };
    const listener = { onHeader() {}, onMessage() {}, onWritable() {}, onEnd() {} };
    const call = new ClientCall(placer, PATH, {}, listener);
    call.start(X);
    call.open(end.transport, undefined);
    await end.settle();
    end.clock.advance(50);
    end.peer.rstStream(1, ErrorCode.REFUSED_STREAM);
    await end.settle();
    assert.deepEqual(placed, [call, call]);
    end.clock.advance(50);
    call.open(end.transport, undefined);
    call.cancel();
    assert.deepEqual(phases(attempts), ['start', 'placed', 'end', 'start', 'placed', 'end']);
    assert.deepEqual(
      attempts
        .filter((one) => one.phase === 'end')
        .map((one) => [one.cause, one.previousAttempts, one.status, one.durationMs]),
      [
        ['first', 0, Status.UNAVAILABLE, 50],
        ['transparent', 0, Status.CANCELLED, 50],
      ],
    );
    const over = calls.at(-1);
    assert.ok(over?.phase === 'end' && over.side === 'client');
    assert.deepEqual([over.attempts, over.transparentRetries, over.durationMs], [2, 1, 100]);
    assert.equal(over.sentMessages, 2);
    await end.finish();
  });
});

describe('events of calls', () => {
  it('are not made for calls that began while nobody listened', async () => {
    const release = signal();
    const begun = signal();
    const server = running.server().unary(PATH, async (request) => {
      begun.raise();
      await release.happened;
      return request;
    });
    const channel = await running.channelTo(server);
    const call = channel.unary(PATH, X);
    await begun.happened;
    const calls = heard.to('sluice:call');
    const attempts = heard.to('sluice:attempt');
    release.raise();
    await call;
    await channel.unary(PATH, X);
    await served(calls, 1);
    assert.deepEqual(
      sideOf(calls, 'client').map(({ phase }) => phase),
      ['start', 'end'],
    );
    assert.equal(attempts.filter(({ phase }) => phase === 'end').length, 1);
  });

  it('stop where the listener does, in the middle of a call too', async () => {
    const calls = heard.to('sluice:call');
    const server = running.server().unary(PATH, (request) => {
      heard.stop();
      return request;
    });
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    assert.deepEqual(
      calls.map(({ side, phase }) => [side, phase]),
      [
        ['client', 'start'],
        ['server', 'start'],
        ['server', 'message'],
      ],
    );
  });

  it('reach a listener in the async context of the caller', async () => {
    const { AsyncLocalStorage } = await import('node:async_hooks');
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    heard.on('sluice:call', ({ side, phase }) => {
      if (side === 'client' && phase === 'start') seen.push(storage.getStore());
    });
    const channel = await running.channelTo(running.server().unary(PATH, (request) => request));
    await storage.run('caller', () => channel.unary(PATH, X));
    assert.deepEqual(seen, ['caller']);
  });
});
