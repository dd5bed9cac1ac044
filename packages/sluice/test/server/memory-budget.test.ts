// The memory of a real server process under clients that take nothing, or send what nobody reads: its
// resident set stays within the budget, and a well-behaved client notices nothing.

import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Channel, connect } from 'sluice';
import type { MemoryReport } from '../support/memory-server.js';
import { framed, MockPeer } from '../support/mock-peer.js';

const MIB = 1024 * 1024;
const BUDGET = 128 * MIB;
/** What the runtime takes beside: garbage that is not collected yet, pages that are not given back. */
const BESIDE = 96 * MIB;
const CONNECTIONS = 200;
const STREAMS = 50;

const program = fileURLToPath(new URL('../support/memory-server.js', import.meta.url));

class MemoryServer {
  readonly port: number;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
  }

  static async start(budget: number): Promise<MemoryServer> {
    const child = fork(program, [String(budget)]);
    const [port] = await once(child, 'message');
    assert.ok(typeof port === 'number');
    return new MemoryServer(child, port);
  }

  /** What it holds, and held at the most since it was asked last; once that stands still. */
  async report(): Promise<MemoryReport> {
    this.child.send('report');
    const [report] = await once(this.child, 'message');
    return report;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

function request(path: string): string[] {
  return [
    ...[':method', 'POST', ':scheme', 'http', ':path', path, ':authority', 'test'],
    ...['te', 'trailers', 'content-type', 'application/grpc'],
  ];
}

/** A client with large windows that opens its calls and then reads nothing at all. */
async function stalled(port: number, path: string): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  const peer = new MockPeer(socket, 'client');
  socket.pause();
  peer.preface().settings({ INITIAL_WINDOW_SIZE: 0x7fff_ffff }).settingsAck();
  peer.windowUpdate(0, 0x7fff_0000 - 65_535);
  for (let i = 0; i < STREAMS; i += 1) {
    peer.headers(2 * i + 1, request(path)).data(2 * i + 1, framed(''), { endStream: true });
  }
  peer.flush();
  return socket;
}

/** A client that sends on all its calls whatever it is given credit for. */
async function uploading(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  const peer = new MockPeer(socket, 'client');
  peer.preface().settings().settingsAck();
  for (let i = 0; i < STREAMS; i += 1) peer.headers(2 * i + 1, request('/test.Memory/Unread'));
  let credit = 65_535;
  let sent = 0;
  let seen = 0;
  const send = (): void => {
    for (; seen < peer.frames.length; seen += 1) {
      const frame = peer.frames[seen];
      if (frame?.type === 8 && frame.streamId === 0) credit += frame.payload.readUInt32BE(0);
    }
    // Three frames fit the window of each stream.
    for (; credit >= 16_000 && sent < 3 * STREAMS; sent += 1) {
      peer.data(2 * (sent % STREAMS) + 1, Buffer.alloc(16_000));
      credit -= 16_000;
    }
    peer.flush();
  };
  socket.on('data', () => send());
  send();
  return socket;
}

/** A well-behaved client, until it is stopped: how many of its calls were served. */
function goodClient(channel: Channel): { stop(): Promise<{ calls: number; served: number }> } {
  let isRunning = true;
  const counts = { calls: 0, served: 0 };
  const run = async (): Promise<void> => {
    while (isRunning) {
      counts.calls += 1;
      await channel.unary('/test.Memory/Small', Buffer.alloc(1_000)).then(
        () => {
          counts.served += 1;
        },
        () => {},
      );
    }
  };
  const running = run();
  return {
    stop: async () => {
      isRunning = false;
      await running;
      return counts;
    },
  };
}

async function warmUp(channel: Channel): Promise<void> {
  for (let i = 0; i < 10; i += 1) {
    const calls = Array.from({ length: 200 }, () =>
      channel.unary('/test.Memory/Small', Buffer.alloc(5_000)),
    );
    await Promise.all(calls);
  }
  for (let i = 0; i < 5; i += 1) {
    await Promise.all(
      Array.from({ length: 20 }, () => channel.unary('/test.Memory/Large', Buffer.alloc(1))),
    );
  }
}

async function flood(
  t: test.TestContext,
  open: (port: number) => Promise<net.Socket>,
): Promise<void> {
  const server = await MemoryServer.start(BUDGET);
  const channel = connect(`127.0.0.1:${server.port}`);
  const sockets: net.Socket[] = [];
  try {
    await warmUp(channel);
    const { rss: idle } = await server.report();
    const good = goodClient(channel);
    for (let i = 0; i < CONNECTIONS; i += 1) sockets.push(await open(server.port));
    const { rss, usedBytes } = await server.report();
    const { calls, served } = await good.stop();
    t.diagnostic(
      `idle ${(idle / MIB).toFixed(0)} MiB, then +${((rss - idle) / MIB).toFixed(0)} MiB, ${(usedBytes / MIB).toFixed(0)} MiB in the account; ${served} of ${calls} good calls served`,
    );
    assert.ok(usedBytes <= BUDGET * 1.02, `${usedBytes} bytes in the account`);
    assert.ok(rss - idle <= BUDGET + BESIDE, `${rss - idle} bytes more than idle`);
    assert.ok(served >= calls * 0.99, `${served} of ${calls} good calls served`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await channel.close();
    await server.stop();
  }
}

test('200 clients that ask for large responses and read nothing stay within the budget', (t) =>
  flood(t, (port) => stalled(port, '/test.Memory/Large')));

test('200 clients that read nothing of large streams stay within the budget', (t) =>
  flood(t, (port) => stalled(port, '/test.Memory/Stream')));

test('200 clients that send what no handler reads stay within the budget', (t) =>
  flood(t, (port) => uploading(port)));
