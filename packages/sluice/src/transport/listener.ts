// A server's listening socket: TCP, TLS with ALPN h2, or unix domain.
// Invariants: a connection is handed on only once TLS is done and h2 was agreed on; failed
// handshakes end here, silently for the server; none outlives the listener.

import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts';

/** TLS settings of a server: those of `tls.createServer`, but for ALPN. */
export type ServerTlsOptions = Omit<tls.TlsOptions, 'ALPNProtocols' | 'ALPNCallback'>;

/** Where to listen. */
export type ListenTarget =
  | { readonly port?: number; readonly host?: string }
  | { readonly path: string };

/** Where it listens: for a unix domain socket the address is its path and the port 0. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/** The ends of a connection, as stats show them. */
export interface SocketNames {
  readonly peer: string;
  readonly local: string;
}

export class Listener {
  private readonly server: net.Server;
  // TLS handshakes under way, by the names of their ends.
  private readonly handshakes: Map<string, net.Socket>;

  /** @param onSocket a connection, ready for HTTP/2 */
  constructor(
    secure: ServerTlsOptions | undefined,
    onSocket: (socket: Duplex, names: SocketNames) => void,
  ) {
    this.handshakes = new Map();
    if (secure === undefined) {
      this.server = net.createServer({ noDelay: true }, (socket) =>
        onSocket(socket, namesOf(socket)),
      );
      return;
    }
    const server = tls.createServer({
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ...secure,
      ALPNProtocols: ['h2'],
    });
    server.on('connection', (socket: net.Socket) => this.watchHandshake(socket));
    server.on('secureConnection', (socket) => {
      this.handshakes.delete(handshakeKey(socket));
      if (socket.alpnProtocol !== 'h2') {
        socket.destroy();
        return;
      }
      socket.setNoDelay(true);
      onSocket(socket, namesOf(socket));
    });
    // A client that breaks off its handshake concerns nobody.
    server.on('tlsClientError', () => {});
    this.server = server;
  }

  private watchHandshake(socket: net.Socket): void {
    const key = handshakeKey(socket);
    // Ends of unix domain sockets have no names; there the handshake's own deadline has to do.
    if (key === '') return;
    this.handshakes.set(key, socket);
    socket.once('close', () => {
      if (this.handshakes.get(key) === socket) this.handshakes.delete(key);
    });
  }

  /** Rejects with the system's error: address in use, permission denied. */
  listen(target: ListenTarget): Promise<ListenAddress> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen('path' in target ? target : { port: 0, ...target }, () => {
        this.server.off('error', reject);
        // A connection that could not be accepted (no file descriptors left) concerns nobody else.
        this.server.on('error', () => {});
        const address = this.server.address();
        if (address === null) resolve({ address: '', port: 0 });
        else if (typeof address === 'string') resolve({ address, port: 0 });
        else resolve({ address: address.address, port: address.port });
      });
    });
  }

  /** Takes no new connections; gives up those whose handshake is under way. */
  close(): void {
    this.server.close();
    for (const socket of this.handshakes.values()) socket.destroy();
  }
}

function handshakeKey(socket: net.Socket): string {
  const { peer, local } = namesOf(socket);
  return peer === 'unix' ? '' : `${peer} ${local}`;
}

/** The addresses of a socket's ends. */
export function namesOf(socket: Duplex): SocketNames {
  if (!(socket instanceof net.Socket)) return { peer: '', local: '' };
  return {
    peer: addressText(socket.remoteAddress, socket.remotePort),
    local: addressText(socket.localAddress, socket.localPort),
  };
}

function addressText(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return 'unix';
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
