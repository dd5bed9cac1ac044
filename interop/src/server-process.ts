// A Sluice server in a process of its own: `server-process.js [CERTIFICATE KEY]`, files in PEM.
// Says its port, then answers `{"do":"samples"}` with what its windows did.

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'sluice';
import { say, serveLines } from './line-process.ts';
import {
  DOWNLOAD_PATH,
  MAX_MESSAGE,
  type TransferCommand,
  UPLOAD_PATH,
  WindowWatch,
} from './transfer.ts';

const [certificate, key] = process.argv.slice(2);
const server: Server = createServer({
  maxReceiveMessageLength: MAX_MESSAGE,
  ...(certificate === undefined || key === undefined
    ? {}
    : { tls: { cert: readFileSync(certificate), key: readFileSync(key) } }),
})
  .serverStreaming(DOWNLOAD_PATH, async function* (request) {
    const message = Buffer.alloc(request.readUInt32BE(0), 1);
    const count = request.readUInt32BE(4);
    for (let i = 0; i < count; i += 1) yield message;
  })
  .clientStreaming(UPLOAD_PATH, async (requests) => {
    let received = 0;
    for await (const message of requests) received += message.length;
    const answer = Buffer.alloc(8);
    answer.writeDoubleBE(received);
    return answer;
  });

async function main(): Promise<void> {
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const watch = new WindowWatch(() => server.stats());
  say({ port });
  await serveLines<TransferCommand>(async (command) =>
    command.do === 'samples'
      ? { samples: watch.take() }
      : { error: `a server has no command ${command.do}` },
  );
}

void main();
