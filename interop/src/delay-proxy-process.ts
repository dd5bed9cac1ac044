// A delaying link in a process of its own: `delay-proxy-process.js PORT ONE_WAY_MS BITS_PER_SECOND`.
// Says the port it listens on, then answers `{"do":"delivered","direction":...}` with its readings.

import { DelayProxy } from './delay-proxy.ts';
import { say, serveLines } from './line-process.ts';

type Command = { readonly do: 'delivered'; readonly direction: 'toServer' | 'toClient' };

async function main(): Promise<void> {
  const [port = '', oneWayMs = '', bitsPerSecond = ''] = process.argv.slice(2);
  const proxy = new DelayProxy(Number(port), {
    oneWayMs: Number(oneWayMs),
    bitsPerSecond: Number(bitsPerSecond),
  });
  say({ port: await proxy.listen() });
  await serveLines<Command>(async (command) => ({ delivered: proxy.latest[command.direction] }));
}

void main();
