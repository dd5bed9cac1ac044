// Retries and hedges over real connections: what servers see of them, and what callers get.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { CallOptions } from '#sluice/channel/call-options.js';
import { ChannelCore } from '#sluice/channel/channel-core.js';
import type { ResolvedMethodConfig } from '#sluice/channel/method-configs.js';
import { ClientAttempts } from '#sluice/channel/retry/client-attempts.js';
import { RetryCalls } from '#sluice/channel/retry/retry-calls.js';
import { UnaryCall } from '#sluice/channel/unary-call.js';
import { Metadata, type Server, Status, StatusError } from '#sluice/index.js';
import { failureOf, Running, signal } from '../../support/running.js';
import { config, hedgingConfig } from './scripted-attempts.js';

const PATH = '/test.Retries/Method';
const X = Buffer.from('x');

const running = new Running();
const cores: ChannelCore[] = [];

afterEach(async () => {
  await Promise.all(cores.splice(0).map((core) => core.close()));
  await running.end();
});

function quickRetries(maxAttempts: number): ResolvedMethodConfig {
  const codes = new Set([Status.UNAVAILABLE]);
  return config({
    retry: { maxAttempts, initialBackoffMs: 1, maxBackoffMs: 1, multiplier: 1, codes },
  });
}

type Unary = (request: Buffer, options?: CallOptions) => Promise<unknown>;

function callsOn(target: string, policy: ResolvedMethodConfig): [Unary, RetryCalls] {
  const core = new ChannelCore(target, {});
  cores.push(core);
  const starter = new ClientAttempts(core);
  const { wheel, random } = core;
  const retries = new RetryCalls({ starter, wheel, random, configOf: () => policy });
  const unary: Unary = (request, options = {}) =>
    new Promise((resolve, reject) => {
      const listener = new UnaryCall(undefined, options, resolve, reject);
      listener.begin(retries.newCall(PATH, options, listener), request);
    });
  return [unary, retries];
}

async function callsTo(server: Server, policy: ResolvedMethodConfig): Promise<[Unary, RetryCalls]> {
  const { port } = await server.listen({ host: '127.0.0.1' });
  return callsOn(`127.0.0.1:${port}`, policy);
}

describe('over real connections', () => {
  it('a server that fails twice is asked a third time, and knows how often it was', async () => {
    const seen: (string | undefined)[] = [];
    const server = running.server().unary(PATH, (request, context) => {
      seen.push(context.metadata.get('grpc-previous-rpc-attempts'));
      if (seen.length < 3) throw new StatusError(Status.UNAVAILABLE, 'not now');
      return request;
    });
    const [unary, retries] = await callsTo(server, quickRetries(4));
    let header = new Metadata();
    const onHeader = (received: Metadata): void => {
      header = received;
    };
    assert.equal(String(await unary(X, { onHeader })), 'x');
    assert.deepEqual(seen, [undefined, '1', '2']);
    assert.equal(header.get('grpc-previous-rpc-attempts'), '2');
    assert.equal(retries.counts.retries, 2);
    assert.equal(retries.account.bytes, 0);
  });

  it('pushback of a server is a request to leave it alone', async () => {
    let calls = 0;
    const server = running.server().unary(PATH, () => {
      calls += 1;
      const metadata = new Metadata({ 'grpc-retry-pushback-ms': '-1' });
      throw new StatusError(Status.UNAVAILABLE, 'full', { metadata });
    });
    const [unary] = await callsTo(server, quickRetries(4));
    assert.equal((await failureOf(unary(X))).details, 'full');
    assert.equal(calls, 1);
  });

  it('a server that cannot be reached is tried again', async () => {
    const [unary, retries] = callsOn('127.0.0.1:1', quickRetries(3));
    assert.equal((await failureOf(unary(X))).code, Status.UNAVAILABLE);
    assert.equal(retries.counts.retries, 2);
  });

  it('a deadline between two attempts holds, and each attempt is told of what is left', async () => {
    const timeouts: number[] = [];
    const server = running.server().unary(PATH, (_request, context) => {
      timeouts.push((context.deadline?.getTime() ?? 0) - Date.now());
      throw new StatusError(Status.UNAVAILABLE, 'down');
    });
    const { retry } = quickRetries(3);
    assert.ok(retry !== undefined);
    const slow = config({
      retry: { ...retry, initialBackoffMs: 100, maxBackoffMs: 10_000, multiplier: 100 },
    });
    const [unary] = await callsTo(server, slow);
    const failure = await failureOf(unary(X, { timeoutMs: 600 }));
    assert.equal(failure.code, Status.DEADLINE_EXCEEDED);
    assert.match(
      failure.details,
      /^deadline of 600 ms exceeded; waited \d+ ms for its next attempt, due in \d+ ms, after UNAVAILABLE: down$/,
    );
    assert.equal(timeouts.length, 2);
    assert.ok((timeouts[1] ?? 0) <= (timeouts[0] ?? 0) - 70, `${timeouts}`);
  });

  it('of hedged calls the first answer wins, and the server hears that the other is cancelled', async () => {
    const cancelled = signal();
    let calls = 0;
    const server = running.server().unary(PATH, (request, context) => {
      calls += 1;
      if (calls > 1) return request;
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => {
          cancelled.raise();
          reject(new Error('gone'));
        });
      });
    });
    const [unary, retries] = await callsTo(server, hedgingConfig(2, 10));
    assert.equal(String(await unary(X)), 'x');
    await cancelled.happened;
    assert.equal(retries.counts.hedges, 1);
    assert.equal(retries.account.bytes, 0);
  });
});
