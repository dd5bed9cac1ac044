// `write()` on a call, and in a handler: false as soon as a message has to wait for the peer, whatever the
// number of messages, and 'drain' when there is room.
// The peer's window is 64 KiB and it does not read; each message is a mebibyte.

import { once } from 'node:events';
import http2 from 'node:http2';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { answer, bytes, listen, PATH, REQUEST } from './peer.ts';
import { type Grpc, main, type Verdict } from './program.ts';

const MESSAGE = Buffer.alloc(1024 * 1024);

/** Where a writer that is never stopped stops. */
const MOST = 32;

interface Writer {
  write(message: Buffer): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** How many messages `writer` takes before it says false. */
function takenBy(writer: Writer): number {
  let taken = 0;
  while (taken < MOST && writer.write(MESSAGE)) taken += 1;
  return taken;
}

async function ofClient(grpc: Grpc): Promise<number> {
  const server = http2.createServer();
  const port = await listen(server);
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + 5_000, (error) => (error ? reject(error) : resolve()));
  });
  const arrived = once(server, 'stream') as Promise<[http2.ServerHttp2Stream]>;
  const call = client.makeClientStreamRequest(PATH, bytes, bytes, () => {});
  const taken = takenBy(call);
  const drained = new Promise<void>((resolve) => {
    call.once('drain', resolve);
  });
  const [stream] = await arrived;
  stream.on('end', () => answer(stream, Buffer.alloc(0)));
  stream.resume();
  await drained;
  call.end();
  client.close();
  server.close();
  return taken;
}

async function ofServer(grpc: Grpc): Promise<number> {
  const server = new grpc.Server();
  const method = {
    path: PATH,
    requestStream: false,
    responseStream: true,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  const counted = new Promise<number>((resolve) => {
    server.addService(
      { call: method },
      {
        call: (call: ServerWritableStream<Buffer, Buffer>) => {
          const taken = takenBy(call);
          call.once('drain', () => {
            call.end();
            resolve(taken);
          });
        },
      },
    );
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request(REQUEST);
  stream.end(Buffer.alloc(5));
  await once(stream, 'response');
  stream.resume();
  const taken = await counted;
  session.destroy();
  server.forceShutdown();
  return taken;
}

async function prove(grpc: Grpc): Promise<Verdict> {
  const client = await ofClient(grpc);
  const server = await ofServer(grpc);
  return { holds: client <= 1 && server <= 1, seen: { client, server } };
}

main(prove);
