// Streams of clients as Node streams: what destroying one does to its call, and what `write()` says.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import * as grpc from '@sluice/grpc-js';

const PATH = '/test.Streams/Call';
const bytes = (value: Buffer): Buffer => value;

interface Bench {
  readonly server: grpc.Server;
  readonly client: grpc.Client;
  end(): void;
}

type Kind = 'serverStream' | 'clientStream' | 'bidi';

async function bench(kind: Kind, handler: grpc.UntypedHandleCall): Promise<Bench> {
  const server = new grpc.Server();
  server.register(PATH, handler as grpc.handleUnaryCall<Buffer, Buffer>, bytes, bytes, kind);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  return {
    server,
    client,
    end() {
      client.close();
      server.forceShutdown();
    },
  };
}

/** A handler whose call is told of, and which goes on until it is cancelled. */
function endless(): { handler: grpc.UntypedHandleCall; cancelled: Promise<void> } {
  let raise = (): void => {};
  const cancelled = new Promise<void>((resolve) => {
    raise = resolve;
  });
  const handler = (call: grpc.ServerWritableStream<Buffer, Buffer>): void => {
    call.on('cancelled', () => raise());
    call.on('error', () => {});
    call.write(Buffer.from('one'));
    call.write(Buffer.from('two'));
  };
  return { handler, cancelled };
}

describe('a stream that is destroyed before its call has ended', () => {
  it('cancels the call, and tells of no error', async () => {
    const { handler, cancelled } = endless();
    const { client, end } = await bench('serverStream', handler);
    const call = client.makeServerStreamRequest(PATH, bytes, bytes, Buffer.alloc(0));
    const heard: string[] = [];
    call.on('error', (error) => heard.push(error.message));
    await once(call, 'data');
    const status = once(call, 'status');
    call.destroy();
    await cancelled;
    const [{ code }] = (await status) as [grpc.StatusObject];
    assert.equal(code, grpc.status.CANCELLED);
    assert.deepEqual(heard, []);
    end();
  });

  it('tells of the error that it was destroyed with', async () => {
    const { handler, cancelled } = endless();
    const { client, end } = await bench('serverStream', handler);
    const call = client.makeServerStreamRequest(PATH, bytes, bytes, Buffer.alloc(0));
    await once(call, 'data');
    const failed = once(call, 'error');
    call.destroy(new Error('no more'));
    const [error] = (await failed) as [Error];
    assert.equal(error.message, 'no more');
    await cancelled;
    end();
  });

  it('cancels the call when an iteration is left', async () => {
    const { handler, cancelled } = endless();
    const { client, end } = await bench('serverStream', handler);
    const call = client.makeServerStreamRequest(PATH, bytes, bytes, Buffer.alloc(0));
    for await (const message of call) {
      assert.equal(String(message), 'one');
      break;
    }
    await cancelled;
    end();
  });

  it('does not cancel a call whose requests were all written', async () => {
    const { client, end } = await bench(
      'clientStream',
      (call: grpc.ServerReadableStream<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
        call.resume();
        call.on('end', () => setTimeout(() => callback(null, Buffer.from('done')), 30));
      },
    );
    const answer = await new Promise((resolve) => {
      const call = client.makeClientStreamRequest(PATH, bytes, bytes, (error, value) =>
        resolve(error ?? String(value)),
      );
      call.end(Buffer.from('x'));
    });
    assert.equal(answer, 'done');
    end();
  });
});

describe('write()', () => {
  const counting = (
    call: grpc.ServerReadableStream<Buffer, Buffer>,
    callback: grpc.sendUnaryData<Buffer>,
  ): void => {
    let size = 0;
    call.on('data', (message: Buffer) => {
      size += message.length;
    });
    call.on('end', () => callback(null, Buffer.from(String(size))));
  };

  it('says false while a message waits for its connection, and drain follows once', async () => {
    const { client, end } = await bench('clientStream', counting);
    const drains: number[] = [];
    const answer = new Promise((resolve) => {
      const call = client.makeClientStreamRequest(PATH, bytes, bytes, (error, value) =>
        resolve(error ?? String(value)),
      );
      call.on('drain', () => {
        drains.push(call.writableLength);
        if (call.write(Buffer.from('c'))) call.end();
      });
      assert.equal(call.write(Buffer.from('a')), false);
      assert.equal(call.write(Buffer.from('b')), false);
    });
    assert.equal(await answer, '3');
    assert.deepEqual(drains, [0]);
    end();
  });

  it('lets a pipeline pass all there is', async () => {
    const { client, end } = await bench('clientStream', counting);
    const messages = Array.from({ length: 200 }, () => Buffer.alloc(10_000));
    const answer = await new Promise((resolve) => {
      const call = client.makeClientStreamRequest(PATH, bytes, bytes, (error, value) =>
        resolve(error ?? String(value)),
      );
      pipeline(Readable.from(messages), call as unknown as Writable).catch(resolve);
    });
    assert.equal(answer, '2000000');
    end();
  });
});
