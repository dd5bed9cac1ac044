// The stats service: what a process shows of itself to `sluice top` and whoever else asks.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { createClient } from '#sluice/api/client.js';
import type { Endpoint, Snapshot } from '#sluice/gen/sluice/stats/v1/stats_pb.js';
import { type Channel, type Server, Status } from '#sluice/index.js';
import { ProcessMeter } from '#sluice/services/process-meter.js';
import { takeSnapshot } from '#sluice/services/snapshot.js';
import { addStats, Stats } from '#sluice/services/stats.js';
import { inOrder, type Wait, waitsOf } from '#sluice/services/waits.js';
import { failureOf, Running, signal } from '../support/running.js';

const running = new Running();

afterEach(() => running.end());

/** `/t/Ok`, and `/t/Wait`, which answers when `open` is called; and the service. */
function serving(server: Server): { server: Server; open: () => void; begun: Promise<void> } {
  const gate = signal();
  const begun = signal();
  server
    .unary('/t/Ok', (request) => request)
    .unary('/t/Wait', async (request) => {
      begun.raise();
      await gate.happened;
      return request;
    });
  addStats(server);
  return { server, open: () => gate.raise(), begun: begun.happened };
}

function channelIn({ channels }: Snapshot, target: string): Endpoint {
  const found = channels.find(({ name }) => name === target);
  assert.ok(found !== undefined, `no channel ${target}`);
  return found;
}

async function firstOf(snapshots: AsyncIterable<Snapshot>): Promise<Snapshot> {
  for await (const snapshot of snapshots) return snapshot;
  assert.fail('the watch ended without a snapshot');
}

describe('Get', () => {
  it('shows channels and servers with the figures that stats() has of them', async () => {
    const { server, open, begun } = serving(running.server());
    const channel = await running.channelTo(server);
    const waiting = channel.unary('/t/Wait', Buffer.from('x'));
    await begun;
    const snapshot = await createClient(Stats, channel).get({});
    const shown = channelIn(snapshot, channel.target);
    const [connection] = shown.connections;
    const [own] = channel.stats().connections;
    assert.ok(connection !== undefined && own !== undefined);
    assert.equal(shown.state, 'READY');
    assert.equal(shown.callsStarted, 2);
    assert.equal(shown.connectionsInAll, 1);
    assert.equal(connection.peer, own.peer);
    assert.equal(connection.local, own.local);
    assert.equal(connection.streams?.open, 2);
    assert.equal(connection.streams.peerLimit, own.streams.peerLimit);
    assert.equal(connection.outgoingInitialWindow, own.outgoingInitialWindow);
    const names = Object.keys(channel.stats().limits).sort();
    assert.deepEqual(shown.limits.map(({ name }) => name).sort(), names);
    const openCalls = shown.limits.find(({ name }) => name === 'open-calls');
    assert.equal(openCalls?.depth, 2);
    const served = snapshot.servers.find(({ name }) => name === channel.target);
    assert.equal(served?.state, 'listening');
    assert.equal(served.connections[0]?.peer, own.local);
    assert.equal(snapshot.process?.pid, process.pid);
    assert.equal(snapshot.process.node, process.versions.node);
    assert.equal(snapshot.process.loopDelayMs, undefined);
    open();
    await waiting;
  });

  it('shows limits without a value as Infinity', async () => {
    const { server } = serving(running.server());
    const channel = await running.channelTo(server);
    const { servers } = await createClient(Stats, channel).get({});
    const shown = servers.find(({ name }) => name === channel.target);
    const handlers = shown?.limits.find(({ name }) => name === 'total-handlers');
    assert.equal(handlers?.value, Number.POSITIVE_INFINITY);
  });

  it('names the calls that wait, and the limit that they wait for', async () => {
    const { server, open, begun } = serving(running.server({ limits: { streams: 1 } }));
    const channel = await running.channelTo(server);
    const first = channel.unary('/t/Wait', Buffer.from('x'));
    await begun;
    const second = channel.unary('/t/Ok', Buffer.from('x'));
    const { waits } = takeSnapshot(new ProcessMeter(), 100);
    const [wait] = waits;
    assert.equal(wait?.text, '1 call waits for the one stream that the server allows');
    assert.equal(wait.place, `channel ${channel.target}`);
    assert.equal(wait.severity, 'waiting');
    open();
    await Promise.all([first, second]);
  });

  it('tells of so many connections as are asked for, those that hold most, and how many there are', async () => {
    const { server, open, begun } = serving(running.server());
    const { port } = await server.listen({ host: '127.0.0.1' });
    const channels: Channel[] = [];
    for (let index = 0; index < 3; index++) {
      channels.push(running.channel(`127.0.0.1:${port}`, { shareConnections: false }));
    }
    await Promise.all(channels.map((channel) => channel.ready()));
    const [first, busy] = channels;
    assert.ok(first !== undefined && busy !== undefined);
    const calls = [1, 2, 3].map(() => busy.unary('/t/Wait', Buffer.from('x')));
    await begun;
    const { servers } = await createClient(Stats, first).get({ maxConnections: 1 });
    const shown = servers.find(({ name }) => name === `127.0.0.1:${port}`);
    assert.equal(shown?.connectionsInAll, 3);
    assert.equal(shown.connections.length, 1);
    assert.equal(shown.connections[0]?.peer, busy.stats().connections[0]?.local);
    open();
    await Promise.all(calls);
  });

  it('refuses more connections than it tells of', async () => {
    const { server } = serving(running.server());
    const client = createClient(Stats, await running.channelTo(server));
    const error = await failureOf(client.get({ maxConnections: 1_001 }));
    assert.equal(error.code, Status.INVALID_ARGUMENT);
    assert.equal(error.details, 'max_connections is 1001; it must be at most 1000, or 0 for 100');
  });
});

