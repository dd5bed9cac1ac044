// The server of the upload example, in a process of its own so that its memory can be told from the
// client's. It reads a file chunk by chunk: the next one is asked for when the last one was hashed,
// and while it is not, flow control holds the client up.

import { createHash } from 'node:crypto';
import { createServer } from 'sluice';
import { UploadService } from './gen/upload_pb.ts';

async function main(): Promise<void> {
  const server = createServer().add(UploadService, {
    async upload(requests) {
      const hash = createHash('sha256');
      let size = 0;
      let peak = 0;
      for await (const { chunk } of requests) {
        hash.update(chunk);
        size += chunk.length;
        peak = Math.max(peak, process.memoryUsage.rss());
      }
      return { size: BigInt(size), sha256: hash.digest('hex'), peakRssBytes: BigInt(peak) };
    },
  });
  const { port } = await server.listen({ host: '127.0.0.1' });
  process.send?.(port);
  await server.drainOn(['SIGTERM']);
}

void main();
