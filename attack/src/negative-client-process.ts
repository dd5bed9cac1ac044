// The client of a negative HTTP/2 test, in a process of its own: so many calls one after the other,
// then so many at once. Not here: the servers (rows/25-negative-servers.ts).

import { setTimeout as pause } from 'node:timers/promises';
import { serveParent } from './parent-link.ts';
import { type CallEnd, connectTo, ECHO } from './runtimes/runtime.ts';

export interface NegativeCalls {
  readonly ask: 'calls';
  readonly runtime: string;
  readonly port: number;
  readonly requestBytes: number;
  readonly oneByOne: number;
  /** Milliseconds between those. */
  readonly restMs: number;
  readonly atOnce: number;
  readonly timeoutMs: number;
}

serveParent<NegativeCalls>(async (command) => {
  const { runtime, port, requestBytes, oneByOne, restMs, atOnce, timeoutMs } = command;
  const client = await connectTo(runtime, { port });
  const request = Buffer.alloc(requestBytes);
  const ends: CallEnd[] = [];
  for (let i = 0; i < oneByOne; i += 1) {
    if (i > 0) await pause(restMs);
    ends.push(await client.unary(ECHO, request, timeoutMs));
  }
  const together = Array.from({ length: atOnce }, () => client.unary(ECHO, request, timeoutMs));
  ends.push(...(await Promise.all(together)));
  client.close();
  return ends;
});
