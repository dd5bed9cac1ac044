// Raises the events of connections and streams: `sluice:connection`, `sluice:stream`, `sluice:goaway`
// and, of limits, `sluice:limit`.
// Invariant: called only where `hasSubscribers` was asked before on paths that are hot; here nothing of
// the transport changes. Not here: the shapes (diagnostics.ts).

import { errorCodeName } from '../frames/error-code.ts';
import type { LimitReading } from './admission.ts';
import type { Connection } from './connection.ts';
import {
  connectionEvents,
  goAwayEvents,
  limitEvents,
  type Side,
  streamEvents,
} from './diagnostics.ts';
import type { ClosingError } from './errors.ts';
import { type LimitName, limits } from './limit-table.ts';
import { memoryBudget } from './memory-budget.ts';

function sideOf(connection: Connection): Side {
  return connection.server ? 'server' : 'client';
}

/** A stream is known from now on, or no more. */
export function tellStream(
  connection: Connection,
  phase: 'opened' | 'closed',
  streamId: number,
): void {
  streamEvents.publish({
    phase,
    side: sideOf(connection),
    connection: connection.id,
    peer: connection.names.peer,
    streamId,
    open: connection.streams.size,
  });
}

/** The peer's SETTINGS have come. */
export function tellReady(connection: Connection): void {
  if (!connectionEvents.hasSubscribers) return;
  connectionEvents.publish({
    phase: 'ready',
    side: sideOf(connection),
    connection: connection.id,
    peer: connection.names.peer,
    local: connection.names.local,
    durationMs: ageOf(connection),
  });
}

/** No new calls, for the first time. */
export function tellDraining(connection: Connection, reason: string): void {
  if (!connectionEvents.hasSubscribers) return;
  connectionEvents.publish({
    phase: 'draining',
    side: sideOf(connection),
    connection: connection.id,
    peer: connection.names.peer,
    reason,
  });
}

/** Its streams were told already. */
export function tellClosed(connection: Connection, error: ClosingError): void {
  if (!connectionEvents.hasSubscribers) return;
  connectionEvents.publish({
    phase: 'closed',
    side: sideOf(connection),
    connection: connection.id,
    peer: connection.names.peer,
    reason: error.reason,
    initiator: error.initiator,
    errorCode: error.kind === 'connection' ? error.errorCode : undefined,
    goAwayCode: connection.goAwayCode,
    systemCode: error.kind === 'io' ? systemCode(error.cause) : '',
    wasReady: connection.wasReady,
    durationMs: ageOf(connection),
  });
}

/** A GOAWAY was queued, or came. */
export function tellGoAway(
  connection: Connection,
  phase: 'sent' | 'received',
  lastStreamId: number,
  errorCode: number,
  text: string,
): void {
  if (!goAwayEvents.hasSubscribers) return;
  goAwayEvents.publish({
    phase,
    side: sideOf(connection),
    connection: connection.id,
    peer: connection.names.peer,
    errorCode,
    errorName: errorCodeName(errorCode),
    lastStreamId,
    text,
  });
}

/** A limit acted. Asked for its reading only while anybody listens: `limitEvents.hasSubscribers`. */
export function tellLimit(
  limit: LimitName,
  reading: LimitReading,
  what: 'waited' | 'refused',
  side: Side,
  place: string,
): void {
  const { value, unit, depth } = reading;
  limitEvents.publish({ limit, value, unit, depth, what, side, place });
}

/** The memory budget has no room for a connection. */
export function tellNoRoom(side: Side, place: string): void {
  if (!limitEvents.hasSubscribers) return;
  const { limitBytes: value, usedBytes: depth, refusedConnections: acted } = memoryBudget.reading();
  tellLimit('memory-budget', { value, unit: 'bytes', depth, acted }, 'refused', side, place);
}

/** A TLS handshake took too long. */
export function tellNoHandshake(place: string): void {
  if (!limitEvents.hasSubscribers) return;
  const { value, unit, acted } = limits['handshake-timeout'];
  const reading = { value, unit, depth: value, acted };
  tellLimit('handshake-timeout', reading, 'refused', 'server', place);
}

function ageOf(connection: Connection): number {
  return connection.wheel.now() - connection.sinceMs;
}

function systemCode(cause: Error | undefined): string {
  return cause !== undefined && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
}
