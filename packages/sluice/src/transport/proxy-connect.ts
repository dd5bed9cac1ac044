// A TCP connection through an HTTP/1.1 proxy: CONNECT, and the head of the answer.
// Invariants: exactly one of onTunnel and onFailure is called, unless it was cancelled first; a head
// is at most 16 KiB; what came after it is put back into the socket, to be read next.
// RFC 9110 §9.3.6, RFC 9112 §3.2.3, gRFC A1. Not here: which proxy (channel/proxy.ts), TLS over the
// tunnel (connector.ts).

import net from 'node:net';
import { systemErrorText } from './system-error.ts';

/** The way on from a proxy. */
export interface Tunnel {
  /** `host:port` of the backend, which the proxy looks up. */
  readonly to: string;
  /** Value of `Proxy-Authorization`; a secret, shown nowhere. */
  readonly authorization?: string;
}

/** What became of a CONNECT. */
export interface TunnelListener {
  /** The socket is paused. */
  onTunnel(socket: net.Socket): void;
  onFailure(reason: string, cause: Error | undefined): void;
}

/** Bytes of a response head, as most HTTP servers and clients allow; a proxy needs some hundred. */
export const MAX_PROXY_HEAD: number = 16 * 1024;

/** Of a status line or of what came instead of one, in errors. */
const SHOWN_LENGTH = 200;

const HTTP_1 = 'HTTP/1.';

/**
 * Opens a tunnel.
 * @param name the proxy's `host:port`, for errors
 */
export function openTunnel(
  proxy: { readonly host: string; readonly port: number; readonly name: string },
  tunnel: Tunnel,
  listener: TunnelListener,
): { cancel(): void } {
  const connect = new ProxyConnect(proxy.name, tunnel, listener);
  connect.start(proxy.host, proxy.port);
  return connect;
}

class ProxyConnect {
  private readonly name: string;
  private readonly tunnel: Tunnel;
  private readonly listener: TunnelListener;
  private socket: net.Socket | undefined;
  private head: Buffer;
  private connected: boolean;
  private done: boolean;

  constructor(name: string, tunnel: Tunnel, listener: TunnelListener) {
    this.name = name;
    this.tunnel = tunnel;
    this.listener = listener;
    this.socket = undefined;
    this.head = Buffer.alloc(0);
    this.connected = false;
    this.done = false;
  }

  start(host: string, port: number): void {
    const { to, authorization = '' } = this.tunnel;
    if (!/^[!-~]+$/.test(to) || !/^[ -~]*$/.test(authorization)) {
      throw new TypeError(
        `a tunnel to ${JSON.stringify(to)} cannot be asked for in a request head`,
      );
    }
    const socket = net.connect({ host, port, noDelay: true });
    this.socket = socket;
    // As in connector.ts: whoever waits holds the process.
    socket.unref();
    socket.on('error', this.onError);
    socket.once('close', this.onClose);
    socket.on('data', this.onData);
    socket.once('connect', () => {
      socket.unref();
      this.connected = true;
      const credentials = authorization === '' ? '' : `Proxy-Authorization: ${authorization}\r\n`;
      socket.write(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n${credentials}\r\n`);
    });
  }

  cancel(): void {
    if (this.done) return;
    this.done = true;
    this.socket?.destroy();
  }

  // The socket's listeners, as fields: they are taken off again when the tunnel is handed on.

  private readonly onError = (error: Error): void => {
    const where = `${this.tunnel.to} by proxy ${this.name}`;
    this.fail(`cannot connect to ${where}: ${systemErrorText(error)}`, error);
  };

  private readonly onClose = (): void => {
    const when = this.connected ? 'before it answered CONNECT' : 'during the handshake';
    this.fail(
      `cannot connect to ${this.tunnel.to} by proxy ${this.name}: the proxy closed the connection ${when}`,
      undefined,
    );
  };

  private readonly onData = (chunk: Buffer): void => {
    if (this.done) return;
    this.head = Buffer.concat([this.head, chunk]);
    for (;;) {
      const begin = this.head.toString('latin1', 0, HTTP_1.length);
      if (begin !== HTTP_1.slice(0, begin.length)) {
        this.refuseAnswer(this.head.toString('latin1', 0, SHOWN_LENGTH));
        return;
      }
      const end = this.head.indexOf('\r\n\r\n');
      if (end === -1 || end + 4 > MAX_PROXY_HEAD) {
        if (this.head.length > MAX_PROXY_HEAD) this.refuseHead();
        return;
      }
      const line = this.head.toString('latin1', 0, this.head.indexOf('\r\n'));
      const code = /^HTTP\/1\.\d (\d{3})(?: |$)/.exec(line)?.[1];
      if (code === undefined) {
        this.refuseAnswer(line);
        return;
      }
      const rest = this.head.subarray(end + 4);
      if (code.startsWith('2')) {
        this.handOn(rest);
        return;
      }
      if (!code.startsWith('1')) {
        this.fail(
          `the proxy ${this.name} answered ${shown(line)} to CONNECT ${this.tunnel.to}`,
          undefined,
        );
        return;
      }
      // An interim response; the final one follows (RFC 9110 §15.2).
      this.head = rest;
    }
  };

  private refuseAnswer(answer: string): void {
    this.fail(
      `the proxy ${this.name} answered CONNECT ${this.tunnel.to} with "${shown(answer)}", which is no HTTP/1.1; is it an HTTP proxy?`,
      undefined,
    );
  }

  private refuseHead(): void {
    this.fail(
      `the proxy ${this.name} answered CONNECT ${this.tunnel.to} with a head of more than ${MAX_PROXY_HEAD} bytes; is it an HTTP proxy?`,
      undefined,
    );
  }

  private fail(reason: string, cause: Error | undefined): void {
    if (this.done) return;
    this.done = true;
    this.socket?.destroy();
    this.listener.onFailure(reason, cause);
  }

  private handOn(rest: Buffer): void {
    const { socket } = this;
    if (socket === undefined) return;
    this.done = true;
    this.head = Buffer.alloc(0);
    socket.pause();
    socket.off('data', this.onData);
    socket.off('error', this.onError);
    socket.off('close', this.onClose);
    if (rest.length > 0) socket.unshift(rest);
    this.listener.onTunnel(socket);
  }
}

// Bytes of a stranger, on their way into logs.
function shown(line: string): string {
  return line.slice(0, SHOWN_LENGTH).replace(/[^ -~]/g, '?');
}
