// Makes a client's socket: TCP, TLS with ALPN h2, or unix domain, or through a proxy; happy
// eyeballs over one name's addresses come with node:net (250 ms between addresses, RFC 8305).
// Invariant: exactly one of onSocket and onFailure is called, unless it was cancelled first.
// Plain sockets read into one buffer of the process: what is kept of a chunk is copied anyway.
// Not here: how a proxy is asked (proxy-connect.ts).

import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { CertificateMaterial } from './certificate-files.ts';
import { openTunnel, type Tunnel } from './proxy-connect.ts';
import type { Reader } from './reader.ts';
import { checkAddress } from './server-identity.ts';
import { systemErrorText } from './system-error.ts';

/** Where to connect. */
export type Endpoint =
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      /** Host and port are those of an HTTP proxy, which leads to the backend. */
      readonly tunnel?: Tunnel;
    }
  /** A path that begins with NUL is a name in Linux's abstract namespace. */
  | { readonly kind: 'unix'; readonly path: string };

type TcpEndpoint = Extract<Endpoint, { kind: 'tcp' }>;

/** Where a channel has its key and certificates from, such as `certificateFiles`. */
export interface ClientCertificates {
  /** Asked for each connection, which waits for a promise, and fails with what is thrown or rejected. */
  current(): CertificateMaterial | Promise<CertificateMaterial>;
}

/** TLS settings of a client: those of `tls.connect`, but for the socket and ALPN. */
export interface ClientTlsOptions
  extends Omit<tls.ConnectionOptions, 'socket' | 'host' | 'port' | 'path' | 'ALPNProtocols'> {
  /** Key and certificates from files or elsewhere, as they are when a connection is made. */
  readonly certificates?: ClientCertificates | undefined;
}

/** What became of an attempt. */
export interface ConnectListener {
  /** Connected, TLS and ALPN done. `feed` gives the socket its reader. */
  onSocket(socket: Duplex, feed: (reader: Reader) => void): void;
  onFailure(reason: string, cause: Error | undefined): void;
}

/** An attempt that may be given up. */
export interface ConnectAttempt {
  cancel(): void;
}

// Reads of all plain client sockets land here; a chunk is parsed before the next read begins.
const READ_BUFFER = 64 * 1024;
let readBuffer: Buffer | undefined;

function sharedReadBuffer(): Buffer {
  readBuffer ??= Buffer.allocUnsafeSlow(READ_BUFFER);
  return readBuffer;
}

/** Text of an endpoint, as stats and errors show it. */
export function endpointText(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') {
    const { path } = endpoint;
    return path.startsWith('\0') ? `unix-abstract:${path.slice(1)}` : `unix:${path}`;
  }
  const { tunnel } = endpoint;
  const where = socketText(endpoint);
  return tunnel === undefined ? where : `${tunnel.to} by proxy ${where}`;
}

function socketText({ host, port }: TcpEndpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function connectSocket(
  endpoint: Endpoint,
  settings: ClientTlsOptions | undefined,
  listener: ConnectListener,
): ConnectAttempt {
  const certificates = settings?.certificates;
  if (certificates === undefined) return connectWith(endpoint, settings, listener);
  try {
    const material = certificates.current();
    if (material instanceof Promise) return connectLater(endpoint, settings, material, listener);
    return connectWith(endpoint, { ...settings, ...material }, listener);
  } catch (error) {
    // A program's own: what it throws fails this connection, as what it rejects with does.
    return connectLater(endpoint, settings, Promise.reject(error), listener);
  }
}

// The certificates are on their way.
function connectLater(
  endpoint: Endpoint,
  settings: ClientTlsOptions | undefined,
  material: Promise<CertificateMaterial>,
  listener: ConnectListener,
): ConnectAttempt {
  let attempt: ConnectAttempt | undefined;
  let cancelled = false;
  material
    .then((given) => {
      if (!cancelled) attempt = connectWith(endpoint, { ...settings, ...given }, listener);
    })
    .catch((error: unknown) => {
      // Those that node:tls cannot use are told like those that could not be got.
      if (cancelled) return;
      const why = error instanceof Error ? error.message : String(error);
      listener.onFailure(`cannot connect to ${endpointText(endpoint)}: ${why}`, undefined);
    });
  return {
    cancel(): void {
      cancelled = true;
      attempt?.cancel();
    },
  };
}

function connectWith(
  endpoint: Endpoint,
  secure: ClientTlsOptions | undefined,
  listener: ConnectListener,
): ConnectAttempt {
  if (endpoint.kind === 'tcp' && endpoint.tunnel !== undefined) {
    return connectThrough(endpoint, endpoint.tunnel, secure, listener);
  }
  return secure === undefined
    ? connectPlain(endpoint, listener)
    : connectTls(endpoint, secure, listener);
}

function connectPlain(endpoint: Endpoint, listener: ConnectListener): ConnectAttempt {
  let reader: Reader | undefined;
  const onread = {
    buffer: sharedReadBuffer(),
    callback: (bytes: number, buffer: Uint8Array): boolean =>
      // The buffer is the one given above; its type forgets that it is a Buffer.
      reader === undefined ? true : reader.push(buffer as Buffer, bytes),
  };
  const socket =
    endpoint.kind === 'unix'
      ? net.connect({ path: endpoint.path, onread })
      : net.connect({ host: endpoint.host, port: endpoint.port, onread, noDelay: true });
  return settle(endpoint, socket, 'connect', listener, () => {
    listener.onSocket(socket, (given) => {
      reader = given;
    });
  });
}

// Server names are DNS names; an address has none (RFC 6066 §3).
function nameServer(options: tls.ConnectionOptions, host: string): void {
  const family = net.isIP(host);
  if (family === 0) options.servername ??= host;
  else if (family === 6 && !options.servername) {
    options.checkServerIdentity ??= checkAddress;
  }
}

function connectTls(
  endpoint: Endpoint,
  secure: ClientTlsOptions,
  listener: ConnectListener,
): ConnectAttempt {
  const options: tls.ConnectionOptions = { ...secure, ALPNProtocols: ['h2'] };
  if (endpoint.kind === 'unix') {
    options.path = endpoint.path;
  } else {
    options.host = endpoint.host;
    options.port = endpoint.port;
    nameServer(options, endpoint.host);
  }
  return startTls(endpoint, options, listener);
}

function startTls(
  endpoint: Endpoint,
  options: tls.ConnectionOptions,
  listener: ConnectListener,
): ConnectAttempt {
  const socket = tls.connect(options);
  socket.setNoDelay(true);
  return settle(endpoint, socket, 'secureConnect', listener, () => {
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      const chosen = socket.alpnProtocol === false ? 'nothing' : `"${socket.alpnProtocol ?? ''}"`;
      const text = `${endpointText(endpoint)} chose ${chosen} by ALPN instead of "h2"; is it a gRPC server?`;
      listener.onFailure(text, undefined);
      return;
    }
    listener.onSocket(socket, (reader) => feedFromData(socket, reader));
  });
}

