// A snapshot as a message of sluice.stats.v1.
// Invariant: field by field under the names of `stats()`; nothing is computed here.
// Not here: what is in it (snapshot.ts).

import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type ConnectionSchema,
  type EndpointSchema,
  Wait_Severity as SeverityNumber,
  type SnapshotSchema,
} from '../gen/sluice/stats/v1/stats_pb.ts';
import type { ConnectionStats } from '../transport/connection-stats.ts';
import type { End, Snapshot } from './snapshot.ts';
import type { Severity } from './waits.ts';

const SEVERITIES: Readonly<Record<Severity, SeverityNumber>> = {
  note: SeverityNumber.NOTE,
  waiting: SeverityNumber.WAITING,
  stalled: SeverityNumber.STALLED,
};

/** The message that says it. */
export function snapshotMessage(snapshot: Snapshot): MessageInitShape<typeof SnapshotSchema> {
  const { loopDelayMs, ...process } = snapshot.process;
  const delay = loopDelayMs === undefined ? undefined : { loopDelayMs };
  const { ends } = snapshot;
  return {
    atMs: snapshot.atMs,
    process: { ...process, ...delay },
    waits: snapshot.waits.map((wait) => ({ ...wait, severity: SEVERITIES[wait.severity] })),
    waitsInAll: snapshot.waitsInAll,
    channels: ends.filter(({ kind }) => kind === 'channel').map(endMessage),
    servers: ends.filter(({ kind }) => kind === 'server').map(endMessage),
  };
}

function endMessage(end: End): MessageInitShape<typeof EndpointSchema> {
  const { stats } = end;
  return {
    id: end.id,
    name: end.name,
    state: stats.state,
    explanation: end.explanation,
    callsStarted: end.callsStarted,
    callsSucceeded: end.callsSucceeded,
    callsFailed: end.callsFailed,
    waitingCalls: stats.waitingCalls,
    oldestWaitMs: stats.oldestWaitMs,
    limits: Object.entries(stats.limits).map(([name, reading]) => ({ name, ...reading })),
    connections: stats.connections.map(connectionMessage),
    connectionsInAll: end.connectionsInAll,
    backends: (stats.backends ?? []).map((backend) => ({ ...backend })),
    ...(stats.retries === undefined ? undefined : { retries: { ...stats.retries } }),
  };
}

function connectionMessage(stats: ConnectionStats): MessageInitShape<typeof ConnectionSchema> {
  return { ...stats, streams: { ...stats.streams } };
}
