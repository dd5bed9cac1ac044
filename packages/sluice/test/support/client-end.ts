// A ClientTransport whose server is a MockPeer, on a clock and in turns that the test controls.
// `finish` asserts that nothing stays behind: no stream, timer, queued item or socket.

import assert from 'node:assert/strict';
import { Status } from '#sluice/grpc/status.js';
import type { HeaderFields } from '#sluice/hpack/header-fields.js';
import type { ClientStream, ClientStreamListener } from '#sluice/transport/client-stream.js';
import {
  ClientTransport,
  type ClientTransportListener,
  type ClientTransportOptions,
} from '#sluice/transport/client-transport.js';
import { feedFromData } from '#sluice/transport/connector.js';
import type { ClosingError } from '#sluice/transport/errors.js';
import { type ClientLimits, defaultClientLimits } from '#sluice/transport/limits.js';
import type { ResponseHead } from '#sluice/transport/response-head.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { duplexPair, type MemorySocket, type PairOptions } from './duplex-pair.js';
import { MockPeer } from './mock-peer.js';
import { finishEnd, type TestEnd } from './test-end.js';
import { assertIdle as assertConnectionIdle } from './transport-pair.js';
import { Turns } from './turns.js';
import { VirtualClock } from './virtual-clock.js';

const STATUS_NAMES = new Map<number, string>(
  Object.entries(Status).map(([name, code]) => [code, name]),
);

export function statusName(code: number): string {
  return STATUS_NAMES.get(code) ?? String(code);
}

/** A call, and what it heard: one line for each event. */
export class TestCall implements ClientStreamListener {
  events: string[] = [];
  trailers: HeaderFields = [];
  metadata: HeaderFields = [];
  /** Runs after an event was noted. */
  onEvent: (event: string) => void = () => {};
  private opened: ClientStream | undefined = undefined;

  /** Set once the call was admitted. */
  get stream(): ClientStream {
    assert.ok(this.opened, 'the call was refused');
    return this.opened;
  }

  started(stream: ClientStream | undefined): void {
    this.opened = stream;
  }

  get refused(): boolean {
    return this.opened === undefined;
  }

  send(message: string | Uint8Array, last = false): boolean {
    return this.stream.send(Buffer.from(message), last);
  }

  private note(event: string): void {
    this.events.push(event);
    this.onEvent(event);
  }

  onHead(head: ResponseHead): void {
    this.metadata = head.metadataFields;
    this.note('head');
  }

  onMessage(message: Buffer): void {
    this.note(`message ${message.length > 20 ? message.length : message.toString('latin1')}`);
  }

  onWritable(): void {
    this.note('writable');
  }

  /** Whether a reset by the peer comes behind the call's deadline. */
  pastDeadline = false;

  onSent(): void {}

  isPastDeadline(): boolean {
    return this.pastDeadline;
  }

  onEnd(code: Status, details: string, trailers: HeaderFields, unprocessed: boolean): void {
    this.trailers = trailers;
    const text = details === '' ? '' : `: ${details}`;
    this.note(`end ${statusName(code)}${unprocessed ? ' unprocessed' : ''}${text}`);
  }
}

export interface ClientEndOptions {
  readonly limits?: Partial<ClientLimits>;
  readonly transport?: Partial<ClientTransportOptions>;
  /** The pipe from the client to the peer. */
  readonly outgoing?: PairOptions;
  /** The pipe from the peer to the client. */
  readonly incoming?: PairOptions;
}

export class ClientEnd implements ClientTransportListener, TestEnd {
  readonly clock: VirtualClock = new VirtualClock(0);
  readonly wheel: TimerWheel;
  readonly turns: Turns = new Turns();
  readonly peer: MockPeer;
  readonly socket: MemorySocket;
  readonly transport: ClientTransport;
  /** What the channel would hear. */
  readonly events: string[] = [];
  /** Runs after an event was noted. */
  onEvent: (event: string) => void = () => {};
  closedBy: ClosingError | undefined = undefined;

  constructor(options: ClientEndOptions = {}) {
    this.wheel = new TimerWheel(this.clock);
    const { a, b } = duplexPair({
      aToB: options.outgoing ?? {},
      bToA: options.incoming ?? {},
    });
    this.socket = a;
    this.peer = new MockPeer(b, 'server');
    this.transport = new ClientTransport(this, {
      socket: a,
      wheel: this.wheel,
      schedule: this.turns.schedule,
      scheme: 'http',
      authority: 'test:1',
      userAgent: 'test',
      limits: { ...defaultClientLimits, ...options.limits },
      maxHeaderList: 16_384,
      maxReceiveMessageLength: 4_194_304,
      initialStreamWindow: 65_535,
      initialConnectionWindow: 65_535,
      staticWindows: true,
      keepalive: {},
      ...options.transport,
    });
    feedFromData(a, this.transport.connection.reader);
  }

  /** A client and its server past their SETTINGS; the transcript so far is taken. */
  static async ready(
    settings: Parameters<MockPeer['settings']>[0] = {},
    options: ClientEndOptions = {},
  ): Promise<ClientEnd> {
    const end = new ClientEnd(options);
    end.peer.settings(settings).settingsAck();
    await end.settle();
    end.peer.take();
    return end;
  }

  private note(event: string): void {
    this.events.push(event);
    this.onEvent(event);
  }

  onReady(): void {
    this.note('ready');
  }

  onCapacity(): void {
    this.note('capacity');
  }

  onKeepaliveTime(timeMs: number): void {
    this.note(`keepalive ${timeMs}`);
  }

  onDraining(reason: string): void {
    this.note(`draining: ${reason}`);
  }

  onClosed(error: ClosingError): void {
    this.closedBy = error;
    this.note(`closed: ${error.reason}`);
  }

  /** Opens a call; its messages are asked for unless `demand` is 0. */
  open(path = '/s/m', fields: HeaderFields = [], demand = 1_000): TestCall {
    const call = new TestCall();
    call.started(this.transport.newStream(call, path, fields, -1));
    if (!call.refused && demand > 0) call.stream.request(demand);
    return call;
  }

  /** Opens a call that ends its side with one message. */
  unary(message = 'hi', path = '/s/m'): TestCall {
    const call = this.open(path);
    call.send(message, true);
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

  /** No stream, item, byte or credit is accounted for any more. */
  assertIdle(): void {
    const { connection, admission } = this.transport;
    assertConnectionIdle(connection);
    assert.equal(admission.openCalls, 0, 'openCalls');
  }

  /** Closes what is still open and asserts that nothing stays behind. */
  finish(): Promise<void> {
    return finishEnd(this);
  }
}
