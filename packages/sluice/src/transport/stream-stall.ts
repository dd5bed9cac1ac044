// What an open stream waits for, read from the state of its connection when somebody asks.
// Invariants: no side effects, and nothing is kept for it; what holds back our own messages is named
// before what the peer owes us. RFC 9113 §5.2, §6.9.
// Not here: calls without a stream (channel/), the words (stall.ts).

import type { Connection } from './connection.ts';
import { kernelQueues } from './kernel-queues.ts';
import { OutState } from './out-stream.ts';
import type { PeerRole, SocketStall, StallReason } from './stall.ts';
import type { TransportStream } from './transport-stream.ts';

/** A stream that knows its connection. */
export interface AskedStream extends TransportStream {
  readonly connection: Connection;
}

/** The socket takes nothing. @param detail the kernel is asked as well */
export function socketStall(connection: Connection, forMs: number, detail: boolean): SocketStall {
  return {
    kind: 'socket',
    forMs,
    peer: peerOf(connection),
    bytes: connection.socketBytes,
    kernel: detail ? kernelQueues(connection.socket) : undefined,
  };
}

function peerOf({ server }: Connection): PeerRole {
  return server ? 'client' : 'server';
}

/** What holds back HEADERS and messages of the stream that wait here; undefined when none do. */
export function sendStall(stream: AskedStream, detail: boolean): StallReason | undefined {
  const { out, connection, messages } = stream;
  const { loopy } = connection;
  const { first } = out;
  const hasHead = out.list === loopy.buffer.heads;
  if (first === undefined && !hasHead && !out.trailersPending) return undefined;
  const sinceMs = first === undefined || hasHead ? out.queuedAt : first.queuedAt;
  const forMs = connection.wheel.now() - sinceMs;
  const bytes = out.queuedBytes;
  const peer = peerOf(connection);
  if (first !== undefined && !hasHead) {
    if (loopy.outgoingInitialWindow <= out.bytesOutstanding) {
      const unreadBytes = messages.wanted === 0 ? messages.unreadBytes : 0;
      return { kind: 'stream-window', forMs, peer, streamId: out.id, bytes, unreadBytes };
    }
    if (loopy.sendQuota <= 0 && out.state === OutState.active) {
      return { kind: 'connection-window', forMs, peer, bytes, streams: loopy.active.size };
    }
  }
  if (loopy.state === 'blocked-on-socket') return socketStall(connection, forMs, detail);
  return { kind: 'write', forMs, bytes };
}

/** What holds back messages of the peer; undefined when it owes us the next one. */
export function receiveStall(
  stream: AskedStream,
  reader: 'caller' | 'handler',
): StallReason | undefined {
  const { inFlow, messages, connection } = stream;
  const now = connection.wheel.now();
  if (messages.wanted === 0 && messages.unreadBytes > 0) {
    return { kind: 'reader', forMs: now - inFlow.dataMs, reader, bytes: messages.unreadBytes };
  }
  const { partials, inbound } = connection.credit;
  const waitingMs = partials.waitingMs(stream, now);
  if (waitingMs === undefined) return undefined;
  return { kind: 'message-room', forMs: waitingMs, limit: inbound.limit };
}
