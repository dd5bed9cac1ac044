// `sluice:limit`: each time a limit acts, and nothing but that.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Channel, type Server, Status, StatusError } from '#sluice/index.js';
import type { LimitEvent } from '#sluice/transport/diagnostics.js';
import { Heard } from '../support/heard.js';
import { failureOf, Running, type Signal, signal } from '../support/running.js';

const PATH = '/test.Events/Method';
const X = Buffer.from('x');

const running = new Running();
const heard = new Heard();

afterEach(async () => {
  await running.end();
  heard.stop();
});

function held(server: Server): Signal {
  const release = signal();
  server.unary(PATH, async (request) => {
    await release.happened;
    return request;
  });
  return release;
}

function actedOf(side: Channel | Server, limit: string): number {
  return side.stats().limits[limit]?.acted ?? 0;
}

function short({ limit, value, unit, depth, what, side }: LimitEvent): unknown[] {
  return [limit, value, unit, depth, what, side];
}

describe('a limit of a client', () => {
  it('tells of each call that waits for it', async () => {
    const events = heard.to('sluice:limit');
    const server = running.server();
    const release = held(server);
    const channel = await running.channelTo(server, { limits: { openCalls: 1 } });
    await channel.ready();
    const calls = [channel.unary(PATH, X), channel.unary(PATH, X), channel.unary(PATH, X)];
    release.raise();
    await Promise.all(calls);
    const waited = ['open-calls', 1, 'calls', 1, 'waited', 'client'];
    assert.deepEqual(events.map(short), [waited, waited]);
    assert.equal(events[0]?.place, channel.stats().connections[0]?.peer);
    assert.equal(actedOf(channel, 'open-calls'), 2);
  });

  it('tells of each call that it refuses, under policy fail and in a full line', async () => {
    const events = heard.to('sluice:limit');
    const server = running.server();
    const release = held(server);
    const failing = await running.channelTo(server, {
      limits: { openCalls: 1 },
      admissionPolicy: 'fail',
    });
    await failing.ready();
    const first = failing.unary(PATH, X);
    assert.equal((await failureOf(failing.unary(PATH, X))).code, Status.RESOURCE_EXHAUSTED);
    assert.deepEqual(events.splice(0).map(short), [
      ['open-calls', 1, 'calls', 1, 'refused', 'client'],
    ]);
    const full = running.channel('127.0.0.1:1', { limits: { waitingCalls: 1, waitingBytes: 10 } });
    const waiting = full.unary(PATH, X, { waitForReady: true });
    await failureOf(full.unary(PATH, X, { waitForReady: true }));
    const [line] = events.splice(0);
    assert.deepEqual(line && short(line), ['waiting-calls', 1, 'calls', 1, 'refused', 'client']);
    assert.equal(line?.place, '127.0.0.1:1');
    release.raise();
    await Promise.all([first, full.close(), failureOf(waiting)]);
  });
});

describe('a limit of a server', () => {
  it('tells of each call that it refuses', async () => {
    const events = heard.to('sluice:limit');
    const server = running.server({ limits: { totalHandlers: 1 } });
    const release = held(server);
    const channel = await running.channelTo(server);
    const first = channel.unary(PATH, X);
    const refused = await failureOf(channel.unary(PATH, X));
    assert.equal(refused.code, Status.RESOURCE_EXHAUSTED);
    release.raise();
    await first;
    assert.deepEqual(events.map(short), [
      ['total-handlers', 1, 'handlers', 1, 'refused', 'server'],
    ]);
    assert.equal(events[0]?.place, channel.stats().connections[0]?.local);
    assert.equal(actedOf(server, 'total-handlers'), 1);
  });

  it('is told of by the connection on which it acted', async () => {
    const events = heard.to('sluice:limit');
    const server = running.server({ limits: { handlers: 1, streams: 10 } });
    const release = held(server);
    const channel = await running.channelTo(server);
    const first = channel.unary(PATH, X);
    await failureOf(channel.unary(PATH, X));
    release.raise();
    await first;
    assert.deepEqual(events.map(short), [['handlers', 1, 'handlers', 1, 'refused', 'server']]);
    assert.equal(actedOf(server, 'handlers'), 1);
  });

  it('of the program itself is told of as `shed`', async () => {
    const events = heard.to('sluice:limit');
    const shed = (): StatusError => new StatusError(Status.UNAVAILABLE, 'not now');
    const server = running.server({ shed }).unary(PATH, (request) => request);
    await failureOf((await running.channelTo(server)).unary(PATH, X));
    assert.deepEqual(events.map(short), [
      ['shed', Number.POSITIVE_INFINITY, 'handlers', 0, 'refused', 'server'],
    ]);
  });
});
