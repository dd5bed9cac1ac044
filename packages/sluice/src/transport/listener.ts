// A server's listening socket: TCP, TLS with ALPN h2, or unix domain.
// Invariants: a connection is handed on only once TLS is done and h2 was agreed on; failed
// handshakes end here, silently for the server; none outlives the listener; new certificates are
// for new connections.

import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { CertificateSource } from './certificate-files.ts';
import { HandshakeLine } from './handshake-line.ts';
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts';
import { memoryBudget } from './memory-budget.ts';
import { type OptionNames, shown } from './option-names.ts';
import { checkMaterial, checkServerTls } from './tls-settings.ts';

/** TLS settings of a server: those of `tls.createServer`, but for ALPN. */
export interface ServerTlsOptions extends Omit<tls.TlsOptions, 'ALPNProtocols' | 'ALPNCallback'> {
  /** Key and certificates from files, read again when they change; in place of `key` and `cert`. */
  readonly certificates?: CertificateSource | undefined;
}

/** Where to listen. */
export type ListenTarget =
  | {
      readonly port?: number;
      readonly host?: string;
      readonly path?: undefined;
      /** TLS settings of this listener; `false` for plain text; default the server's. */
      readonly tls?: ServerTlsOptions | false | undefined;
    }
  | { readonly path: string; readonly tls?: ServerTlsOptions | false | undefined };

const TARGET_NAMES: OptionNames<Extract<ListenTarget, { readonly path?: undefined }>> = {
  port: true,
  host: true,
  path: true,
  tls: true,
};

/** @throws TypeError for what is no place to listen at, or TLS settings that cannot work */
export function checkListenTarget(target: ListenTarget): void {
  const given: unknown = target;
  const isTarget =
    typeof given === 'object' &&
    given !== null &&
    Object.keys(given).every((name) => Object.hasOwn(TARGET_NAMES, name));
  if (!isTarget) {
    throw new TypeError(`listen takes { port, host } or { path }, not ${shown(given)}`);
  }
  if (target.tls !== false) checkServerTls(target.tls);
}

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

const NOWHERE: ListenAddress = Object.freeze({ address: '', port: 0 });

/** Who takes the connections of a listener. */
export interface ListenerHost {
  /** A connection, ready for HTTP/2. */
  onSocket(socket: Duplex, names: SocketNames): void;
  /** One was given up before that. */
  onRefused(limit: 'memory-budget' | 'handshake-timeout', names: SocketNames): void;
}

export class Listener {
  /** Once it listens. */
  address: ListenAddress;
  /** Takes connections. */
  isOpen: boolean;
  private readonly server: net.Server;
  private readonly secureServer: tls.Server | undefined;
  /** Has TLS settings of its own, not the server's. */
  private readonly own: boolean;
  // TLS handshakes under way, by the names of their ends.
  private readonly handshakes: Map<string, Duplex>;
  private secure: ServerTlsOptions | undefined;
  private unwatch: (() => void) | undefined;

