// Each figure of a connection's stats, driven to a value that is known, on both sides.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Connection } from '#sluice/transport/connection.js';
import { type ConnectionStats, connectionStats } from '#sluice/transport/connection-stats.js';
import { ClientEnd } from '../support/client-end.js';
import { request, ServerEnd } from '../support/server-end.js';

const RESPONSE = [':status', '200', 'content-type', 'application/grpc'];
const WINDOW = 65_535;

/** A message of so many bytes with its prefix. */
function framed(bytes: number): Buffer {
  const message = Buffer.alloc(5 + bytes);
  message.writeUInt32BE(bytes, 1);
  return message;
}

/** One end of a connection with stream 1 open, whose messages nobody has asked for. */
interface Side {
  readonly name: string;
  open(settings?: Parameters<typeof ClientEnd.ready>[0], capacity?: number): Promise<Opened>;
}

interface Opened {
  readonly end: ClientEnd | ServerEnd;
  readonly connection: Connection;
  send(message: Buffer): boolean;
  ask(count: number): void;
  stats(): ConnectionStats;
  /** Ends the stream, then the connection, and checks that nothing is left. */
  finish(): Promise<void>;
}

function statsOf(connection: Connection): ConnectionStats {
  const { id, names, sinceMs } = connection;
  return connectionStats(connection, { id, names, sinceMs, state: 'ready' });
}

const SIDES: readonly Side[] = [
  {
    name: 'a client',
    async open(settings = {}, capacity = Number.POSITIVE_INFINITY) {
      const transport = { staticWindows: false };
      const end = await ClientEnd.ready(settings, { outgoing: { capacity }, transport });
      const call = end.open('/s/m', [], 0);
      await end.settle();
      end.peer.headers(1, RESPONSE);
      await end.settle();
      const { connection } = end.transport;
      return {
        end,
        connection,
        send: (message) => call.stream.send(message, false),
        ask: (count) => call.stream.request(count),
        stats: () => statsOf(connection),
        async finish() {
          call.stream.cancel();
          await end.finish();
        },
      };
    },
  },
  {
    name: 'a server',
    async open(settings = {}, capacity = Number.POSITIVE_INFINITY) {
      const transport = { staticWindows: false, minPingIntervalMs: 0 };
      const end = await ServerEnd.ready(settings, { outgoing: { capacity }, transport });
      end.handler = () => {};
      end.peer.headers(1, request());
      await end.settle();
      const { connection } = end.transport;
      const [call] = end.calls;
      assert.ok(call !== undefined);
      call.stream.sendHead([]);
      await end.settle();
      return {
        end,
        connection,
        send: (message) => call.stream.send(message),
        ask: (count) => call.stream.request(count),
        stats: () => statsOf(connection),
        async finish() {
          end.peer.rstStream(1, 8);
          await end.settle();
          await end.finish();
        },
      };
    },
  },
];

