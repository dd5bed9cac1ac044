// Who listens costs and harms nobody: nothing is made for no one, and what a listener throws is its own.

import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import { afterEach, describe, it, mock } from 'node:test';
import { AttemptRecord, CallRecord } from '#sluice/channel/call-record.js';
import {
  attemptEvents,
  callEvents,
  connectionEvents,
  type EventChannel,
  goAwayEvents,
  limitEvents,
  stallEvents,
  streamEvents,
  subscribe,
} from '#sluice/transport/diagnostics.js';
import { ServerCallRecord } from '#sluice/transport/server-call-record.js';
import { Heard } from '../support/heard.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Events/Method';
const X = Buffer.from('x');

const running = new Running();
const heard = new Heard();

afterEach(async () => {
  await running.end();
  heard.stop();
  mock.restoreAll();
});

describe('without a listener', () => {
  it('nothing is made and nothing is published', async () => {
    const made = [
      mock.method(CallRecord.prototype, 'start'),
      mock.method(ServerCallRecord.prototype, 'start'),
      mock.method(AttemptRecord.prototype, 'start'),
    ];
    const channels = [
      callEvents,
      attemptEvents,
      streamEvents,
      connectionEvents,
      goAwayEvents,
      limitEvents,
      stallEvents,
    ];
    for (const { hasSubscribers } of channels) assert.equal(hasSubscribers, false);
    // What all channels without listeners share.
    const publish = mock.method(Object.getPrototypeOf(callEvents), 'publish');
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server, { limits: { openCalls: 1 } });
    await channel.ready();
    await Promise.all([channel.unary(PATH, X), channel.unary(PATH, X)]);
    await failureOf(channel.unary('/test.Events/Unknown', X));
    assert.ok((channel.stats().limits['open-calls']?.acted ?? 0) > 0);
    await server.drain();
    for (const { mock: seen } of [...made, publish]) assert.equal(seen.callCount(), 0);
  });
});

describe('a listener', () => {
  it('of node:diagnostics_channel hears the same messages', async () => {
    const mine = heard.to('sluice:call');
    const theirs: unknown[] = [];
    const listener = (message: unknown): void => {
      theirs.push(message);
    };
    diagnostics.subscribe('sluice:call', listener);
    const server = running.server().unary(PATH, (request) => request);
    await (await running.channelTo(server)).unary(PATH, X);
    assert.equal(diagnostics.unsubscribe('sluice:call', listener), true);
    assert.ok(theirs.length > 0);
    assert.deepEqual(mine.slice(0, theirs.length), theirs);
  });

  it('that throws harms no call: the process hears of it, and other listeners go on', async () => {
    const uncaught: unknown[] = [];
    const names = ['sluice:call', 'sluice:attempt', 'sluice:stream', 'sluice:connection'] as const;
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      for (const name of names) {
        heard.on(name, () => {
          throw new Error(`thrown by the listener of ${name}`);
        });
      }
      const calls = heard.to('sluice:call');
      const server = running.server().unary(PATH, (request) => request);
      const channel = await running.channelTo(server);
      assert.equal(String(await channel.unary(PATH, X)), 'x');
      await running.end();
      assert.ok(calls.length > 0);
      for (const name of names) {
        assert.ok(
          uncaught.some((error) => String(error).endsWith(name)),
          name,
        );
      }
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });

  it('that was given twice is taken away by itself', () => {
    const heardOf: string[] = [];
    const listener = (event: { readonly what: string }): void => {
      heardOf.push(event.what);
    };
    const event = { limit: 'x', value: 1, unit: 'x', depth: 1, side: 'client', place: '' } as const;
    const first = subscribe('sluice:limit', listener);
    const second = subscribe('sluice:limit', listener);
    limitEvents.publish({ ...event, what: 'waited' });
    first();
    first();
    limitEvents.publish({ ...event, what: 'refused' });
    second();
    limitEvents.publish({ ...event, what: 'waited' });
    assert.deepEqual(heardOf, ['waited', 'waited', 'refused']);
    const events: EventChannel<unknown> = diagnostics.channel('sluice:limit');
    assert.equal(events.hasSubscribers, false);
  });

  it('may close the server that tells it of a call', async () => {
    const server = running.server().unary(PATH, () => assert.fail('the handler ran'));
    heard.on('sluice:call', ({ side, phase }) => {
      if (side === 'server' && phase === 'start') void server.close();
    });
    const channel = await running.channelTo(server);
    const { details } = await failureOf(channel.unary(PATH, X));
    assert.match(details, /the server was closed/);
  });
});
