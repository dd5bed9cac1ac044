// An upload over a path with a delay: the server gives more credit as it sees how much the path carries,
// so that more is under way than the 64 KiB of the first window.
// Seen from the path: the most bytes that were in it at once, which no speed of this machine changes.

import http2 from 'node:http2';
import net from 'node:net';
import { pipeline, Readable } from 'node:stream';
import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js';
import { bytes, framed, listen, PATH, REQUEST } from './peer.ts';
import { type Grpc, main, type Verdict } from './program.ts';

const MESSAGE = framed(Buffer.alloc(16 * 1024));
const MESSAGES = 256;

/** One way, in milliseconds. */
const DELAY_MS = 10;

/** Four of HTTP/2's first windows. */
const BOUND = 4 * 65_535;

/** Passes bytes on after a delay, and counts those that are under way. */
class DelayedPath {
  most = 0;
  private under = 0;

  carry(from: net.Socket, to: net.Socket, isCounted: boolean): void {
    from.on('error', () => to.destroy());
    from.on('data', (chunk: Buffer) => {
      if (isCounted) {
        this.under += chunk.length;
        if (this.under > this.most) this.most = this.under;
      }
      setTimeout(() => {
        if (isCounted) this.under -= chunk.length;
        if (!to.destroyed) to.write(chunk);
      }, DELAY_MS);
    });
    from.on('close', () => setTimeout(() => to.destroy(), DELAY_MS));
  }
}

async function prove(grpc: Grpc): Promise<Verdict> {
  let received = 0;
  const server = new grpc.Server();
  const method = {
    path: PATH,
    requestStream: true,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  server.addService(
    { call: method },
    {
      call: (call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
        call.on('data', (message: Buffer) => {
          received += message.length;
        });
        call.on('end', () => callback(null, Buffer.alloc(0)));
      },
    },
  );
  const target = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
  const path = new DelayedPath();
  const proxy = net.createServer((near) => {
    const far = net.connect(target, '127.0.0.1');
    near.setNoDelay(true);
    far.setNoDelay(true);
    path.carry(near, far, true);
    path.carry(far, near, false);
  });
  const session = http2.connect(`http://127.0.0.1:${await listen(proxy)}`);
  const stream = session.request(REQUEST);
  const status = new Promise<unknown>((resolve, reject) => {
    stream.on('trailers', (trailers) => resolve(trailers['grpc-status']));
    stream.on('error', reject);
  });
  stream.resume();
  const messages = Readable.from(Array.from({ length: MESSAGES }, () => MESSAGE));
  pipeline(messages, stream, () => {});
  const code = await status;
  const whole = received === MESSAGES * 16 * 1024 && code === '0';
  return { holds: whole && path.most > BOUND, seen: { underWay: path.most, received, code } };
}

main(prove);
