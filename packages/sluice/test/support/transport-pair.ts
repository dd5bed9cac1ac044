// A real client transport and a real server transport, joined in memory, on a clock and on turns
// that the test moves; and the checks that every test of transports ends with.

import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  ClientTransport,
  type ClientTransportOptions,
} from '#sluice/transport/client-transport.js';
import type { Connection } from '#sluice/transport/connection.js';
import { feedFromData } from '#sluice/transport/connector.js';
import type { ClosingError } from '#sluice/transport/errors.js';
import {
  type ClientLimits,
  DEFAULT_WINDOW,
  defaultClientLimits,
  defaultServerLimits,
  MAX_HEADER_LIST,
  MAX_MESSAGE_LENGTH_DEFAULT,
  type ServerLimits,
} from '#sluice/transport/limits.js';
import type { ServerStream } from '#sluice/transport/server-stream.js';
import {
  ServerTransport,
  type ServerTransportOptions,
} from '#sluice/transport/server-transport.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { duplexPair, type PairOptions } from './duplex-pair.js';
import { Turns } from './turns.js';
import { VirtualClock } from './virtual-clock.js';

export interface TransportPairOptions {
  readonly clientLimits?: Partial<ClientLimits>;
  readonly serverLimits?: Partial<ServerLimits>;
  /** Overrides beside socket, wheel, schedule and limits. */
  readonly client?: Partial<ClientTransportOptions>;
  readonly server?: Partial<ServerTransportOptions>;
  readonly toServer?: PairOptions;
  readonly toClient?: PairOptions;
  /** Serves a call; by default nobody answers. */
  readonly onStream?: (stream: ServerStream) => void;
  readonly clock?: VirtualClock;
  /** Sockets to use in place of a pair in memory. */
  readonly sockets?: { readonly a: Duplex; readonly b: Duplex };
}

/** Quiet rounds of both ends before things count as settled. */
const QUIET_TURNS = 3;

export class TransportPair {
  readonly clock: VirtualClock;
  readonly wheel: TimerWheel;
  readonly clientTurns: Turns = new Turns();
  readonly serverTurns: Turns = new Turns();
  readonly clientSocket: Duplex;
  readonly serverSocket: Duplex;
  readonly client: ClientTransport;
  readonly server: ServerTransport;
  clientClosed: ClosingError | undefined = undefined;
  serverClosed: ClosingError | undefined = undefined;
  draining: string | undefined = undefined;
  /** How often the client said that one more call may be admitted. */
  capacityOffers = 0;
  keepaliveTimeMs = 0;

  constructor(options: TransportPairOptions = {}) {
    this.clock = options.clock ?? new VirtualClock(1_000);
    this.wheel = new TimerWheel(this.clock);
    const { a, b } =
      options.sockets ?? duplexPair({ aToB: options.toServer ?? {}, bToA: options.toClient ?? {} });
    this.clientSocket = a;
    this.serverSocket = b;
    const shared = {
      wheel: this.wheel,
      maxHeaderList: MAX_HEADER_LIST,
      maxReceiveMessageLength: MAX_MESSAGE_LENGTH_DEFAULT,
      initialStreamWindow: DEFAULT_WINDOW,
      initialConnectionWindow: DEFAULT_WINDOW,
      staticWindows: false,
      keepalive: {},
    };
    this.server = new ServerTransport(
      {
        onStream: (stream) => options.onStream?.(stream),
        onClosed: (_transport, error) => {
          this.serverClosed = error;
        },
      },
      {
        ...shared,
        minPingIntervalMs: undefined,
        permitPingsWithoutStream: false,
        ...options.server,
        socket: b,
        schedule: this.serverTurns.schedule,
        limits: { ...defaultServerLimits, ...options.serverLimits },
      },
    );
    this.client = new ClientTransport(
      {
        onReady: () => {},
        onCapacity: () => {
          this.capacityOffers += 1;
        },
        onKeepaliveTime: (timeMs) => {
          this.keepaliveTimeMs = timeMs;
        },
        onDraining: (reason) => {
          this.draining = reason;
        },
        onClosed: (error) => {
          this.clientClosed = error;
        },
      },
      {
        ...shared,
        scheme: 'http',
        authority: 'test',
        userAgent: 'sluice-test',
        ...options.client,
        socket: a,
        schedule: this.clientTurns.schedule,
        limits: { ...defaultClientLimits, ...options.clientLimits },
      },
    );
    feedFromData(a, this.client.connection.reader);
    feedFromData(b, this.server.connection.reader);
  }

