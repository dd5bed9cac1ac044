// The depths and limits of a channel or a server of Sluice as the storm counts them, from its `stats()`.
// Pure. Not here: whose stats they are (runtime-sluice.ts, runtime-drop-in.ts).

import type { RuntimeStats } from 'sluice';
import type { QueueDepths } from './runtime.ts';

/** What all connections hold together. */
export function depthsOf(stats: RuntimeStats): QueueDepths {
  const depths: QueueDepths = {
    queueItems: 0,
    queueBytes: 0,
    socketBytes: 0,
    openStreams: 0,
    waitingCalls: stats.waitingCalls,
    connections: stats.connections.length,
    concurrencyLimit: stats.limits.concurrency?.value ?? null,
  };
  for (const connection of stats.connections) {
    depths.queueItems += connection.queueItems;
    depths.queueBytes += connection.queueBytes;
    depths.socketBytes += connection.socketBytes;
    depths.openStreams += connection.streams.open;
  }
  return depths;
}

/** How often each limit acted. */
export function actedOf(stats: RuntimeStats): Record<string, number> {
  return Object.fromEntries(
    Object.entries(stats.limits).map(([name, reading]) => [name, reading.acted]),
  );
}
