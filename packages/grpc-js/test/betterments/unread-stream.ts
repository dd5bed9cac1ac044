// A response stream that nobody reads takes what its window allows and no more, however much the server
// has to say; once it is read, it goes on.

import { once } from 'node:events';
import http2 from 'node:http2';
import { bytes, framed, listen, PATH, settled } from './peer.ts';
import { type Grpc, main, type Verdict } from './program.ts';

const MESSAGE = framed(Buffer.alloc(16 * 1024));

/** What may be taken unread: sixteen times a window that never grew. */
const BOUND = 1024 * 1024;

/** Where the server stops, so that a client without a bound ends too. */
const MOST = 32 * 1024 * 1024;

async function prove(grpc: Grpc): Promise<Verdict> {
  const server = http2.createServer();
  let taken = 0;
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' });
    const next = (): void => {
      if (taken > MOST) return;
      stream.write(MESSAGE, (error) => {
        if (error !== null && error !== undefined) return;
        taken += MESSAGE.length;
        next();
      });
    };
    next();
  });
  const port = await listen(server);
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const [call, [stream]] = await Promise.all([
    client.makeServerStreamRequest(PATH, bytes, bytes, Buffer.alloc(0)),
    once(server, 'stream') as Promise<[http2.ServerHttp2Stream]>,
  ]);
  call.on('error', () => {});
  const { session } = stream;
  if (session === undefined) throw new Error('no session');
  await settled(session, () => taken, MOST);
  const unread = taken;
  if (unread > BOUND) return { holds: false, seen: { unread } };
  const first = once(call, 'data');
  call.resume();
  await first;
  await settled(session, () => taken, unread);
  return { holds: taken > unread, seen: { unread, read: taken } };
}

main(prove);
