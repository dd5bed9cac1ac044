// The limits of single messages, per call and per channel: what is sent and what is taken.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Status } from '#sluice/index.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Limits/Method';
const TEN = Buffer.alloc(10);

const running = new Running();

afterEach(() => running.end());

describe('maxSendMessageLength', () => {
  const refusal =
    'a request message of 10 bytes exceeds the limit of 9; raise maxSendMessageLength';

  it('ends a call whose request is larger, before anything is sent', async () => {
    const server = running.server();
    let served = 0;
    server.unary(PATH, (request) => {
      served += 1;
      return request;
    });
    const channel = await running.channelTo(server, { maxSendMessageLength: 9 });
    const error = await failureOf(channel.unary(PATH, TEN));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(error.details, refusal);
    assert.equal(served, 0);
    assert.equal((await channel.unary(PATH, TEN.subarray(1))).length, 9);
  });

  it('of a call is used instead of that of its channel', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server, { maxSendMessageLength: 9 });
    assert.equal((await channel.unary(PATH, TEN, { maxSendMessageLength: 10 })).length, 10);
    const error = await failureOf(channel.unary(PATH, TEN, { maxSendMessageLength: 1 }));
    assert.match(error.details, /exceeds the limit of 1;/);
  });

  it('holds for each message of a stream', async () => {
    const server = running.server().clientStreaming(PATH, async (requests) => {
      for await (const _request of requests);
      return TEN;
    });
    const channel = await running.channelTo(server);
    const options = { maxSendMessageLength: 9 };
    const fits = [TEN.subarray(1), TEN.subarray(1)];
    assert.equal((await channel.clientStreaming(PATH, fits, options)).length, 10);
    const error = await failureOf(channel.clientStreaming(PATH, [...fits, TEN], options));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(error.details, refusal);
  });
});

describe('maxReceiveMessageLength', () => {
  it('of a call is used instead of that of its channel, in either direction', async () => {
    const server = running.server().unary(PATH, () => Buffer.alloc(100));
    const channel = await running.channelTo(server, { maxReceiveMessageLength: 50 });
    const error = await failureOf(channel.unary(PATH, TEN));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.match(error.details, /maxReceiveMessageLength/);
    const large = await channel.unary(PATH, TEN, { maxReceiveMessageLength: 100 });
    assert.equal(large.length, 100);
    const small = await failureOf(channel.unary(PATH, TEN, { maxReceiveMessageLength: 99 }));
    assert.match(small.details, /99/);
  });
});

describe('the limits of a service config', () => {
  it('hold where they are stricter than those of the call', async () => {
    const server = running.server().unary(PATH, () => Buffer.alloc(100));
    const name = [{ service: 'test.Limits' }];
    const channel = await running.channelTo(server, {
      serviceConfig: { methodConfig: [{ name, maxRequestMessageBytes: 9 }] },
    });
    const options = { maxSendMessageLength: 1_000 };
    const error = await failureOf(channel.unary(PATH, TEN, options));
    assert.match(error.details, /exceeds the limit of 9;/);
    const other = await running.channelTo(server, {
      serviceConfig: { methodConfig: [{ name, maxResponseMessageBytes: 99 }] },
    });
    const received = await failureOf(other.unary(PATH, TEN, { maxReceiveMessageLength: 1_000 }));
    assert.equal(received.code, Status.RESOURCE_EXHAUSTED);
  });
});
