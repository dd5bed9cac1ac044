// Channels of this package: what their end does to calls, and how their limits are made narrower.

import assert from 'node:assert/strict';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import * as grpc from '@sluice/grpc-js';

const PATH = '/test.Channels/Call';
const bytes = (value: Buffer): Buffer => value;
const EMPTY = Buffer.alloc(0);

interface Peer {
  readonly port: number;
  readonly streams: http2.ServerHttp2Stream[];
  /** Resolves when so many streams came. */
  came(count: number): Promise<void>;
  readonly closed: Promise<void>;
  end(): void;
}

async function peer(): Promise<Peer> {
  const server = http2.createServer();
  const streams: http2.ServerHttp2Stream[] = [];
  let look = (): void => {};
  let onClosed = (): void => {};
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  server.on('session', (session) => session.on('close', onClosed));
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    streams.push(stream);
    look();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    streams,
    came: (count) =>
      new Promise((resolve) => {
        look = () => {
          if (streams.length >= count) resolve();
        };
        look();
      }),
    closed,
    end: () => server.close(),
  };
}

function answer(stream: http2.ServerHttp2Stream | undefined): void {
  assert.ok(stream);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.alloc(5));
}

function outcome(client: grpc.Client): Promise<number> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(PATH, bytes, bytes, EMPTY, (error) => resolve(error?.code ?? 0));
  });
}

describe('the end of a channel', () => {
  it('lets a call that reached its connection go on, then gives the connection back', async () => {
    const { came, closed, end, port, streams } = await peer();
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const first = outcome(client);
    await came(1);
    client.close();
    answer(streams[0]);
    assert.equal(await first, grpc.status.OK);
    await closed;
    end();
  });

  it('ends a call that waits for a connection', async () => {
    const client = new grpc.Client('127.0.0.1:1', grpc.credentials.createInsecure());
    const waiting = outcome(client);
    client.close();
    assert.equal(await waiting, grpc.status.UNAVAILABLE);
  });

  it('may come from the callback of its last call', async () => {
    const { came, closed, end, port, streams } = await peer();
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    client.makeUnaryRequest(PATH, bytes, bytes, EMPTY, () => client.close());
    await came(1);
    answer(streams[0]);
    await closed;
    end();
  });
});

describe('the option sluice.options', () => {
  it('makes limits narrower than those of this package', async () => {
    const { came, end, port, streams } = await peer();
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
      'sluice.options': { limits: { openCalls: 1 }, admissionPolicy: 'fail' },
    });
    const first = outcome(client);
    await came(1);
    assert.equal(await outcome(client), grpc.status.RESOURCE_EXHAUSTED);
    answer(streams[0]);
    assert.equal(await first, grpc.status.OK);
    client.close();
    end();
  });

  it('is checked like options of Sluice', () => {
    const options = { 'sluice.options': { limits: { openCalls: 0 } } };
    const make = (): unknown =>
      new grpc.Client('127.0.0.1:1', grpc.credentials.createInsecure(), options);
    assert.throws(make, { name: 'RangeError', message: /^limits\.openCalls is 0; / });
  });
});

describe('a callback that throws', () => {
  it('ends in an exception of the process, and other calls go on', async () => {
    const { came, end, port, streams } = await peer();
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const thrown = new Promise((resolve) => {
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.once('uncaughtException', (error) => {
        for (const listener of listeners) process.on('uncaughtException', listener);
        resolve(error.message);
      });
    });
    client.makeUnaryRequest(PATH, bytes, bytes, EMPTY, () => {
      throw new Error('from a callback');
    });
    const second = outcome(client);
    await came(2);
    answer(streams[0]);
    answer(streams[1]);
    assert.equal(await thrown, 'from a callback');
    assert.equal(await second, grpc.status.OK);
    client.close();
    end();
  });
});
