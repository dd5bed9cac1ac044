// `sluice.options` of a server: Sluice's own options, which win over those of grpc-js.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Http2Caller } from './support/http2-caller.ts';
import { type Grpc, listening, signal, unary } from './support/text-server.ts';

// Programs have the types of the original.
const grpc: Grpc = require('@sluice/grpc-js');

test('a limit among them holds, and those that are not among them stay', async () => {
  const server = new grpc.Server({
    'grpc.max_concurrent_streams': 7,
    'sluice.options': { limits: { totalHandlers: 1 } },
  });
  const begun = signal<() => void>();
  unary(server, '/test.Own/Wait', (_call, callback) => begun.raise(() => callback(null, 'done')));
  const caller = Http2Caller.to(await listening(grpc, server));
  const first = caller.call('/test.Own/Wait', ['x']);
  const answer = await begun.happened;
  const refused = await caller.call('/test.Own/Wait', ['x']);
  assert.equal(refused.status, String(grpc.status.RESOURCE_EXHAUSTED));
  assert.match(String(refused.details), /^refused by the total-handlers limit: /);
  assert.equal(caller.session.remoteSettings.maxConcurrentStreams, 7);
  answer();
  assert.deepEqual((await first).messages, ['done']);
  caller.close();
  server.forceShutdown();
});

test('they win over the options of grpc-js', async () => {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': 1_000,
    'sluice.options': { maxReceiveMessageLength: 10 },
  });
  unary(server, '/test.Own/Echo', (call, callback) => callback(null, call.request));
  const caller = Http2Caller.to(await listening(grpc, server));
  const reply = await caller.call('/test.Own/Echo', ['more than ten bytes']);
  assert.equal(reply.status, String(grpc.status.RESOURCE_EXHAUSTED));
  caller.close();
  server.forceShutdown();
});

test('a name that is none of them is told as the server is made', () => {
  assert.throws(() => new grpc.Server({ 'sluice.options': { limts: {} } }), {
    name: 'TypeError',
    message: /limts/,
  });
});