// The attempt is first that of the tunnel, then that of the TLS handshake in it.
function connectThrough(
  endpoint: TcpEndpoint,
  tunnel: Tunnel,
  secure: ClientTlsOptions | undefined,
  listener: ConnectListener,
): ConnectAttempt {
  const { host, port } = endpoint;
  let attempt = openTunnel({ host, port, name: socketText(endpoint) }, tunnel, {
    onTunnel(socket): void {
      if (secure === undefined) {
        socket.on('error', ignoreError);
        listener.onSocket(socket, (reader) => {
          feedFromData(socket, reader);
          socket.resume();
        });
        return;
      }
      try {
        attempt = startTls(endpoint, tunnelledTls(tunnel.to, secure, socket), listener);
      } catch (error) {
        // Settings that node:tls cannot use; nobody above may be left to catch it.
        socket.destroy();
        const why = error instanceof Error ? error.message : String(error);
        listener.onFailure(`cannot connect to ${endpointText(endpoint)}: ${why}`, undefined);
      }
    },
    onFailure: (reason, cause) => listener.onFailure(reason, cause),
  });
  return { cancel: () => attempt.cancel() };
}

// The certificate has to be the backend's: `host` is what it is checked against without a name.
function tunnelledTls(
  to: string,
  secure: ClientTlsOptions,
  socket: net.Socket,
): tls.ConnectionOptions {
  const host = to.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  const options: tls.ConnectionOptions = { ...secure, socket, host, ALPNProtocols: ['h2'] };
  nameServer(options, host);
  // The TLS socket reports what happens to the one below it.
  socket.on('error', ignoreError);
  return options;
}

function ignoreError(): void {}

/** Lets a stream's 'data' feed the reader; each chunk is the reader's while it is parsed. */
export function feedFromData(socket: Duplex, reader: Reader): void {
  socket.on('data', (chunk: Buffer) => {
    reader.push(chunk, chunk.length);
  });
}

function settle(
  endpoint: Endpoint,
  socket: net.Socket,
  event: 'connect' | 'secureConnect',
  listener: ConnectListener,
  onConnected: () => void,
): ConnectAttempt {
  let done = false;
  const onError = (error: Error): void => {
    if (done) return;
    done = true;
    socket.destroy();
    listener.onFailure(
      `cannot connect to ${endpointText(endpoint)}: ${systemErrorText(error)}`,
      error,
    );
  };
  // Whoever waits for the connection holds the process. Of several addresses each has a socket of its
  // own inside this one.
  socket.unref();
  socket.once('connect', () => socket.unref());
  socket.on('error', onError);
  socket.once('close', () => onError(new Error('closed during the handshake')));
  socket.once(event, () => {
    if (done) return;
    done = true;
    onConnected();
  });
  return {
    cancel(): void {
      if (done) return;
      done = true;
      socket.destroy();
    },
  };
}
