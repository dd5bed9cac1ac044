// The other end of what is under test: Node's own HTTP/2, which knows neither of the two modules, and
// the little of gRPC that it needs.

import { once } from 'node:events';
import type http2 from 'node:http2';
import type net from 'node:net';

/** The path that every program calls. */
export const PATH = '/test.Betterments/Call';

/** The codec of bytes. */
export function bytes(value: Buffer): Buffer {
  return value;
}

/** A message with its prefix: a flag, four bytes of length. */
export function framed(message: Buffer, compressed = false): Buffer {
  const out = Buffer.alloc(5 + message.length);
  out[0] = compressed ? 1 : 0;
  out.writeUInt32BE(message.length, 1);
  message.copy(out, 5);
  return out;
}

/** Listens on a port of the loopback and answers which. */
export async function listen(server: net.Server | http2.Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Ends a call as a server does that has answered it with `message`. */
export function answer(stream: http2.ServerHttp2Stream, message: Buffer): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc+proto' },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(framed(message));
}

/** Headers of a request of `PATH`. */
export const REQUEST: http2.OutgoingHttpHeaders = {
  ':method': 'POST',
  ':path': PATH,
  'content-type': 'application/grpc+proto',
  te: 'trailers',
};

/** One round trip on the connection: what was sent before has been seen by the other end. */
export function roundTrip(session: http2.Http2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.ping((error) => (error === null ? resolve() : reject(error)));
  });
}

/** A turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Waits until `amount` stands still for 20 round trips, or is past `most`. */
export async function settled(
  session: http2.Http2Session,
  amount: () => number,
  most: number,
): Promise<void> {
  let quiet = 0;
  let before = -1;
  while (quiet < 20 && amount() <= most) {
    await roundTrip(session);
    await turn();
    quiet = amount() === before ? quiet + 1 : 0;
    before = amount();
  }
}
