// A ServerTransport whose client is a MockPeer, on a clock and in turns that the test controls.
// `finish` asserts that nothing stays behind: no stream, timer, queued item or socket.

import assert from 'node:assert/strict';
import type { Status } from '#sluice/grpc/status.js';
import type { HeaderFields } from '#sluice/hpack/header-fields.js';
import { feedFromData } from '#sluice/transport/connector.js';
import type { ClosingError } from '#sluice/transport/errors.js';
import { defaultServerLimits, type ServerLimits } from '#sluice/transport/limits.js';
import type { ServerStream, ServerStreamListener } from '#sluice/transport/server-stream.js';
import {
  ServerTransport,
  type ServerTransportListener,
  type ServerTransportOptions,
} from '#sluice/transport/server-transport.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { duplexPair, type MemorySocket, type PairOptions } from './duplex-pair.js';
import { MockPeer } from './mock-peer.js';
import { finishEnd, type TestEnd } from './test-end.js';
import { assertIdle as assertConnectionIdle } from './transport-pair.js';
import { Turns } from './turns.js';
import { VirtualClock } from './virtual-clock.js';

/** A call as its handler sees it: one line for each event. */
export class HandledCall implements ServerStreamListener {
  readonly stream: ServerStream;
  events: string[] = [];
  private readonly transport: ServerTransport;
  private done = false;

  constructor(stream: ServerStream, transport: ServerTransport) {
    this.stream = stream;
    this.transport = transport;
  }

  get id(): number {
    return this.stream.out.id;
  }

  send(message: string | Uint8Array): boolean {
    return this.stream.send(Buffer.from(message));
  }

  /** The handler is done, with a status. */
  end(code: Status = 0, details = '', trailers: HeaderFields = []): void {
    this.stream.end(code, details, trailers);
    this.release();
  }

  /** The handler is done: its slot is given back, once. */
  release(): void {
    if (this.done) return;
    this.done = true;
    this.transport.handlerDone(this.stream);
  }

  onMessage(message: Buffer): void {
    this.events.push(
      `message ${message.length > 20 ? message.length : message.toString('latin1')}`,
    );
  }

  onHalfClose(): void {
    this.events.push('half-close');
  }

  onWritable(): void {
    this.events.push('writable');
  }

  onCancel(reason: string): void {
    this.events.push(`cancel: ${reason}`);
    this.release();
  }
}

export interface ServerEndOptions {
  readonly limits?: Partial<ServerLimits>;
  readonly transport?: Partial<ServerTransportOptions>;
  /** The pipe from the server to the peer. */
  readonly outgoing?: PairOptions;
  /** The pipe from the peer to the server. */
  readonly incoming?: PairOptions;
}

/** Request headers of a call, with fields added, or put in place of those of the same name. */
export function request(path = '/s/m', change: { readonly [name: string]: string } = {}): string[] {
  const fields = new Map([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'test:1'],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
  ]);
  for (const [name, value] of Object.entries(change)) fields.set(name, value);
  return [...fields].flat();
}

export class ServerEnd implements ServerTransportListener, TestEnd {
  readonly clock: VirtualClock = new VirtualClock(0);
  readonly wheel: TimerWheel;
  readonly turns: Turns = new Turns();
  readonly peer: MockPeer;
  readonly socket: MemorySocket;
  readonly transport: ServerTransport;
  /** Calls in order of arrival. */
  readonly calls: HandledCall[] = [];
  closedBy: ClosingError | undefined = undefined;
  /** Serves a call as it arrives; asks for all messages by default. */
  handler: (call: HandledCall) => void = (call) => call.stream.request(1_000);

  constructor(options: ServerEndOptions = {}) {
    this.wheel = new TimerWheel(this.clock);
    const { a, b } = duplexPair({
      aToB: options.outgoing ?? {},
      bToA: options.incoming ?? {},
    });
    this.socket = a;
    this.peer = new MockPeer(b, 'client');
    this.transport = new ServerTransport(this, {
      socket: a,
      wheel: this.wheel,
      schedule: this.turns.schedule,
      limits: { ...defaultServerLimits, ...options.limits },
      maxHeaderList: 16_384,
      maxReceiveMessageLength: 4_194_304,
      initialStreamWindow: 65_535,
      initialConnectionWindow: 65_535,
      staticWindows: true,
      keepalive: {},
      minPingIntervalMs: undefined,
      permitPingsWithoutStream: false,
      ...options.transport,
    });
    feedFromData(a, this.transport.connection.reader);
  }

  /** A server and its client past their SETTINGS; the transcript so far is taken. */
  static async ready(
    settings: Parameters<MockPeer['settings']>[0] = {},
    options: ServerEndOptions = {},
  ): Promise<ServerEnd> {
    const end = new ServerEnd(options);
    end.peer.preface().settings(settings).settingsAck();
    await end.settle();
    end.peer.take();
    return end;
  }

  onStream(stream: ServerStream): void {
    const call = new HandledCall(stream, this.transport);
    stream.listen(call);
    this.calls.push(call);
    this.handler(call);
  }

  onClosed(_transport: ServerTransport, error: ClosingError): void {
    this.closedBy = error;
  }

  /** The n-th call that arrived. */
  call(index = 0): HandledCall {
    const call = this.calls[index];
    assert.ok(call, `call ${index} never arrived`);
    return call;
  }

  /** The peer's frames go out, and turns run until all is quiet. */
  async settle(): Promise<void> {
    this.peer.flush();
    await this.turns.settle();
  }

  /** What the peer received since it was asked last, once all is quiet. */
  async transcript(): Promise<string[]> {
    await this.settle();
    return this.peer.take();
  }

  /** No stream, item, byte, credit or handler is accounted for any more. */
  assertIdle(): void {
    const { connection, handlers } = this.transport;
    assertConnectionIdle(connection);
    assert.equal(handlers, 0, 'handlers');
  }

  /** Closes what is still open and asserts that nothing stays behind. */
  finish(): Promise<void> {
    return finishEnd(this);
  }
}
