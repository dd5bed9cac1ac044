// The table of limits: everything that stats show is in it, everything in it is shown where it
// applies, and each has its line in docs/limits.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Status, StatusError } from '#sluice/index.js';
import { type Limit, limits } from '#sluice/transport/limit-table.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Limits/Method';
const X = Buffer.from('x');
const PAGE = readFileSync(
  fileURLToPath(new URL('../../../../docs/limits.md', import.meta.url)),
  'utf8',
);

const running = new Running();

afterEach(async () => {
  await running.end();
});

function namesOf(side: 'client' | 'server'): string[] {
  const on = ([, limit]: [string, Limit]): boolean => limit.side === side || limit.side === 'both';
  return Object.entries(limits)
    .filter(on)
    .map(([name]) => name)
    .sort();
}

describe('limits', () => {
  it('are what stats show, on both sides, and nothing else is', async () => {
    const server = running.server({ shed: () => undefined, shedQueueDelay: true });
    server.unary(PATH, (request) => request);
    const channel = await running.channelTo(server, { adaptiveConcurrency: true });
    await channel.unary(PATH, X);
    assert.deepEqual(Object.keys(channel.stats().limits).sort(), namesOf('client'));
    assert.deepEqual(Object.keys(server.stats().limits).sort(), namesOf('server'));
  });

  it('have the defaults and units that stats show', async () => {
    const server = running.server();
    server.unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    // Of the peer, and what drains within queueAgeMs.
    const moving = new Set(['peer-streams', 'queued-items']);
    for (const end of [channel, server]) {
      for (const [name, { value, unit }] of Object.entries(end.stats().limits)) {
        const limit = Object.entries(limits).find(([known]) => known === name)?.[1];
        assert.equal(limit?.unit, unit, name);
        if (!moving.has(name)) assert.equal(limit?.value, value, name);
      }
    }
  });

  it('show what the options made of them in stats', () => {
    const server = running.server({ maxHeaderListBytes: 1_000, maxReceiveMessageLength: 2_000 });
    const read = server.stats().limits;
    assert.equal(read['header-list']?.value, 1_000);
    assert.equal(read['message-length']?.value, 2_000);
    assert.equal(limits['header-list'].value, 16_384);
  });

  it('count what acted in the process, in the server and in the channel, after its connection too', async () => {
    const server = running.server({ maxReceiveMessageLength: 10 });
    server.unary(PATH, (request) => Buffer.alloc(request.length * 10));
    const channel = await running.channelTo(server, { maxReceiveMessageLength: 15 });
    const before = limits['message-length'].acted;
    const refused = await failureOf(channel.unary(PATH, Buffer.alloc(11)));
    assert.ok(refused instanceof StatusError && refused.code === Status.RESOURCE_EXHAUSTED);
    await failureOf(channel.unary(PATH, Buffer.alloc(2)));
    assert.equal(server.stats().limits['message-length']?.acted, 1);
    assert.equal(channel.stats().limits['message-length']?.acted, 1);
    assert.equal(limits['message-length'].acted, before + 2);
    await server.close();
    while (channel.stats().connections.length > 0) await new Promise(setImmediate);
    assert.equal(server.stats().limits['message-length']?.acted, 1);
    assert.equal(channel.stats().limits['message-length']?.acted, 1);
  });

  it('are frozen, each with a reason and what it stops', () => {
    assert.ok(Object.isFrozen(limits));
    for (const [name, limit] of Object.entries(limits)) {
      assert.ok(Object.isFrozen(limit), name);
      assert.ok(limit.reason.length > 20 && limit.stops.length > 10, name);
      assert.ok(limit.value >= 0 && limit.unit !== '', name);
    }
  });

  it('are all in docs/limits.md', () => {
    for (const name of Object.keys(limits)) {
      assert.ok(PAGE.includes(`| \`${name}\` |`), `docs/limits.md has no row ${name}`);
    }
  });
});
