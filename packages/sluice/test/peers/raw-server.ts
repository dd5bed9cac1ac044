// A server made of bare node:http2 with a Sluice channel to it: each test says what it answers, down
// to single frames.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { type Channel, connect } from '#sluice/index.js';
import { processWheel } from '#sluice/transport/timer-wheel.js';

export const PATH: string = '/test.Raw/Call';
export const GRPC: http2.OutgoingHttpHeaders = {
  ':status': 200,
  'content-type': 'application/grpc',
};

export type Answer = (stream: http2.ServerHttp2Stream, session: http2.ServerHttp2Session) => void;

/** A message with its prefix. */
export function framed(text: string): Buffer {
  const bytes = Buffer.alloc(5 + text.length);
  bytes.writeUInt32BE(text.length, 1);
  bytes.write(text, 5, 'latin1');
  return bytes;
}

/** A whole good answer. */
export function answerWith(stream: http2.ServerHttp2Stream, text: string): void {
  stream.respond(GRPC, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(framed(text));
  stream.resume();
}

export class RawServer {
  readonly server: http2.Http2Server;
  readonly sessions: http2.ServerHttp2Session[] = [];
  readonly sockets: Socket[] = [];
  readonly channel: Channel;
  readonly port: number;
  /** What happens to each stream. */
  answer: Answer = (stream) => answerWith(stream, '');

  private constructor(server: http2.Http2Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    this.channel = connect(`127.0.0.1:${this.port}`);
    server.on('connection', (socket: Socket) => this.sockets.push(socket));
    server.on('session', (session) => {
      this.sessions.push(session);
      // A connection that a test breaks is no failure of the server.
      session.on('error', () => {});
      session.on('stream', (stream) => {
        stream.on('error', () => {});
        this.answer(stream, session);
      });
    });
  }

  static async start(settings: http2.Settings = {}): Promise<RawServer> {
    const server = http2.createServer({ settings });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RawServer(server);
  }

  call(timeoutMs?: number): Promise<Buffer> {
    return this.channel.unary(PATH, Buffer.from('request'), { timeoutMs });
  }

  /** Closes both ends; no call, connection or timer may be left. */
  async end(): Promise<void> {
    const { waitingCalls, limits } = this.channel.stats();
    assert.equal(waitingCalls, 0, 'calls left waiting');
    assert.equal(limits['open-calls']?.depth ?? 0, 0, 'calls left open');
    await this.channel.close();
    assert.deepEqual(this.channel.stats().connections, []);
    for (const session of this.sessions) session.destroy();
    this.server.close();
    assert.equal(processWheel.size, 0, 'timers left behind');
  }
}
