// All channels and servers of the process at one moment, as plain data: what the stats service and the
// page show.
// Invariants: no side effects; of each end only so many connections, those that hold most first, so what
// is sent is bounded. Not here: the figures themselves (`stats()`), the process (process-meter.ts).

import { liveChannels } from '../channel/live-channels.ts';
import { type LiveServer, liveServers } from '../server/live-servers.ts';
import { openCallsOf } from '../server/server-explanation.ts';
import type { ConnectionStats, RuntimeStats } from '../transport/connection-stats.ts';
import { listenText } from './channelz-data.ts';
import { numbered, numberedServer } from './channelz-entities.ts';
import type { ProcessFigures, ProcessMeter } from './process-meter.ts';
import { inOrder, type Wait, waitsOf } from './waits.ts';

/** A process at one moment. */
export interface Snapshot {
  /** Milliseconds since the epoch. */
  atMs: number;
  process: ProcessFigures;
  /** The gravest first, at most MAX_WAITS. */
  waits: Wait[];
  /** How many there are. */
  waitsInAll: number;
  ends: End[];
}

/** A channel or a server. */
export interface End {
  kind: 'channel' | 'server';
  /** The number that channelz knows it by. */
  id: number;
  /** The target, or the addresses. */
  name: string;
  /** What its calls wait for, a line for each connection: `explain()`; '' unless something stalls. */
  explanation: string;
  callsStarted: number;
  callsSucceeded: number;
  callsFailed: number;
  connectionsInAll: number;
  /** `connections` may hold fewer than there are. */
  stats: RuntimeStats;
}

/** Waits that are told of, for thousands of connections may wait for the same. */
const MAX_WAITS = 20;

/**
 * The process now.
 * @param maxConnections of each channel and server
 */
export function takeSnapshot(meter: ProcessMeter, maxConnections: number): Snapshot {
  const ends = [...channels(), ...servers()];
  const waits = inOrder(ends.flatMap((end) => end.waits));
  const shown = ends.map(({ end: { stats, ...end } }) => {
    const connections = fullestOf(stats.connections, maxConnections);
    return { ...end, stats: { ...stats, connections } };
  });
  return {
    atMs: Math.round(performance.timeOrigin + performance.now()),
    process: meter.read(),
    waitsInAll: waits.length,
    waits: waits.slice(0, MAX_WAITS),
    ends: shown,
  };
}

interface Looked {
  readonly end: End;
  readonly waits: Wait[];
}

function channels(): Looked[] {
  return liveChannels.all().map((channel) => {
    const { started, succeeded, failed } = channel.counts;
    const stats = channel.stats();
    const end: End = {
      kind: 'channel',
      id: Number(numbered(channel).id),
      name: channel.target,
      explanation: '',
      callsStarted: started,
      callsSucceeded: succeeded,
      callsFailed: failed,
      connectionsInAll: stats.connections.length,
      stats,
    };
    const waits = waitsOf(`channel ${end.name}`, stats, channel.openCalls());
    if (isStalled(waits)) end.explanation = channel.explain();
    return { end, waits };
  });
}

function servers(): Looked[] {
  return [...liveServers].map((entry) => {
    const { started, succeeded, running, turnedAway } = entry.load;
    const stats = entry.server.stats();
    const end: End = {
      kind: 'server',
      id: Number(numberedServer(entry).id),
      name: serverName(entry),
      explanation: '',
      callsStarted: started + turnedAway,
      callsSucceeded: succeeded,
      callsFailed: Math.max(0, started - succeeded - running) + turnedAway,
      connectionsInAll: stats.connections.length,
      stats,
    };
    const waits = waitsOf(`server ${end.name}`, stats, openCallsOf(entry.connections));
    if (isStalled(waits)) end.explanation = entry.server.explain();
    return { end, waits };
  });
}

/** Explaining asks every call, and the kernel: it is worth that where something hangs. */
function isStalled(waits: readonly Wait[]): boolean {
  return waits.some(({ severity }) => severity === 'stalled');
}

const names = new WeakMap<LiveServer, string>();

/** Its addresses; a server that drains has none any more and keeps the name it had. */
function serverName(entry: LiveServer): string {
  const now = entry.server.addresses.map(listenText).join(', ');
  if (now !== '') names.set(entry, now);
  return now === '' ? (names.get(entry) ?? 'that listens no more') : now;
}

function fullestOf(connections: ConnectionStats[], most: number): ConnectionStats[] {
  if (connections.length <= most) return connections;
  const held = ({ queueBytes, socketBytes, unreadBytes, streams }: ConnectionStats): number =>
    queueBytes + socketBytes + unreadBytes + streams.open;
  const kept = [...connections].sort((a, b) => held(b) - held(a)).slice(0, most);
  // In the order in which they came, so that a list does not dance.
  return kept.sort((a, b) => a.id - b.id);
}
