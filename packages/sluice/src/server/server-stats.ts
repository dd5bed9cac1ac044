// The figures of a server over all its connections.
// Invariants: no side effects; what a limit did outlives the connection on which it acted.

import {
  type ConnectionStats,
  connectionStats,
  type RuntimeStats,
} from '../transport/connection-stats.ts';
import type { ServerLimits } from '../transport/limits.ts';
import type { SocketNames } from '../transport/listener.ts';
import { type ServerActed, serverLimit } from '../transport/request-intake.ts';
import type { ServerTransport } from '../transport/server-transport.ts';
import type { HandlerLoad } from './handler-load.ts';

/** A connection, with what it does not know of itself. */
export interface LiveConnection {
  readonly transport: ServerTransport;
  readonly id: number;
  readonly names: SocketNames;
  readonly sinceMs: number;
}

/** How often limits acted on connections that are closed. */
export class ActedBefore {
  private readonly counts: ServerActed;

  constructor() {
    this.counts = {
      streams: 0,
      handlers: 0,
      'queued-bytes': 0,
      'exposure-bytes': 0,
      'memory-budget': 0,
    };
  }

  /** Takes over a connection's counts, which begin anew. */
  take(transport: ServerTransport): void {
    const { acted } = transport.intake;
    for (const name of LIMITS) {
      this.counts[name] += acted[name];
      acted[name] = 0;
    }
  }

  of(name: keyof ServerActed): number {
    return this.counts[name];
  }
}

const LIMITS: readonly (keyof ServerActed)[] = [
  'streams',
  'handlers',
  'queued-bytes',
  'exposure-bytes',
  'memory-budget',
];

/** What `server.stats()` answers. */
export function serverStats(
  state: string,
  live: Iterable<LiveConnection>,
  limits: ServerLimits,
  acted: ActedBefore,
  load: HandlerLoad,
): RuntimeStats {
  const connections: ConnectionStats[] = [];
  const readings: RuntimeStats['limits'] = {};
  for (const name of LIMITS) {
    readings[name] = { ...serverLimit(limits, name), depth: 0, acted: acted.of(name) };
  }
  Object.assign(readings, load.readings());
  for (const { transport, id, names, sinceMs } of live) {
    const identity = { id, names, sinceMs, state: transport.state };
    connections.push(connectionStats(transport.connection, identity));
    for (const [name, depth] of transport.depths()) {
      const reading = readings[name];
      if (reading === undefined) continue;
      // Limits are per connection: the depth shown is that of the fullest one.
      reading.depth = Math.max(reading.depth, depth);
      reading.acted += transport.intake.acted[name];
    }
  }
  return { state, waitingCalls: 0, oldestWaitMs: 0, limits: readings, connections };
}
