// What only this transport can say, as observable gauges: queues, windows, streams, the gate and the
// limits of every channel and server of the process, read from `stats()` when metrics are collected.
// Invariants: nothing is read between two collections; a connection that channels share is counted
// for one of them; the series are as many as targets and listeners, not as connections.
// Not here: how often limits acted (limit-metrics.ts), figures of calls (call-metrics.ts).

import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import { liveChannels } from '../../channel/live-channels.ts';
import { type LiveServer, liveServers } from '../../server/live-servers.ts';
import type { ConnectionStats, RuntimeStats } from '../../transport/connection-stats.ts';
import type { AttributeNames } from './attribute-names.ts';

const PREFIX = 'grpc.transport.http2';

/** How the figures of several connections become one. */
type Merge = 'sum' | 'max' | 'min';

/** A gauge over the connections of one channel or server. */
interface ConnectionGauge {
  readonly name: string;
  readonly unit: string;
  readonly merge: Merge;
  readonly description: string;
  readonly read: (connection: ConnectionStats) => number;
}

/** Milliseconds of `stats()` as the seconds that metrics have. */
function seconds(ms: number): number {
  return ms / 1_000;
}

const CONNECTION_GAUGES: readonly ConnectionGauge[] = [
  {
    name: 'queue.items',
    unit: '{item}',
    merge: 'sum',
    description: 'Control frames, HEADERS and messages that wait to be written.',
    read: (connection) => connection.queueItems,
  },
  {
    name: 'queue.bytes',
    unit: 'By',
    merge: 'sum',
    description: 'Bytes that wait to be written.',
    read: (connection) => connection.queueBytes,
  },
  {
    name: 'queue.oldest_age',
    unit: 's',
    merge: 'max',
    description: 'Age of what has waited longest to be written.',
    read: (connection) => seconds(connection.oldestItemMs),
  },
  {
    name: 'socket.backlog',
    unit: 'By',
    merge: 'sum',
    description: 'Bytes written that the sockets have not taken.',
    read: (connection) => connection.socketBytes,
  },
  {
    name: 'response_frames',
    unit: '{frame}',
    merge: 'max',
    description: 'Replies to received frames that wait to be written, of the fullest connection.',
    read: (connection) => connection.responseFrames,
  },
  {
    name: 'gate.closed',
    unit: '{connection}',
    merge: 'sum',
    description: 'Connections that are not read because their replies do not go out.',
    read: (connection) => (connection.gate === 'closed' ? 1 : 0),
  },
  {
    name: 'loopy.blocked',
    unit: '{connection}',
    merge: 'sum',
    description: 'Connections whose writer waits for the socket.',
    read: (connection) => (connection.loopy === 'blocked-on-socket' ? 1 : 0),
  },
  {
    name: 'window.send',
    unit: 'By',
    merge: 'min',
    description: 'Credit of a connection that the peer has left us, of the poorest one.',
    read: (connection) => connection.sendQuota,
  },
  {
    name: 'window.receive',
    unit: 'By',
    merge: 'min',
    description: 'Credit of a connection that we have left the peer, of the poorest one.',
    read: (connection) => connection.receiveWindow,
  },
  {
    name: 'received.unread',
    unit: 'By',
    merge: 'sum',
    description: 'Received bytes that no reader has asked for.',
    read: (connection) => connection.unreadBytes,
  },
  {
    name: 'received.partial',
    unit: 'By',
    merge: 'sum',
    description: 'Bytes of messages that were asked for and are still coming in.',
    read: (connection) => connection.partialBytes,
  },
  {
    name: 'exposure',
    unit: 'By',
    merge: 'sum',
    description: 'Bytes that peers may send without asking again.',
    read: (connection) => connection.exposureBytes,
  },
  {
    name: 'streams.open',
    unit: '{stream}',
    merge: 'sum',
    description: 'Open streams.',
    read: (connection) => connection.streams.open,
  },
  {
    name: 'streams.waiting',
    unit: '{stream}',
    merge: 'sum',
    description: 'Streams with something to send that wait for credit of the peer.',
    read: (connection) => connection.streams.waitingOnStreamQuota,
  },
  {
    name: 'rtt',
    unit: 's',
    merge: 'max',
    description: 'Round trip time, of the slowest connection; 0 until it was measured.',
    read: (connection) => seconds(connection.rttMs),
  },
];

/** Reads all figures at each collection, until it is stopped. */
export class TransportGauges {
  private readonly meter: Meter;
  private readonly names: AttributeNames;
  private readonly gauges: readonly Observable[];
  private readonly connections: Observable;
  private readonly waiting: Observable;
  private readonly oldestWait: Observable;
  private readonly limitValue: Observable;
  private readonly limitDepth: Observable;
  private readonly all: Observable[];
  private readonly collect: (result: BatchObservableResult) => void;

