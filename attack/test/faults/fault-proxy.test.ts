// The fault proxy does what it says: each fault, seen from both ends by plain sockets.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type AddressInfo,
  createServer,
  connect as dial,
  type Server,
  type Socket,
} from 'node:net';
import { afterEach, describe, it } from 'node:test';
import {
  FaultProxy,
  type FaultProxyOptions,
  type ProxiedConnection,
} from '../../dist/faults/fault-proxy.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A frame of type DATA with that payload. */
function frame(payload: string): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  return Buffer.concat([header, Buffer.from(payload)]);
}

/** One end of a connection and what came to it. */
class End {
  readonly socket: Socket;
  received: Buffer;
  readonly chunks: number[];
  fault: string;
  ended: boolean;
  private waiters: (() => void)[];

  constructor(socket: Socket) {
    this.socket = socket;
    this.received = Buffer.alloc(0);
    this.chunks = [];
    this.fault = '';
    this.ended = false;
    this.waiters = [];
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.chunks.push(chunk.length);
      this.tell();
    });
    socket.on('end', () => {
      this.ended = true;
      this.tell();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.fault = error.code ?? error.message;
    });
    socket.on('close', () => this.tell());
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  bytes(count: number): Promise<void> {
    return this.until(() => this.received.length >= count);
  }

  private tell(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}

interface Scene {
  readonly proxy: FaultProxy;
  readonly proxyPort: number;
  readonly connection: ProxiedConnection;
  readonly client: End;
  readonly server: End;
}

const closing: (() => Promise<void>)[] = [];

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function scene(options: FaultProxyOptions = {}): Promise<Scene> {
  const origin = createServer({ allowHalfOpen: true }, (socket) => {
    // A connection that is only there to be ended.
    socket.on('end', () => {
      if (socket.bytesRead === 0) socket.end();
    });
  });
  const accepted = once(origin, 'connection');
  const proxy = new FaultProxy(await listening(origin), options);
  const port = await proxy.listen();
  const socket = dial({ port, host: '127.0.0.1', allowHalfOpen: true });
  const client = new End(socket);
  // The event of a server has its socket.
  const [served] = (await accepted) as [Socket];
  const server = new End(served);
  const [connection] = proxy.connections;
  assert.ok(connection);
  closing.push(async () => {
    socket.destroy();
    served.destroy();
    await proxy.close();
    await new Promise((resolve) => origin.close(resolve));
  });
  return { proxy, proxyPort: port, connection, client, server };
}

/** What a later connection gets through has come after whatever was sent before. */
async function roundTrip(proxyPort: number): Promise<void> {
  const later = new End(dial({ port: proxyPort, host: '127.0.0.1' }));
  later.socket.end();
  await later.until(() => later.ended);
}

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe('a fault proxy without faults', () => {
  it('passes bytes and ends both ways', async () => {
    const { proxy, connection, client, server } = await scene();
    client.socket.end('ping');
    await server.until(() => server.ended);
    assert.equal(server.received.toString(), 'ping');
    server.socket.end('pong');
    await client.until(() => client.ended);
    assert.equal(client.received.toString(), 'pong');
    assert.deepEqual([connection.toServer.bytes, connection.toClient.bytes], [4, 4]);
    assert.equal(proxy.taken, 1);
  });

  it('passes a reset on as a reset', async () => {
    const { client, server } = await scene();
    client.socket.write('x');
    await server.bytes(1);
    server.socket.resetAndDestroy();
    await client.until(() => client.fault !== '');
    assert.equal(client.fault, 'ECONNRESET');
  });

  it('resets a client when nobody listens behind it', async () => {
    const { proxy, proxyPort } = await scene();
    const nobody = createServer();
    const port = await listening(nobody);
    await new Promise((resolve) => nobody.close(resolve));
    proxy.upstreamPort = port;
    const other = new End(dial({ port: proxyPort, host: '127.0.0.1' }));
    await other.until(() => other.fault !== '');
    assert.equal(other.fault, 'ECONNRESET');
  });
});

