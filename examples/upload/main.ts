// Runs the upload example: a large file is sent in chunks of 64 KiB to a server that hashes it, and
// the memory of both processes is looked at all the while. It stays flat because nothing is read
// from the file before there is room to send it.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Channel, connect, createClient } from 'sluice';
import { UploadService } from './gen/upload_pb.ts';

const MIB = 1024 * 1024;
const FILE_BYTES = 256 * MIB;
const CHUNK_BYTES = 64 * 1024;

async function* chunksOf(path: string, channel: Channel): AsyncGenerator<{ chunk: Buffer }> {
  let sent = 0;
  let mostQueued = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    yield { chunk };
    sent += chunk.length;
    for (const { queueBytes, socketBytes } of channel.stats().connections) {
      mostQueued = Math.max(mostQueued, queueBytes + socketBytes);
    }
    if (sent % (FILE_BYTES / 4) === 0) {
      const rss = process.memoryUsage.rss();
      console.log(
        `${inMib(sent)} sent, the client has ${inMib(rss)} in memory, at most ${Math.round(mostQueued / 1024)} KiB queued`,
      );
    }
  }
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'upload-'));
  const path = join(folder, 'large-file');
  await writeFile(path, 'a large file, mostly of zeros');
  await truncate(path, FILE_BYTES);

  const server = fork(join(import.meta.dirname, 'server-process.js'));
  const [port] = await once(server, 'message');
  const channel = connect(`127.0.0.1:${port}`);
  const uploads = createClient(UploadService, channel);

  const { size, sha256, peakRssBytes } = await uploads.upload(chunksOf(path, channel));
  console.log(
    `${inMib(Number(size))} received, the server had at most ${inMib(Number(peakRssBytes))}`,
  );
  console.log(`sha256 ${sha256}`);

  await channel.close();
  server.kill('SIGTERM');
  await once(server, 'exit');
  await rm(folder, { recursive: true });
}

function inMib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

void main();
