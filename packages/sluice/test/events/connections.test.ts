// `sluice:connection`, `sluice:stream`, `sluice:goaway`: what connections of both sides tell.

import assert from 'node:assert/strict';
import net from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import type { ConnectionEvent } from '#sluice/transport/diagnostics.js';
import { ClientEnd } from '../support/client-end.js';
import { Heard } from '../support/heard.js';
import { failureOf, Running, signal } from '../support/running.js';
import { ServerEnd } from '../support/server-end.js';

const PATH = '/test.Events/Method';
const X = Buffer.from('x');

const running = new Running();
const heard = new Heard();

afterEach(async () => {
  await running.end();
  heard.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

function phasesOf(events: readonly ConnectionEvent[], side: 'client' | 'server'): string[] {
  return events.filter((one) => one.side === side).map(({ phase }) => phase);
}

describe('a connection that somebody listens to', () => {
  it('tells of its whole life on both sides', async () => {
    const events = heard.to('sluice:connection');
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    const [mine] = channel.stats().connections;
    const [theirs] = server.stats().connections;
    assert.ok(mine !== undefined && theirs !== undefined);
    assert.notEqual(mine.id, theirs.id);
    await server.drain();
    await until(() => channel.stats().connections.length === 0);
    assert.deepEqual(phasesOf(events, 'client'), ['connecting', 'ready', 'draining', 'closed']);
    assert.deepEqual(phasesOf(events, 'server'), ['ready', 'draining', 'closed']);
    const [connecting, ready, draining, closed] = events.filter(({ side }) => side === 'client');
    assert.deepEqual(connecting, { phase: 'connecting', side: 'client', address: mine.peer });
    const same = { side: 'client', connection: mine.id, peer: mine.peer };
    assert.ok(ready?.phase === 'ready' && ready.durationMs >= 0);
    const { durationMs } = ready;
    assert.deepEqual(ready, { phase: 'ready', ...same, local: mine.local, durationMs });
    const reason = 'the server sent GOAWAY(NO_ERROR) "the server is draining"';
    assert.deepEqual(draining, { phase: 'draining', ...same, reason });
    assert.ok(closed?.phase === 'closed');
    assert.deepEqual(
      [closed.connection, closed.initiator, closed.goAwayCode, closed.wasReady, closed.systemCode],
      [mine.id, 'local', ErrorCode.NO_ERROR, true, ''],
    );
    const [their] = events.filter(({ side }) => side === 'server');
    assert.ok(their?.phase === 'ready');
    assert.deepEqual([their.connection, their.peer], [theirs.id, mine.local]);
  });

  it('that cannot be made tells why', async () => {
    const events = heard.to('sluice:connection');
    const channel = running.channel('127.0.0.1:1');
    const failure = await failureOf(channel.unary(PATH, X));
    assert.deepEqual(phasesOf(events, 'client'), ['connecting', 'failed']);
    const failed = events[1];
    assert.ok(failed?.phase === 'failed');
    assert.equal(failed.address, '127.0.0.1:1');
    assert.ok(failure.details.includes(failed.reason), failed.reason);
    assert.ok(failed.durationMs >= 0);
  });

  it('whose handshake fails was never ready', async () => {
    const events = heard.to('sluice:connection');
    const closer = net.createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => closer.listen(0, '127.0.0.1', resolve));
    const address = closer.address();
    assert.ok(typeof address === 'object' && address !== null);
    const channel = running.channel(`127.0.0.1:${address.port}`);
    await failureOf(channel.unary(PATH, X));
    closer.close();
    const closed = events.find(({ phase }) => phase === 'closed');
    assert.ok(closed?.phase === 'closed');
    assert.deepEqual([closed.wasReady, closed.initiator], [false, 'remote']);
    assert.deepEqual(phasesOf(events, 'client'), ['connecting', 'closed', 'failed']);
  });

  it('tells of the system error it was lost by', async () => {
    const events = heard.to('sluice:connection');
    const end = await ClientEnd.ready();
    end.socket.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    await end.settle();
    const closed = events.at(-1);
    assert.ok(closed?.phase === 'closed');
    assert.deepEqual(
      [closed.systemCode, closed.initiator, closed.errorCode, closed.wasReady],
      ['ECONNRESET', 'remote', undefined, true],
    );
    assert.match(closed.reason, /ECONNRESET/);
    await end.finish();
  });
});

describe('a stream', () => {
  it('tells of its id when it is opened and when it is gone, on both sides', async () => {
    const events = heard.to('sluice:stream');
    const release = signal();
    const server = running.server().unary(PATH, async (request) => {
      await release.happened;
      return request;
    });
    const channel = await running.channelTo(server);
    const calls = [channel.unary(PATH, X), channel.unary(PATH, X)];
    await until(() => events.length === 4);
    release.raise();
    await Promise.all(calls);
    await until(() => events.length === 8);
    for (const side of ['client', 'server'] as const) {
      const { id, peer } = (side === 'client' ? channel : server).stats().connections[0] ?? {};
      assert.deepEqual(
        events.filter((one) => one.side === side),
        [
          { phase: 'opened', side, connection: id, peer, streamId: 1, open: 1 },
          { phase: 'opened', side, connection: id, peer, streamId: 3, open: 2 },
          { phase: 'closed', side, connection: id, peer, streamId: 1, open: 1 },
          { phase: 'closed', side, connection: id, peer, streamId: 3, open: 0 },
        ],
      );
    }
  });

  it('that is never written has no id and tells nothing', async () => {
    const events = heard.to('sluice:stream');
    const end = await ClientEnd.ready();
    end.open().stream.cancel();
    await end.settle();
    assert.deepEqual(events, []);
    await end.finish();
  });
});

describe('a GOAWAY', () => {
  it('is told of by whoever sends it and by whoever gets it', async () => {
    const events = heard.to('sluice:goaway');
    const end = await ClientEnd.ready();
    end.peer.goAway(0, ErrorCode.ENHANCE_YOUR_CALM, 'too_many_pings');
    await end.settle();
    const { id, names } = end.transport.connection;
    const from = { side: 'client', connection: id, peer: names.peer };
    assert.deepEqual(events, [
      {
        phase: 'received',
        ...from,
        errorCode: 0xb,
        errorName: 'ENHANCE_YOUR_CALM',
        lastStreamId: 0,
        text: 'too_many_pings',
      },
      {
        phase: 'sent',
        ...from,
        errorCode: 0,
        errorName: 'NO_ERROR',
        lastStreamId: 0,
        text: 'the server sent GOAWAY(ENHANCE_YOUR_CALM) "too_many_pings"',
      },
    ]);
    await end.finish();
  });

  it('names the rule that was broken', async () => {
    const events = heard.to('sluice:goaway');
    const closes = heard.to('sluice:connection');
    const end = await ServerEnd.ready();
    end.peer.headers(2, []);
    await end.settle();
    assert.deepEqual(
      events.map(({ phase, side, errorName, text }) => [phase, side, errorName, text]),
      [['sent', 'server', 'PROTOCOL_ERROR', 'HEADERS on stream 2, an even id']],
    );
    const closed = closes.at(-1);
    assert.ok(closed?.phase === 'closed');
    assert.deepEqual(
      [closed.initiator, closed.errorCode, closed.goAwayCode],
      ['library', ErrorCode.PROTOCOL_ERROR, undefined],
    );
    await end.finish();
  });
});