describe('Watch', () => {
  it('sends a snapshot at once and one after each interval, with what the process did meanwhile', async () => {
    const { server } = serving(running.server());
    const client = createClient(Stats, await running.channelTo(server));
    const seen: Snapshot[] = [];
    for await (const snapshot of client.watch({ intervalMs: 100 })) {
      seen.push(snapshot);
      if (seen.length === 2) break;
    }
    const [first, second] = seen;
    assert.ok(first !== undefined && second !== undefined);
    assert.ok(second.atMs - first.atMs >= 100);
    assert.equal(first.process?.loopDelayMs, undefined);
    assert.ok((second.process?.loopDelayMs ?? -1) >= 0);
  });

  it('refuses an interval outside of its bounds', async () => {
    const { server } = serving(running.server());
    const client = createClient(Stats, await running.channelTo(server));
    const error = await failureOf(firstOf(client.watch({ intervalMs: 99 })));
    assert.equal(error.code, Status.INVALID_ARGUMENT);
    assert.equal(error.details, 'interval_ms is 99; it must be from 100 to 60000, or 0 for 1000');
  });

  it('ends as the server drains, so that no watch holds the drain up', async () => {
    const { server } = serving(running.server());
    const client = createClient(Stats, await running.channelTo(server));
    let drained: Promise<void> | undefined;
    for await (const _ of client.watch({ intervalMs: 60_000 })) drained ??= server.drain();
    await drained;
    assert.deepEqual(server.stats().connections, []);
  });

  it('ends with its call, and leaves no timer', async () => {
    const { server } = serving(running.server());
    const client = createClient(Stats, await running.channelTo(server));
    await firstOf(client.watch({ intervalMs: 60_000 }));
    // `running.end` asserts that no timer is left.
  });
});

describe('addStats', () => {
  it('refuses a server that has the service already', () => {
    const server = running.server();
    addStats(server);
    assert.throws(() => addStats(server), /sluice\.stats\.v1\.Stats/);
  });
});

describe('what waits', () => {
  it('is told the gravest first, and of equally grave ones the longest', () => {
    const wait = (severity: Wait['severity'], forMs: number): Wait => {
      return { severity, place: '', text: '', detail: '', forMs };
    };
    const ordered = inOrder([
      wait('note', 9),
      wait('stalled', 1),
      wait('waiting', 5),
      wait('stalled', 2),
    ]);
    const told = ordered.map(({ severity, forMs }) => `${severity} ${forMs}`);
    assert.deepEqual(told, ['stalled 2', 'stalled 1', 'waiting 5', 'note 9']);
  });

  it('groups the calls of a connection by what they wait for', () => {
    const call = (path: string, forMs: number) => ({
      path,
      stall: () => ({ kind: 'handler' as const, forMs, silentMs: 0, kernel: undefined }),
    });
    const stats = { state: 'READY', waitingCalls: 0, oldestWaitMs: 0, limits: {}, connections: [] };
    const open = [call('/t/A', 400), call('/t/B', 2_500), call('/t/C', 50)];
    const waits = waitsOf('channel shop', stats, [['10.0.0.7:443', open]]);
    assert.equal(waits.length, 1);
    const [wait] = waits;
    assert.equal(wait?.text, "2 calls wait for the server's handler");
    assert.equal(wait.place, 'channel shop, 10.0.0.7:443');
    assert.equal(wait.forMs, 2_500);
    assert.equal(wait.severity, 'waiting');
    assert.match(wait.detail, /^\/t\/B waited 2500 ms for the server's handler/);
  });

  it('names limits that are nearly full, and no others', () => {
    const reading = (depth: number) => ({ value: 100, unit: 'calls', depth, acted: 0 });
    const limits = { near: reading(80), far: reading(79), full: reading(100) };
    const stats = { state: 'READY', waitingCalls: 0, oldestWaitMs: 0, limits, connections: [] };
    const texts = waitsOf('channel shop', stats, []).map(({ text }) => text);
    assert.deepEqual(texts, [
      'at its limits or close to them: near 80 of 100 calls, full 100 of 100 calls',
    ]);
  });
});
