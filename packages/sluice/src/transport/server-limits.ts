// The limits that a server's connection has, as stats and events show them: its own, and those of
// either end. Not here: where they act (request-intake.ts, server-transport.ts, connection.ts).

import type { LimitReading } from './admission.ts';
import {
  CONNECTION_LIMITS,
  connectionLimitDepth,
  connectionLimitValue,
} from './connection-limits.ts';
import { type LimitName, limits } from './limit-table.ts';
import type { ServerLimits } from './limits.ts';
import type { ServerTransport } from './server-transport.ts';

/** What the options of a server made of its limits. */
export interface ServerLimitOptions {
  readonly limits: ServerLimits;
  readonly maxHeaderList: number;
  readonly maxReceiveMessageLength: number;
}

/** In the order of stats. */
const OWN: readonly LimitName[] = [
  'streams',
  'handlers',
  'queued-bytes',
  'exposure-bytes',
  'memory-budget',
  'premature-resets',
  'ping-strikes',
  'handshake-timeout',
];

/** Every limit of a server's connection. */
export const SERVER_LIMITS: readonly LimitName[] = [...OWN, ...CONNECTION_LIMITS];

export function serverLimitValue(name: LimitName, options: ServerLimitOptions): number {
  switch (name) {
    case 'streams':
      return options.limits.streams;
    case 'handlers':
      return options.limits.handlers;
    case 'queued-bytes':
      return options.limits.queuedBytes;
    case 'exposure-bytes':
      return options.limits.exposureBytes;
    default:
      return connectionLimitValue(name, options);
  }
}

/** How full it is on one connection. */
export function serverLimitDepth(name: LimitName, transport: ServerTransport): number {
  const { connection } = transport;
  switch (name) {
    case 'streams':
      return connection.streams.size;
    case 'handlers':
      return transport.handlers;
    case 'queued-bytes':
      return transport.queuedBytes;
    case 'exposure-bytes':
      return connection.credit.inbound.exposure;
    case 'memory-budget':
      return connection.memory.budget.usedBytes;
    case 'premature-resets':
      return transport.prematureResets.used;
    case 'ping-strikes':
      return transport.pings.strikes;
    case 'handshake-timeout':
      return transport.handshakeMs;
    default:
      return connectionLimitDepth(name, connection);
  }
}

/** One of the limits that only servers have, as it stands on a connection. */
export function serverReading(
  name: LimitName,
  transport: ServerTransport,
): LimitReading | undefined {
  if (!OWN.includes(name)) return undefined;
  return {
    value:
      name === 'premature-resets'
        ? transport.prematureResets.allowed
        : serverLimitValue(name, transport),
    unit: limits[name].unit,
    depth: serverLimitDepth(name, transport),
    acted: transport.connection.limits.acted.of(name),
  };
}