  constructor(meter: Meter, names: AttributeNames) {
    this.meter = meter;
    this.names = names;
    this.gauges = CONNECTION_GAUGES.map(({ name, unit, description }) =>
      meter.createObservableGauge(`${PREFIX}.${name}`, { unit, description }),
    );
    this.connections = meter.createObservableGauge(`${PREFIX}.connections`, {
      unit: '{connection}',
      description: 'Connections, by state.',
    });
    this.waiting = meter.createObservableGauge(`${PREFIX}.waiting_calls`, {
      unit: '{call}',
      description: 'Calls that wait for a stream or a connection.',
    });
    this.oldestWait = meter.createObservableGauge(`${PREFIX}.oldest_wait`, {
      unit: 's',
      description: 'How long the first of them has waited.',
    });
    this.limitValue = meter.createObservableGauge(`${PREFIX}.limit.value`, {
      description: 'The value of a limit, in its own unit; one that is off has none.',
    });
    this.limitDepth = meter.createObservableGauge(`${PREFIX}.limit.depth`, {
      description: 'How much of a limit is used, in its own unit, where it is used most.',
    });
    this.all = [
      ...this.gauges,
      this.connections,
      this.waiting,
      this.oldestWait,
      this.limitValue,
      this.limitDepth,
    ];
    this.collect = (result) => this.observe(result);
    meter.addBatchObservableCallback(this.collect, this.all);
  }

  /** No more collections. */
  stop(): void {
    this.meter.removeBatchObservableCallback(this.collect, this.all);
  }

  private observe(result: BatchObservableResult): void {
    // Several channels may have one target, and several channels one connection.
    const byTarget = new Map<string, RuntimeStats[]>();
    const seen = new Set<number>();
    for (const channel of liveChannels.all()) {
      const stats = channel.stats();
      stats.connections = stats.connections.filter(({ id }) => !seen.has(id));
      for (const { id } of stats.connections) seen.add(id);
      const target = this.names.targetOf(channel.target);
      const others = byTarget.get(target);
      if (others === undefined) byTarget.set(target, [stats]);
      else others.push(stats);
    }
    for (const [target, stats] of byTarget) {
      this.observeOne(result, stats, { 'grpc.target': target });
    }
    for (const server of liveServers) {
      this.observeOne(result, [server.server.stats()], serverAttributes(server));
    }
  }

  private observeOne(
    result: BatchObservableResult,
    stats: readonly RuntimeStats[],
    attributes: Attributes,
  ): void {
    const connections = stats.flatMap((one) => one.connections);
    CONNECTION_GAUGES.forEach(({ merge, read }, at) => {
      const gauge = this.gauges[at];
      const value = merged(connections, merge, read);
      if (gauge !== undefined && value !== undefined) result.observe(gauge, value, attributes);
    });
    for (const [state, count] of statesOf(connections)) {
      result.observe(this.connections, count, { ...attributes, state });
    }
    let waiting = 0;
    let oldestMs = 0;
    for (const one of stats) {
      waiting += one.waitingCalls;
      oldestMs = Math.max(oldestMs, one.oldestWaitMs);
    }
    result.observe(this.waiting, waiting, attributes);
    result.observe(this.oldestWait, seconds(oldestMs), attributes);
    this.observeLimits(result, stats, attributes);
  }

  private observeLimits(
    result: BatchObservableResult,
    stats: readonly RuntimeStats[],
    attributes: Attributes,
  ): void {
    const depths = new Map<string, number>();
    for (const { limits } of stats) {
      for (const [name, { depth }] of Object.entries(limits)) {
        depths.set(name, Math.max(depth, depths.get(name) ?? 0));
      }
    }
    for (const [name, depth] of depths) {
      const reading = stats.find(({ limits }) => name in limits)?.limits[name];
      if (reading === undefined) continue;
      const ofLimit = { ...attributes, limit: name, unit: reading.unit };
      result.observe(this.limitDepth, depth, ofLimit);
      if (Number.isFinite(reading.value)) result.observe(this.limitValue, reading.value, ofLimit);
    }
  }
}

/** Where a server listens; of several addresses the first. */
function serverAttributes({ server }: LiveServer): Attributes {
  const address = server.addresses[0];
  if (address === undefined) return { 'server.address': '' };
  const { address: host, port } = address;
  return port === 0 ? { 'server.address': host } : { 'server.address': host, 'server.port': port };
}

/** Undefined of none, unless they are added up. */
function merged(
  connections: readonly ConnectionStats[],
  merge: Merge,
  read: (connection: ConnectionStats) => number,
): number | undefined {
  if (merge === 'sum') return connections.reduce((sum, one) => sum + read(one), 0);
  if (connections.length === 0) return undefined;
  const values = connections.map(read);
  return merge === 'max' ? Math.max(...values) : Math.min(...values);
}

function statesOf(connections: readonly ConnectionStats[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { state } of connections) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