for (const side of SIDES) {
  describe(`the figures of ${side.name}`, () => {
    it('of a quiet connection are those of its settings', async () => {
      const settings = { INITIAL_WINDOW_SIZE: 1_000, MAX_CONCURRENT_STREAMS: 7 };
      const opened = await side.open(settings);
      opened.end.clock.advance(80);
      const { id, peer, local, rttMs, ...figures } = opened.stats();
      assert.equal(id, opened.connection.id);
      assert.deepEqual([peer, local, rttMs], ['', '', 0]);
      assert.deepEqual(figures, {
        state: 'ready',
        sinceMs: 80,
        queueItems: 0,
        queueBytes: 0,
        oldestItemMs: 0,
        socketBytes: 0,
        responseFrames: 0,
        gate: 'open',
        gateSinceMs: 80,
        loopy: 'parked',
        loopySinceMs: 80,
        sendQuota: WINDOW,
        outgoingInitialWindow: 1_000,
        receiveWindow: WINDOW,
        unreadBytes: 0,
        exposureBytes: WINDOW,
        withheldBytes: 0,
        partialBytes: 0,
        bdpBytes: WINDOW,
        streams: { open: 1, active: 0, empty: 1, waitingOnStreamQuota: 0, peerLimit: 7 },
      });
      await opened.finish();
    });

    it('tell what waits for the window of a stream, and since when', async () => {
      const opened = await side.open({ INITIAL_WINDOW_SIZE: 100 });
      opened.send(Buffer.alloc(295));
      opened.send(Buffer.alloc(95));
      await opened.end.settle();
      opened.end.clock.advance(40);
      const { queueItems, queueBytes, oldestItemMs, sendQuota, streams } = opened.stats();
      assert.deepEqual([queueItems, queueBytes, oldestItemMs], [2, 300, 40]);
      assert.equal(sendQuota, WINDOW - 100);
      assert.deepEqual(streams, {
        open: 1,
        active: 0,
        empty: 0,
        waitingOnStreamQuota: 1,
        peerLimit: Number.POSITIVE_INFINITY,
      });
      opened.end.peer.windowUpdate(1, 1_000);
      await opened.end.settle();
      assert.equal(opened.stats().queueBytes, 0);
      await opened.finish();
    });

    it('tell what waits for the window of the connection', async () => {
      const opened = await side.open({ INITIAL_WINDOW_SIZE: 1_000_000 });
      opened.send(Buffer.alloc(WINDOW + 5));
      await opened.end.settle();
      const { queueItems, queueBytes, sendQuota, loopy, streams } = opened.stats();
      assert.deepEqual([queueItems, queueBytes, sendQuota, loopy], [1, 10, 0, 'parked']);
      assert.deepEqual([streams.active, streams.empty], [1, 0]);
      opened.end.peer.windowUpdate(0, 100);
      await opened.end.settle();
      assert.equal(opened.stats().sendQuota, 90);
      await opened.finish();
    });

    it('tell what waits for the socket', async () => {
      const opened = await side.open({ INITIAL_WINDOW_SIZE: 10_000_000 }, 1_000);
      opened.end.peer.windowUpdate(0, 10_000_000);
      await opened.end.settle();
      opened.end.peer.socket.pause();
      for (let i = 0; i < 10; i += 1) opened.send(Buffer.alloc(100_000));
      await opened.end.settle();
      opened.end.clock.advance(30);
      const { socketBytes, loopy, loopySinceMs, queueBytes } = opened.stats();
      assert.equal(loopy, 'blocked-on-socket');
      assert.equal(loopySinceMs, 30);
      assert.ok(socketBytes > 0 && queueBytes > 0, `${socketBytes} ${queueBytes}`);
      opened.end.peer.socket.resume();
      await opened.end.settle();
      assert.deepEqual(
        [opened.stats().loopy, opened.stats().socketBytes, opened.stats().queueBytes],
        ['parked', 0, 0],
      );
      await opened.finish();
    });

    it('tell what has come and was not asked for', async () => {
      const opened = await side.open();
      opened.end.peer.data(1, framed(995));
      await opened.end.settle();
      const before = opened.stats();
      assert.equal(before.unreadBytes, 1_000);
      assert.equal(before.receiveWindow, WINDOW - 1_000);
      assert.equal(before.exposureBytes, WINDOW);
      opened.ask(1);
      await opened.end.settle();
      const { unreadBytes, exposureBytes } = opened.stats();
      assert.deepEqual([unreadBytes, exposureBytes], [0, WINDOW]);
      await opened.finish();
    });

    it('tell how much a message holds that is still coming in', async () => {
      const opened = await side.open();
      opened.ask(1);
      opened.end.peer.data(1, framed(40_000).subarray(0, 10_005)).data(1, Buffer.alloc(10_000));
      await opened.end.settle();
      const { partialBytes, unreadBytes } = opened.stats();
      assert.equal(unreadBytes, 0);
      assert.equal(partialBytes, 40_000);
      opened.end.peer.data(1, Buffer.alloc(10_000)).data(1, Buffer.alloc(10_000));
      await opened.end.settle();
      assert.equal(opened.stats().partialBytes, 0);
      await opened.finish();
    });

    it('tell of the round trip once it was measured', async () => {
      const opened = await side.open();
      opened.ask(10);
      // A quarter of the connection's window is worth a sample.
      opened.end.peer.data(1, framed(10_000 - 5)).data(1, framed(10_000 - 5));
      await opened.end.settle();
      opened.end.clock.advance(64);
      for (let i = 0; i < 4; i += 1) opened.end.peer.data(1, framed(10_000 - 5));
      opened.end.peer.pingAck();
      await opened.end.settle();
      const { rttMs, bdpBytes } = opened.stats();
      assert.equal(rttMs, 64);
      assert.equal(bdpBytes, 2 * 50_000);
      await opened.finish();
    });

    it('tell that the gate is closed, and since when', async () => {
      const opened = await side.open({ INITIAL_WINDOW_SIZE: 10_000_000 }, 1_000);
      opened.end.peer.windowUpdate(0, 10_000_000);
      await opened.end.settle();
      opened.end.peer.socket.pause();
      // More than the socket's backlog takes, so that no reply is written.
      for (let i = 0; i < 10; i += 1) opened.send(Buffer.alloc(100_000));
      await opened.end.settle();
      for (let i = 0; i < 60; i += 1) opened.end.peer.settings();
      await opened.end.settle();
      opened.end.clock.advance(16);
      const { gate, gateSinceMs, responseFrames } = opened.stats();
      assert.equal(gate, 'closed');
      assert.ok(responseFrames >= 50, String(responseFrames));
      assert.equal(gateSinceMs, 16);
      opened.end.peer.socket.resume();
      await opened.end.settle();
      assert.deepEqual([opened.stats().gate, opened.stats().responseFrames], ['open', 0]);
      await opened.finish();
    });
  });
}
