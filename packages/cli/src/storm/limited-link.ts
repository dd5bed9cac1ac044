// A link of limited speed in front of a server: each connection passes so many bytes a second towards
// the server, whatever the others do, as connections over a long or policed path. Answers pass as
// they come. Invariant: what waits for its time is one chunk per connection; the rest stays in the
// sender's socket.

import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';

/** Small enough that a connection's bytes pass evenly. */
const CHUNK_BYTES = 16_384;

/** How far behind its time the link may be and still make up for it: timers are late. */
const LATE_MS = 20;

function forward(from: Socket, to: Socket, bytesPerSecond: number): void {
  let freeMs = performance.now();
  from.on('data', (chunk: Buffer) => {
    to.write(chunk);
    freeMs = Math.max(freeMs, performance.now() - LATE_MS) + (chunk.length / bytesPerSecond) * 1000;
    const waitMs = freeMs - performance.now();
    if (waitMs < 1) return;
    from.pause();
    setTimeout(() => from.resume(), waitMs);
  });
  from.on('end', () => to.end());
}

/** Listens on an ephemeral port of the loopback and resolves to it. */
export function limitedLink(port: number, bytesPerSecond: number): Promise<number> {
  const server = createServer({ highWaterMark: CHUNK_BYTES, noDelay: true }, (client) => {
    const onward = dial({ port, host: '127.0.0.1', noDelay: true });
    forward(client, onward, bytesPerSecond);
    onward.pipe(client);
    client.on('error', () => onward.destroy());
    onward.on('error', () => client.destroy());
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      // A TCP server's address is an AddressInfo.
      resolve((server.address() as AddressInfo).port);
    });
  });
}
