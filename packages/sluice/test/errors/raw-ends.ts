// A server and a client over real sockets that speak raw frames, for channels and servers as users
// make them: what the other end says reads as the lines of a wire transcript.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type HeadersOptions, MockPeer } from '../support/mock-peer.js';

/** Waits until the peer has received a line like this; returns all lines until then. */
export async function until(peer: MockPeer, pattern: RegExp): Promise<string[]> {
  peer.flush();
  const lines: string[] = [];
  for (;;) {
    lines.push(...peer.take());
    if (lines.some((line) => pattern.test(line))) return lines;
    await nextTurn();
  }
}

/** A server that does to each connection what the test says. */
export class RawServer {
  readonly listener: net.Server;
  readonly sockets: net.Socket[] = [];

  private constructor(listener: net.Server) {
    this.listener = listener;
  }

  static async start(serve: (socket: net.Socket) => void): Promise<RawServer> {
    const listener = net.createServer();
    const server = new RawServer(listener);
    listener.on('connection', (socket) => {
      socket.on('error', () => {});
      server.sockets.push(socket);
      serve(socket);
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return server;
  }

  /** One that greets with these settings and leaves the rest to the test. */
  static async greeting(
    settings: Parameters<MockPeer['settings']>[0] = {},
    serve: (peer: MockPeer) => void = () => {},
  ): Promise<RawServer> {
    return RawServer.start((socket) => {
      const peer = new MockPeer(socket, 'server');
      peer.settings(settings).settingsAck().flush();
      serve(peer);
    });
  }

  get port(): number {
    const address = this.listener.address();
    assert.ok(address !== null && typeof address === 'object');
    return address.port;
  }

  get target(): string {
    return `127.0.0.1:${this.port}`;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.listener.close();
  }
}

/** A client of a listening server, past its preface and SETTINGS. */
export async function rawClient(address: Pick<AddressInfo, 'port'>): Promise<MockPeer> {
  const socket = net.connect(address.port, '127.0.0.1');
  await once(socket, 'connect');
  const peer = new MockPeer(socket, 'client');
  peer.preface().settings();
  await until(peer, /^SETTINGS ACK$/);
  return peer;
}

export const LAST: HeadersOptions = { endStream: true };
