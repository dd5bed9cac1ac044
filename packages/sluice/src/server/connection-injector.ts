// Connections that come to a server other than through a port it listens on: a tunnel, a descriptor
// that another process handed over, a pair of streams in one process.
// Invariant: they are served as any other, behind a TLS handshake where there are TLS settings.
// Not here: how a connection is served (server.ts), the handshake (transport/listener.ts).

import type { Duplex } from 'node:stream';
import { DRAIN_GRACE_MS } from '../transport/limits.ts';
import type { Listener, ServerTlsOptions } from '../transport/listener.ts';

/** Settings of an injector. */
export interface InjectorOptions {
  /** TLS settings of its connections; `false` for plain text; default the server's. */
  readonly tls?: ServerTlsOptions | false | undefined;
}

/** Made with `Server.injector`. */
export class ConnectionInjector {
  private readonly listener: Listener;
  private readonly drainOwn: (graceMs: number) => void;
  private readonly closeOwn: () => void;

  /** Use `Server.injector`. */
  constructor(listener: Listener, drainOwn: (graceMs: number) => void, closeOwn: () => void) {
    this.listener = listener;
    this.drainOwn = drainOwn;
    this.closeOwn = closeOwn;
  }

  /**
   * Serves a connection, of which nothing may have been read; it is transferred. Destroyed at once
   * when the injector or the server is closed, or the server drains.
   */
  inject(connection: Duplex): void {
    this.listener.accept(connection);
  }

  /**
   * Ends the connections that were injected here, gracefully; new ones are taken still.
   * @param graceMs after which what is still open is closed regardless; default 30,000
   * @throws RangeError for a negative grace
   */
  drain(graceMs: number = DRAIN_GRACE_MS): void {
    this.drainOwn(graceMs);
  }

  /** Takes no more; those that were injected go on. */
  close(): void {
    this.closeOwn();
  }
}
