// A Sluice client in a process of its own: `client-process.js PORT`. Carries out downloads and
// uploads, one at a time, and says what they took and what its windows did.

import { type Channel, connect } from 'sluice';
import { say, serveLines, type Transfer } from './line-process.ts';
import {
  DOWNLOAD_PATH,
  MAX_MESSAGE,
  type TransferCommand,
  UPLOAD_PATH,
  WindowWatch,
} from './transfer.ts';

async function download(channel: Channel, messageLength: number, count: number): Promise<number> {
  const request = Buffer.alloc(8);
  request.writeUInt32BE(messageLength, 0);
  request.writeUInt32BE(count, 4);
  let received = 0;
  for await (const message of channel.serverStreaming(DOWNLOAD_PATH, request)) {
    received += message.length;
  }
  return received;
}

async function upload(channel: Channel, messageLength: number, count: number): Promise<number> {
  const message = Buffer.alloc(messageLength, 1);
  async function* messages(): AsyncGenerator<Buffer> {
    for (let i = 0; i < count; i += 1) yield message;
  }
  const answer = await channel.clientStreaming(UPLOAD_PATH, messages());
  return answer.readDoubleBE(0);
}

async function timed(transfer: Promise<number>, expected: number): Promise<Transfer> {
  const started = performance.now();
  const bytes = await transfer;
  if (bytes !== expected) throw new Error(`${bytes} bytes came of ${expected}`);
  return { bytes, ms: performance.now() - started };
}

async function main(): Promise<void> {
  const channel = connect(`127.0.0.1:${process.argv[2] ?? ''}`, {
    maxReceiveMessageLength: MAX_MESSAGE,
  });
  await channel.ready();
  const watch = new WindowWatch(() => channel.stats());
  say({});
  await serveLines<TransferCommand>(async (command) => {
    if (command.do === 'samples') return { samples: watch.take() };
    const { messageLength, count } = command;
    const run = command.do === 'download' ? download : upload;
    return { transfer: await timed(run(channel, messageLength, count), messageLength * count) };
  });
}

void main();
