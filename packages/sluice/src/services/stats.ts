/// <reference types="node" preserve="true" />
// The entry point `sluice/stats`: a service that shows every channel and server of the process, its
// limits, what waits, and the process itself; `sluice top` reads it.
// Invariants: it costs nothing until it is asked; what is asked for is bounded.
// sluice.stats.v1. Not here: the page for a browser (page.ts), the standard channelz (channelz.ts).

import { type Snapshot, Stats } from '../gen/sluice/stats/v1/stats_pb.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { Server } from '../server/server.ts';
import { ProcessMeter } from './process-meter.ts';
import { takeSnapshot } from './snapshot.ts';
import { snapshotMessage } from './stats-message.ts';
import { StatsWatch } from './stats-watch.ts';

export { type Snapshot as StatsSnapshot, Stats };

/** Milliseconds between two snapshots of a watch. */
const INTERVAL_MS = 1_000;
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 60_000;

/** Connections of each channel and server. */
const CONNECTIONS = 100;
const MAX_CONNECTIONS = 1_000;

/** Bytes of a request: two numbers. */
const MAX_REQUEST = 64;

/**
 * Adds the stats service to a server: `addStats(server)`. It shows every channel and server of the
 * process with the addresses of their peers, so it belongs on a server that only operators reach.
 * @throws Error if the server has it already
 */
export function addStats(server: Server): void {
  const watches = new Set<StatsWatch>();
  server.add(
    Stats,
    {
      get: ({ maxConnections }) =>
        snapshotMessage(takeSnapshot(new ProcessMeter(), connectionsAsked(maxConnections))),
      async *watch({ intervalMs, maxConnections }, context) {
        const watch = new StatsWatch(intervalAsked(intervalMs), connectionsAsked(maxConnections));
        watches.add(watch);
        try {
          for await (const snapshot of watch.snapshots(context)) yield snapshotMessage(snapshot);
        } finally {
          watches.delete(watch);
        }
      },
    },
    { maxReceiveMessageLength: MAX_REQUEST },
  );
  server.onDraining(() => {
    for (const watch of watches) watch.cancel();
  });
}

function intervalAsked(ms: number): number {
  if (ms === 0) return INTERVAL_MS;
  if (ms >= MIN_INTERVAL_MS && ms <= MAX_INTERVAL_MS) return ms;
  throw new StatusError(
    Status.INVALID_ARGUMENT,
    `interval_ms is ${ms}; it must be from ${MIN_INTERVAL_MS} to ${MAX_INTERVAL_MS}, or 0 for ${INTERVAL_MS}`,
  );
}

function connectionsAsked(most: number): number {
  if (most === 0) return CONNECTIONS;
  if (most <= MAX_CONNECTIONS) return most;
  throw new StatusError(
    Status.INVALID_ARGUMENT,
    `max_connections is ${most}; it must be at most ${MAX_CONNECTIONS}, or 0 for ${CONNECTIONS}`,
  );
}