  /**
   * @param secure undefined for plain text
   * @param own whether `secure` is for this listener alone
   */
  constructor(secure: ServerTlsOptions | undefined, own: boolean, host: ListenerHost) {
    this.address = NOWHERE;
    this.isOpen = false;
    this.own = own;
    this.handshakes = new Map();
    this.secure = secure;
    this.unwatch = undefined;
    if (secure === undefined) {
      this.secureServer = undefined;
      this.server = net.createServer({ noDelay: true }, (socket) =>
        host.onSocket(socket, namesOf(socket)),
      );
      return;
    }
    const server = tls.createServer({
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ...materialOf(secure),
      ALPNProtocols: ['h2'],
    });
    server.on('secureConnection', (socket) => {
      this.handshakes.delete(handshakeKey(socket));
      if (socket.alpnProtocol !== 'h2') {
        socket.destroy();
        return;
      }
      socket.setNoDelay(true);
      host.onSocket(socket, namesOf(socket));
    });
    // A client that breaks off its handshake concerns nobody.
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const names = namesOf(socket);
      // Node tells that the time is up, and leaves the connection open.
      socket.destroy();
      if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') host.onRefused('handshake-timeout', names);
    });
    this.secureServer = server;
    const line = new HandshakeLine((socket) => server.emit('connection', socket));
    this.server = net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      if (this.admitsHandshake(socket, host)) line.add(socket);
    });
  }

  /**
   * TLS settings with some of them changed; a key that is given takes the place of one in files.
   * @throws TypeError for what is no PEM, Error of node:tls when they cannot be used
   */
  static changed(secure: ServerTlsOptions, change: ServerTlsOptions): ServerTlsOptions {
    const hasKey = change.key !== undefined || change.cert !== undefined;
    const certificates = hasKey || change.pfx !== undefined ? undefined : secure.certificates;
    const changed: ServerTlsOptions = { ...secure, certificates, ...change };
    checkMaterial(changed);
    tls.createSecureContext(materialOf(changed));
    return changed;
  }

  private admitsHandshake(socket: Duplex, host: ListenerHost): boolean {
    // A handshake takes memory, and could not be told why it fails.
    if (memoryBudget.isFull) {
      memoryBudget.takesConnection();
      host.onRefused('memory-budget', namesOf(socket));
      socket.destroy();
      return false;
    }
    const key = handshakeKey(socket);
    // Ends of unix domain sockets, and of what is no socket, have no names; there the handshake's own
    // deadline has to do.
    if (key === '') return true;
    this.handshakes.set(key, socket);
    socket.once('close', () => {
      if (this.handshakes.get(key) === socket) this.handshakes.delete(key);
    });
    return true;
  }

  /** Rejects with the system's error: address in use, permission denied. */
  listen(target: ListenTarget): Promise<ListenAddress> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(addressOptions(target), () => {
        this.server.off('error', reject);
        // A connection that could not be accepted (no file descriptors left) concerns nobody else.
        this.server.on('error', () => {});
        this.isOpen = true;
        this.watchCertificates();
        this.address = addressOf(this.server);
        resolve(this.address);
      });
    });
  }

  /** Has no address: it listens nowhere. */
  get isUnbound(): boolean {
    return this.address === NOWHERE;
  }

  /** Takes connections from `accept` alone, without an address. */
  open(): void {
    this.isOpen = true;
    this.watchCertificates();
  }

  /** A connection that came in elsewhere, of which nothing was read; destroyed once this is closed. */
  accept(socket: Duplex): void {
    if (!this.isOpen) {
      socket.destroy();
      return;
    }
    if (socket instanceof net.Socket) socket.setNoDelay(true);
    // What Node's servers do with their own: any Duplex will do.
    this.server.emit('connection', socket);
  }

  /** The server's TLS settings have changed. */
  follow(secure: ServerTlsOptions): void {
    if (this.own || this.secureServer === undefined) return;
    this.secure = secure;
    this.secureServer.setSecureContext(materialOf(secure));
    this.watchCertificates();
  }

  private watchCertificates(): void {
    this.unwatch?.();
    this.unwatch = undefined;
    const { secure, secureServer } = this;
    // Closed, or not open yet: nobody is shown them.
    if (!this.isOpen) return;
    this.unwatch = secure?.certificates?.watch(() => {
      secureServer?.setSecureContext(materialOf(secure));
    });
  }

  /** Takes no new connections; gives up those whose handshake is under way. */
  close(): void {
    this.unwatch?.();
    this.unwatch = undefined;
    this.isOpen = false;
    this.server.close();
    for (const socket of this.handshakes.values()) socket.destroy();
  }
}

// Settings as node:tls takes them, with what the files have now.
function materialOf(secure: ServerTlsOptions): tls.TlsOptions {
  const { certificates, ...settings } = secure;
  return certificates === undefined ? settings : { ...settings, ...certificates.current() };
}

function addressOptions(target: ListenTarget): net.ListenOptions {
  if (target.path !== undefined) return { path: target.path };
  const options: net.ListenOptions = { port: target.port ?? 0 };
  if (target.host !== undefined) options.host = target.host;
  return options;
}

function addressOf(server: net.Server): ListenAddress {
  const address = server.address();
  if (address === null) return NOWHERE;
  if (typeof address === 'string') return { address, port: 0 };
  return { address: address.address, port: address.port };
}

function handshakeKey(socket: Duplex): string {
  const { peer, local } = namesOf(socket);
  return peer === 'unix' || peer === '' ? '' : `${peer} ${local}`;
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
