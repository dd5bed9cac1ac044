// The figures of one connection, read while it runs: plain numbers, no side effects.
// The shapes are public and only ever gain fields.

import type { LimitReading } from './admission.ts';
import type { Connection } from './connection.ts';
import type { SocketNames } from './listener.ts';
import type { StreamList } from './out-stream.ts';

/** `channel.stats()` and `server.stats()`: how things stand at this moment. */
export interface RuntimeStats {
  /** Connectivity state of a channel, or `idle`, `listening`, `draining`, `closed` of a server. */
  state: string;
  /** Calls that wait for a stream, a connection or their credentials. Of a server 0. */
  waitingCalls: number;
  /** Milliseconds that the one of them has waited which waits longest; 0 where none does. */
  oldestWaitMs: number;
  /**
   * Every limit by name: its value, how close it is, and how often it acted. Those of connections are
   * told of the fullest one; what they did outlives the connection on which they did it.
   */
  limits: Record<string, LimitReading>;
  /** Those whose socket is open, draining ones included. */
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
  /** Their ids in `connections`: those in use, and those that drain. */
  connections: number[];
  /** Most that may be in use at a time (`ChannelOptions.connections`). */
  maxConnections: number;
  /** Connections made since the channel began, by all channels that share them. */
  opened: number;
  /** Of those, the ones that are closed. */
  closed: number;
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

/**
 * One connection. Bytes and milliseconds unless the name says otherwise; a name with `SinceMs` is how
 * long ago that was.
 */
export interface ConnectionStats {
  /** Unique in this process, over all channels and servers; events name it. */
  id: number;
  /** The other end: `127.0.0.1:54321`, `[::1]:54321` or `unix`. */
  peer: string;
  /** This end. */
  local: string;
  /** `connecting` or `handshaking`, `ready`, `draining`, `closed` while it lingers. */
  state: string;
  /** Since the socket was there. */
  sinceMs: number;
  /** Control frames, HEADERS and messages that wait to be written. */
  queueItems: number;
  /** Bytes of them, messages with their prefix and HEADERS by an estimate. */
  queueBytes: number;
  /** Age of the message or the HEADERS that waits longest. */
  oldestItemMs: number;
  /** The socket's own backlog (`writableLength`): written, and not yet with the kernel. */
  socketBytes: number;
  /** Queued replies to received frames; the gate closes at 50. */
  responseFrames: number;
  /** `closed`: nothing is read until the peer takes the replies that wait for it. */
  gate: 'open' | 'closed';
  gateSinceMs: number;
  /** The writer: has nothing to write or may not, has its turn coming, or waits for the socket. */
  loopy: 'parked' | 'running' | 'blocked-on-socket';
  loopySinceMs: number;
  /** Credit of the connection that the peer has left us. */
  sendQuota: number;
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE: what each stream may send before its first credit. */
  outgoingInitialWindow: number;
  /** Credit of the connection that we have left the peer. */
  receiveWindow: number;
  /** Received bytes that no reader has asked for. */
  unreadBytes: number;
  /** Credit granted to open streams, and what is unread: the most that may come or is here. */
  exposureBytes: number;
  /** Credit kept back from streams that hold too much unread while the exposure is over its limit. */
  withheldBytes: number;
  /** Messages that were asked for and are still coming in. */
  partialBytes: number;
  /** The bandwidth-delay product as estimated: what receive windows grow to. */
  bdpBytes: number;
  /** The mean round trip of the estimator's pings; 0 before the first. */
  rttMs: number;
  /** Streams, counted. */
  streams: {
    open: number;
    /** Have messages to send, and a window. */
    active: number;
    /** Have nothing to send now. */
    empty: number;
    /** Have messages to send, and wait for the peer's credit. */
    waitingOnStreamQuota: number;
    /** The peer's SETTINGS_MAX_CONCURRENT_STREAMS; Infinity where it sets none. */
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
  const head = loopy.buffer.heads.size > 0 ? now - loopy.buffer.oldestHeadMs(now) : now;
  const oldest = Math.min(head, oldestOf(loopy.active), oldestOf(loopy.waiting));
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
    unreadBytes: connection.credit.unread,
    exposureBytes: inbound.exposure,
    withheldBytes: connection.credit.withheldBytes,
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

// Only streams that have something to send are looked at: of many thousands most are idle.
function oldestOf(list: StreamList): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (let out = list.first; out !== undefined; out = out.next) {
    if (out.first !== undefined && out.first.queuedAt < oldest) oldest = out.first.queuedAt;
  }
  return oldest;
}
