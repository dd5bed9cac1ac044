// The figures of a server over all its connections.
// Invariants: no side effects; what a limit did outlives the connection on which it acted.

import {
  type ConnectionStats,
  connectionStats,
  type RuntimeStats,
} from '../transport/connection-stats.ts';
import type { LimitCounts } from '../transport/limit-counts.ts';
import { limits } from '../transport/limit-table.ts';
import type { Listener, SocketNames } from '../transport/listener.ts';
import {
  SERVER_LIMITS,
  type ServerLimitOptions,
  serverLimitDepth,
  serverLimitValue,
} from '../transport/server-limits.ts';
import type { ServerTransport } from '../transport/server-transport.ts';
import type { HandlerLoad } from './handler-load.ts';

/** A connection, with what it does not know of itself. */
export interface LiveConnection {
  readonly transport: ServerTransport;
  readonly id: number;
  readonly names: SocketNames;
  readonly sinceMs: number;
  /** Where it came in. */
  readonly listener: Listener;
}

/**
 * What `server.stats()` answers.
 * @param options what the options made of the limits
 * @param acted on connections that are closed, and where there is no connection
 */
export function serverStats(
  state: string,
  live: Iterable<LiveConnection>,
  options: ServerLimitOptions,
  acted: LimitCounts,
  load: HandlerLoad,
): RuntimeStats {
  const connections: ConnectionStats[] = [];
  const readings: RuntimeStats['limits'] = {};
  for (const name of SERVER_LIMITS) {
    const value = serverLimitValue(name, options);
    readings[name] = { value, unit: limits[name].unit, depth: 0, acted: acted.of(name) };
  }
  Object.assign(readings, load.readings());
  for (const { transport, id, names, sinceMs } of live) {
    const identity = { id, names, sinceMs, state: transport.state };
    connections.push(connectionStats(transport.connection, identity));
    for (const name of SERVER_LIMITS) {
      const reading = readings[name];
      if (reading === undefined) continue;
      // Limits are per connection: the depth shown is that of the fullest one.
      reading.depth = Math.max(reading.depth, serverLimitDepth(name, transport));
      reading.acted += transport.connection.limits.acted.of(name);
    }
  }
  return { state, waitingCalls: 0, oldestWaitMs: 0, limits: readings, connections };
}
