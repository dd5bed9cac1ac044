// onHeader and onTrailer of a call with interceptors: each is told once, and nothing after the end.

import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClientInterceptor } from '#sluice/channel/interceptor.js';
import { Status, StatusError } from '#sluice/index.js';
import { Running, signal } from '../support/running.js';

const PATH = '/test.Calls/Method';
const X = Buffer.from('x');
const passing: ClientInterceptor = (request, next) => next(request);
const running = new Running();

afterEach(() => running.end());

it('onTrailer that throws a StatusError is not called a second time', async () => {
  const server = running.server();
  server.unary(PATH, (request) => request);
  const channel = await running.channelTo(server, { interceptors: [passing] });
  const own = new StatusError(Status.ABORTED, 'of its own');
  let calls = 0;
  const onTrailer = (): void => {
    calls += 1;
    throw own;
  };
  await assert.rejects(channel.unary(PATH, X, { onTrailer }), own);
  assert.equal(calls, 1);
});

it('a caller that has left hears of no headers', async () => {
  const server = running.server();
  server.serverStreaming(PATH, (request) => [request]);
  const answered = signal();
  const left = signal();
  const slow: ClientInterceptor = async (request, next) => {
    const response = await next(request);
    answered.raise();
    await left.happened;
    return response;
  };
  const channel = await running.channelTo(server, { interceptors: [slow] });
  let headers = 0;
  const onHeader = (): void => {
    headers += 1;
  };
  const stream = channel.serverStreaming(PATH, X, { onHeader });
  await answered.happened;
  await stream.return?.();
  left.raise();
  assert.equal((await stream.next()).done, true);
  await nextTurn();
  assert.equal(headers, 0);
});