  /** Turns of both ends until neither has anything left to do and the sockets are quiet. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      const ran = this.clientTurns.run() + this.serverTurns.run();
      await nextTurn();
      const waiting = this.clientTurns.waiting + this.serverTurns.waiting;
      quiet = ran + waiting === 0 ? quiet + 1 : 0;
    }
  }

  /** Settles until something has come about, which takes real sockets some rounds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    for (let round = 0; !condition(); round += 1) {
      assert.ok(round < 5_000, `never happened: ${what}`);
      await this.settle();
    }
  }

  /** Lets time pass in steps of at most `stepMs`, settling after each. */
  async pass(ms: number, stepMs: number = ms): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left));
      await this.settle();
    }
  }

  /** Closes from the client, and checks that nothing at all is left. */
  async close(): Promise<void> {
    this.client.close('the test is over');
    await this.settle();
    if (!this.clientSocket.destroyed || !this.serverSocket.destroyed) await this.pass(1_100);
    this.assertNothingLeft();
  }

  assertNothingLeft(): void {
    for (const { connection } of [this.client, this.server]) {
      assert.notEqual(connection.closedBy, undefined, 'closed');
      assertIdle(connection);
    }
    assert.equal(this.clientSocket.destroyed, true, 'client socket');
    assert.equal(this.serverSocket.destroyed, true, 'server socket');
    assert.equal(this.wheel.size, 0, 'timers');
  }

  /** Every account of both ends, while the wire is quiet. */
  assertAccounts(): void {
    const client = this.client.connection;
    const server = this.server.connection;
    assertOwnAccounts(client, 'client');
    assertOwnAccounts(server, 'server');
    assertWindows(client, server, 'server to client');
    assertWindows(server, client, 'client to server');
  }
}

/** No stream, no queued item, no exposure: a connection on which nothing is under way. */
export function assertIdle(connection: Connection): void {
  const { buffer, active, waiting } = connection.loopy;
  assert.equal(connection.streams.size, 0, 'streams');
  assert.equal(buffer.items, 0, 'queued items');
  assert.equal(buffer.bytes, 0, 'queued bytes');
  assert.equal(buffer.partWritten, 0, 'bytes of messages partly written');
  assert.equal(connection.credit.unread, 0, 'unread bytes');
  assert.equal(buffer.responseFrames, 0, 'queued replies');
  assert.equal(active.size + waiting.size + buffer.heads.size, 0, 'streams on lists');
  assert.equal(connection.credit.inbound.open, 0, 'streams counted for exposure');
  assert.equal(connection.credit.inbound.extra, 0, 'exposure beyond initial windows');
}

/** A recount of what one end has queued and granted, while the wire is quiet. */
export function assertOwnAccounts(connection: Connection, name: string): void {
  const { buffer, active, waiting } = connection.loopy;
  // The lane of control frames is private to the buffer; a recount has to see it.
  const frames: unknown = Reflect.get(buffer, 'frames');
  const nextFrame: unknown = Reflect.get(buffer, 'nextFrame');
  assert.ok(Array.isArray(frames) && typeof nextFrame === 'number');
  let items = frames.length - nextFrame;
  let bytes = 0;
  let exposure = 0;
  let sending = 0;
  let listed = 0;
  let unread = 0;
  let partWritten = 0;
  for (let out = buffer.heads.first; out !== undefined; out = out.next) {
    items += 1;
    bytes += out.headBytes;
    if (out.id === 0) {
      items += out.itemCount;
      bytes += out.queuedBytes;
    }
  }
  connection.streams.forEach(({ out, inFlow }) => {
    items += out.itemCount;
    bytes += out.queuedBytes;
    unread += inFlow.pendingData;
    partWritten += out.first?.written ?? 0;
    if (!inFlow.ended) sending += 1;
    exposure += inFlow.ended ? inFlow.pendingData : inFlow.limit + inFlow.delta - inFlow.withheld;
    if (out.list === active || out.list === waiting) listed += 1;
  });
  assert.equal(buffer.items, items, `${name}: items`);
  assert.equal(buffer.bytes, bytes, `${name}: bytes`);
  assert.equal(buffer.partWritten, partWritten, `${name}: bytes of messages partly written`);
  assert.equal(connection.credit.unread, unread, `${name}: unread bytes`);
  assert.equal(active.size + waiting.size, listed, `${name}: streams with data`);
  assert.equal(connection.credit.inbound.open, sending, `${name}: streams the peer may send on`);
  assert.equal(connection.credit.inbound.exposure, exposure, `${name}: exposure`);
}

/** What `to` has granted is what `from` thinks it may send. */
export function assertWindows(to: Connection, from: Connection, name: string): void {
  const { limit, unacked } = to.credit.flow;
  assert.equal(limit, unacked + from.loopy.sendQuota, `${name}: connection window`);
  to.streams.forEach((receiver, id) => {
    const sender = from.streams.get(id);
    // Credit for a side that has ended is neither given nor wanted.
    if (sender === undefined || receiver.remoteEnded || sender.out.endWritten) return;
    const quota = from.loopy.outgoingInitialWindow - sender.out.bytesOutstanding;
    assert.equal(receiver.inFlow.available(), quota, `${name}: window of stream ${id}`);
  });
}
