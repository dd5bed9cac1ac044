// Whether a client's socket keeps the process running: while calls are on it, and while it closes. A
// connection that nobody uses is no reason to go on, as in other gRPC implementations.
// Invariant: the socket holds between `take` and `letGo`, and from `keep` to its end.
// Not here: who waits for a connection (process-hold.ts). Sockets of a server hold as Node's do.

import type { Duplex } from 'node:stream';

/** What sockets of the system have; other streams hold no process. */
interface Holder {
  ref(): unknown;
  unref(): unknown;
}

function canHold(socket: Duplex): socket is Duplex & Holder {
  if (!('ref' in socket && 'unref' in socket)) return false;
  return typeof socket.ref === 'function' && typeof socket.unref === 'function';
}

/** The hold of one socket; it begins let go. */
export class SocketHold {
  private readonly socket: Holder | undefined;
  private kept: boolean;

  constructor(socket: Duplex) {
    this.socket = canHold(socket) ? socket : undefined;
    this.kept = false;
    this.socket?.unref();
  }

  take(): void {
    if (!this.kept) this.socket?.ref();
  }

  letGo(): void {
    if (!this.kept) this.socket?.unref();
  }

  /** Until the socket is closed. */
  keep(): void {
    this.take();
    this.kept = true;
  }
}
