// Checked traffic through Sluice, by its promises and async iterators, with its defaults.
// Not here: what is sent and how it is checked (payload.ts, loads.ts).

import { connect, createServer } from 'sluice';
import { noteArrival } from './arrivals.ts';
import { isMessage, messageOf } from './payload.ts';
import {
  DOWNLOAD_PATH,
  ECHO_PATH,
  readOrder,
  type TrafficClient,
  type TrafficServer,
  UPLOAD_PATH,
  writeIntake,
} from './traffic.ts';

export async function serveSluice(host: string): Promise<TrafficServer> {
  const server = createServer()
    .unary(ECHO_PATH, (request) => request)
    .serverStreaming(DOWNLOAD_PATH, async function* (request) {
      const { length, count, first } = readOrder(request);
      for (let i = 0; i < count; i += 1) yield messageOf(first + i, length);
    })
    .clientStreaming(UPLOAD_PATH, async (requests) => {
      let messages = 0;
      let right = 0;
      let first = 0;
      for await (const message of requests) {
        if (messages === 0) first = message.readUInt32BE(0);
        if (isMessage(message, first + messages, message.length)) right += 1;
        messages += 1;
        noteArrival(message.length);
      }
      return writeIntake({ right, messages });
    });
  const { port } = await server.listen({ host, port: 0 });
  return { port };
}

export async function connectSluice(target: string): Promise<TrafficClient> {
  const channel = connect(target);
  await channel.ready();
  return {
    unary: (request) => channel.unary(ECHO_PATH, request),
    async download(order, onMessage) {
      for await (const message of channel.serverStreaming(DOWNLOAD_PATH, order)) {
        if (!onMessage(message)) return;
      }
    },
    upload(next) {
      async function* messages(): AsyncGenerator<Buffer> {
        for (let message = next(); message !== undefined; message = next()) yield message;
      }
      return channel.clientStreaming(UPLOAD_PATH, messages());
    },
  };
}