describe('bytes of a fault proxy', () => {
  it('come one by one, in order', async () => {
    const { client, server } = await scene({ toServer: { chunking: 'one-byte' } });
    client.socket.write('0123456789');
    await server.bytes(10);
    assert.equal(server.received.toString(), '0123456789');
    assert.ok(server.chunks.length > 1);
  });

  it('are cut at random, in order', async () => {
    let seed = 0;
    const random = (): number => {
      seed = (seed + 0.37) % 1;
      return seed;
    };
    const { client, server } = await scene({ toServer: { chunking: 'random' }, random });
    const sent = Buffer.from(Array.from({ length: 1_000 }, (_, i) => i % 251));
    client.socket.write(sent);
    await server.bytes(sent.length);
    assert.deepEqual(server.received, sent);
    assert.ok(server.chunks.length > 1);
  });

  it('come no earlier than their delay', async () => {
    const { client, server } = await scene({ toServer: { delayMs: 20 } });
    const startedMs = performance.now();
    client.socket.write('late');
    await server.bytes(4);
    // A timer may be a fraction of a millisecond early.
    assert.ok(performance.now() - startedMs >= 19);
  });

  it('come no faster than their rate', async () => {
    const { client, server } = await scene({ toServer: { bytesPerSecond: 1_000_000 } });
    const startedMs = performance.now();
    client.socket.write(Buffer.alloc(40_000));
    await server.bytes(40_000);
    assert.ok(performance.now() - startedMs >= 39);
  });

  it('of a held direction wait while the other goes on', async () => {
    const { connection, client, server } = await scene();
    connection.toServer.hold();
    client.socket.write('held');
    server.socket.write('free');
    await client.bytes(4);
    assert.equal(server.received.length, 0);
    connection.toServer.release();
    await server.bytes(4);
    assert.equal(server.received.toString(), 'held');
  });

  it('wait at their sender while they are not read, and come whole afterwards', async () => {
    const { proxyPort, connection, client, server } = await scene({ laneBytes: 1_024 });
    connection.stopReading();
    const sent = Buffer.alloc(1_000_000, 's');
    client.socket.write(sent);
    server.socket.write('x');
    await roundTrip(proxyPort);
    assert.deepEqual([connection.toServer.bytes, connection.toClient.bytes], [0, 0]);
    connection.resumeReading();
    await Promise.all([server.bytes(sent.length), client.bytes(1)]);
    assert.equal(server.received.length, sent.length);
  });

  it('are held within the bound of a lane', async () => {
    const { connection, client, server } = await scene({ laneBytes: 1_024 });
    connection.toServer.hold();
    client.socket.write(Buffer.alloc(1_000_000));
    server.socket.write('x');
    await client.bytes(1);
    // One read of a socket past the bound.
    assert.ok(connection.toServer.waitingBytes <= 1_024 + 65_536);
    connection.toServer.release();
    await server.bytes(1_000_000);
  });

  it('vanish in a black hole, and so does the end', async () => {
    const { proxyPort, connection, client, server } = await scene();
    client.socket.write('seen');
    await server.bytes(4);
    connection.vanish();
    client.socket.end('unseen');
    server.socket.write('unseen');
    await roundTrip(proxyPort);
    assert.equal(server.received.toString(), 'seen');
    assert.equal(client.received.length, 0);
    assert.deepEqual([server.ended, client.ended], [false, false]);
  });
});

describe('a break at a frame', () => {
  const first = frame('one');
  const second = frame('');
  const third = frame('three');
  const all = Buffer.concat([PREFACE, first, second, third]);
  const upTo = [PREFACE.length, PREFACE.length + first.length];
  upTo.push((upTo[1] ?? 0) + second.length, all.length);

  for (const chunking of ['whole', 'one-byte'] as const) {
    for (const [count, length] of upTo.entries()) {
      it(`passes exactly ${count} frames to the server, then FIN, ${chunking}`, async () => {
        const { connection, client, server } = await scene({ toServer: { chunking } });
        connection.breakAtFrame('toServer', count, 'fin');
        client.socket.write(Buffer.concat([all, frame('four')]));
        await server.until(() => server.ended);
        assert.deepEqual(server.received, all.subarray(0, length));
        assert.equal(connection.toServer.frames, count);
        server.socket.write('still open');
        await client.bytes(10);
      });
    }
  }

  it('counts frames of the server without a preface', async () => {
    const { connection, client, server } = await scene();
    connection.breakAtFrame('toClient', 1, 'fin');
    server.socket.write(Buffer.concat([first, third]));
    await client.until(() => client.ended);
    assert.deepEqual(client.received, first);
  });

  it('resets both sides', async () => {
    const { connection, client, server } = await scene();
    connection.breakAtFrame('toServer', 1, 'reset');
    client.socket.write(all);
    await Promise.all([
      client.until(() => client.fault !== ''),
      server.until(() => server.fault !== ''),
    ]);
    assert.deepEqual([client.fault, server.fault], ['ECONNRESET', 'ECONNRESET']);
    assert.deepEqual(server.received, all.subarray(0, upTo[1]));
  });

  it('holds what follows until it is released', async () => {
    const { connection, client, server } = await scene();
    await new Promise<void>((resolve) => {
      connection.breakAtFrame('toServer', 2, resolve);
      client.socket.write(all);
    });
    await server.bytes(upTo[2] ?? 0);
    assert.deepEqual(server.received, all.subarray(0, upTo[2]));
    connection.toServer.release();
    await server.bytes(all.length);
    assert.deepEqual(server.received, all);
  });
});
