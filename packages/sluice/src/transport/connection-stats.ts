// The figures of one connection, read while it runs: plain numbers, no side effects.
// The shapes are public and only ever gain fields.

import type { LimitReading } from './admission.ts';
import type { Connection } from './connection.ts';
import type { SocketNames } from './listener.ts';

/** `channel.stats()` and `server.stats()`. */
export interface RuntimeStats {
  /** Connectivity state of a channel, or `listening`, `draining`, `closed` of a server. */
  state: string;
  /** Calls that wait for a stream or a connection. */
  waitingCalls: number;
  oldestWaitMs: number;
  /** Every limit by name: its value, how close it is, and how often it acted. */
  limits: Record<string, LimitReading>;
  connections: ConnectionStats[];
  /** Of a channel. */
  retries?: RetryCounts;
  /** Of a channel: the addresses that its balancing policy uses now. None while it is IDLE. */
  backends?: BackendStats[];
}

/** One address of a channel. */
export interface BackendStats {
  /** `host:port`, `[v6]:port` or `unix:/path`. */
  address: string;
  state: 'IDLE' | 'CONNECTING' | 'READY' | 'TRANSIENT_FAILURE' | 'SHUTDOWN';
  /** Why the last attempt to connect, or the last connection, failed; '' if none has. */
  lastFailure: string;
  /** Their ids in `connections`: the one in use, and those that drain. */
  connections: number[];
}

/** What became of the calls of a channel whose method has a retry or hedging policy (gRFC A6). */
export interface RetryCounts {
  /** Attempts after a failed one. */
  retries: number;
  /** Attempts beside another one, or in its stead, by a hedging policy. */
  hedges: number;
  /** Attempts that were due and not made because the backend fails too often. */
  throttled: number;
  /** Calls that kept too much to be tried again. */
  committedByBuffer: number;
}

/** One connection. Bytes and milliseconds unless the name says otherwise. */
export interface ConnectionStats {
  id: number;
  peer: string;
  local: string;
  state: string;
  sinceMs: number;
  /** Control frames, HEADERS and messages that wait to be written. */
  queueItems: number;
  queueBytes: number;
  oldestItemMs: number;
  /** The socket's own backlog (`writableLength`). */
  socketBytes: number;
  /** Queued replies to received frames; the gate closes at 50. */
  responseFrames: number;
  gate: 'open' | 'closed';
  gateSinceMs: number;
  loopy: 'parked' | 'running' | 'blocked-on-socket';
  loopySinceMs: number;
  /** Credit of the connection that the peer has left us. */
  sendQuota: number;
  outgoingInitialWindow: number;
  /** Credit of the connection that we have left the peer. */
  receiveWindow: number;
  /** Received bytes that no reader has asked for. */
  unreadBytes: number;
  exposureBytes: number;
  withheldBytes: number;
  /** Messages that were asked for and are still coming in. */
  partialBytes: number;
  bdpBytes: number;
  rttMs: number;
  streams: {
    open: number;
    active: number;
    empty: number;
    waitingOnStreamQuota: number;
    peerLimit: number;
  };
}

/** What a connection does not know of itself. */
export interface ConnectionIdentity {
  readonly id: number;
  readonly names: SocketNames;
  readonly state: string;
  readonly sinceMs: number;
}

export function connectionStats(
  connection: Connection,
  identity: ConnectionIdentity,
): ConnectionStats {
  const { loopy } = connection;
  const { flow, inbound, bdp } = connection.credit;
  const now = connection.wheel.now();
  let unreadBytes = 0;
  let withheldBytes = 0;
  let oldest = loopy.buffer.heads.size > 0 ? now - loopy.buffer.oldestHeadMs(now) : now;
  connection.streams.forEach((stream) => {
    unreadBytes += stream.messages.unreadBytes;
    withheldBytes += stream.inFlow.withheld;
    const item = stream.out.first;
    if (item !== undefined && item.queuedAt < oldest) oldest = item.queuedAt;
  });
  return {
    id: identity.id,
    peer: identity.names.peer,
    local: identity.names.local,
    state: identity.state,
    sinceMs: Math.round(now - identity.sinceMs),
    queueItems: loopy.buffer.items,
    queueBytes: loopy.buffer.bytes,
    oldestItemMs: Math.max(0, Math.round(now - oldest)),
    socketBytes: connection.socketBytes,
    responseFrames: loopy.buffer.responseFrames,
    gate: connection.reader.gate,
    gateSinceMs: Math.round(now - connection.reader.gateSinceMs),
    loopy: loopy.state,
    loopySinceMs: Math.round(now - connection.loopySinceMs),
    sendQuota: loopy.sendQuota,
    outgoingInitialWindow: loopy.outgoingInitialWindow,
    receiveWindow: flow.limit - flow.unacked,
    unreadBytes,
    exposureBytes: inbound.exposure,
    withheldBytes,
    partialBytes: connection.credit.partials.bytes,
    bdpBytes: bdp.bdpBytes,
    rttMs: bdp.rttMs,
    streams: {
      open: connection.streams.size,
      active: loopy.active.size,
      empty: connection.streams.size - loopy.active.size - loopy.waiting.size,
      waitingOnStreamQuota: loopy.waiting.size,
      peerLimit: connection.peerMaxStreams,
    },
  };
}
