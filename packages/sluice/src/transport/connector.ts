// Makes a client's socket: TCP, TLS with ALPN h2, or unix domain; happy eyeballs come with
// node:net (250 ms between addresses, RFC 8305).
// Invariant: exactly one of onSocket and onFailure is called, unless it was cancelled first.
// Plain sockets read into one buffer of the process: what is kept of a chunk is copied anyway.

import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Reader } from './reader.ts';

/** Where to connect. */
export type Endpoint =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** TLS settings of a client: those of `tls.connect`, but for the socket and ALPN. */
export type ClientTlsOptions = Omit<
  tls.ConnectionOptions,
  'socket' | 'host' | 'port' | 'path' | 'ALPNProtocols'
>;

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
  if (endpoint.kind === 'unix') return `unix:${endpoint.path}`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

export function connectSocket(
  endpoint: Endpoint,
  secure: ClientTlsOptions | undefined,
  listener: ConnectListener,
): ConnectAttempt {
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
    // Server names are DNS names; an address has none (RFC 6066 §3).
    if (secure.servername === undefined && net.isIP(endpoint.host) === 0) {
      options.servername = endpoint.host;
    }
  }
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
    listener.onFailure(`cannot connect to ${endpointText(endpoint)}: ${messageOf(error)}`, error);
  };
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

// Happy eyeballs fail with an AggregateError, whose own message is empty.
function messageOf(error: Error): string {
  if (error instanceof AggregateError) {
    return error.errors.map((one) => (one instanceof Error ? one.message : String(one))).join('; ');
  }
  return error.message;
}
