// What a context offers beside the request: time that is left, headers, and calls that follow it.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Channel, Metadata, type ServerContext, Status, StatusError } from '#sluice/index.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Context/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

describe('the time that is left', () => {
  it('is that of the client, never below 0, and undefined without a deadline', async () => {
    const contexts: ServerContext[] = [];
    const server = running.server().unary(PATH, (request, context) => {
      contexts.push(context);
      return request;
    });
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X, { timeoutMs: 60_000 });
    await channel.unary(PATH, X);
    const left = contexts[0]?.remainingMs ?? -1;
    assert.ok(left > 0 && left <= 60_100, String(left));
    assert.equal(contexts[1]?.remainingMs, undefined);
  });
});

describe('headers that are set', () => {
  async function headsOf(
    channel: Channel,
    call: (onHeader: (header: Metadata) => void) => Promise<unknown>,
  ): Promise<string[]> {
    const heads: string[] = [];
    await call((header) => heads.push(...header.getAll('x-head'))).catch(() => {});
    assert.equal(channel.state, 'READY');
    return heads;
  }

  it('go with the first message, with the status, or when they are sent', async () => {
    const server = running.server();
    server
      .unary(PATH, (request, context) => {
        context.header.append('x-head', 'a');
        return request;
      })
      .unary('/test.Context/Fail', (_request, context) => {
        context.header.append('x-head', 'b');
        throw new StatusError(Status.ABORTED, 'no');
      })
      .unary('/test.Context/Both', (request, context) => {
        context.header.append('x-head', 'c');
        context.sendHeader(new Metadata([['x-head', 'd']]));
        context.header.append('x-head', 'too late');
        return request;
      });
    const channel = await running.channelTo(server);
    const heads = (path: string): Promise<string[]> =>
      headsOf(channel, (onHeader) => channel.unary(path, X, { onHeader }));
    assert.deepEqual(await heads(PATH), ['a']);
    assert.deepEqual(await heads('/test.Context/Fail'), ['b']);
    assert.deepEqual(await heads('/test.Context/Both'), ['c', 'd']);
  });
});

describe('a call that follows', () => {
  it('hears of the cancellation once, or at once if it comes later, unless it left', async () => {
    const begun = signal<ServerContext>();
    const ended = signal();
    const server = running.server().unary(PATH, async (request, context) => {
      begun.raise(context);
      await ended.happened;
      return request;
    });
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    const context = await begun.happened;
    const heard: string[] = [];
    const cancelled = signal();
    context.follow({
      cancel(details) {
        heard.push(`first: ${details}`);
        cancelled.raise();
      },
    });
    const left = { cancel: () => heard.push('the one that left') };
    context.follow(left);
    context.unfollow(left);
    controller.abort();
    await call;
    await cancelled.happened;
    context.follow({ cancel: (details) => heard.push(`later: ${details}`) });
    const reason = 'the peer reset the stream with CANCEL';
    assert.deepEqual(heard, [`first: ${reason}`, `later: ${reason}`]);
    ended.raise();
    while (server.stats().limits.handlers?.depth !== 0) await new Promise(setImmediate);
  });
});
