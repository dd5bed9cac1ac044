// Calls without end on one connection whose server does not answer: past a limit each ends with
// RESOURCE_EXHAUSTED, the limit tells of itself, and the process lives.

import { subscribe } from 'node:diagnostics_channel';
import http2 from 'node:http2';
import { bytes, listen, PATH, turn } from './peer.ts';
import { type Grpc, main, type Verdict } from './program.ts';

/** Streams that the server allows; all other calls wait in the client. */
const STREAMS = 100;

/** Four times what the client promises to hold. */
const CALLS = 400_000;

/** How many refusals are enough to see. */
const REFUSALS = 1_000;

const SLICE = 500;

async function prove(grpc: Grpc): Promise<Verdict> {
  const server = http2.createServer({ settings: { maxConcurrentStreams: STREAMS } });
  server.on('stream', (stream) => stream.on('error', () => {}));
  const port = await listen(server);
  const limits = new Set<unknown>();
  subscribe('sluice:limit', (message) => {
    // What a publisher of this name sends; anything may be there.
    const { what, limit } = message as { readonly what?: unknown; readonly limit?: unknown };
    if (what === 'refused') limits.add(limit);
  });
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const request = Buffer.alloc(16);
  const ended = new Map<number, number>();
  let details = '';
  const count = (error: { readonly code: number; readonly details: string } | null): void => {
    const code = error?.code ?? grpc.status.OK;
    ended.set(code, (ended.get(code) ?? 0) + 1);
    if (code === grpc.status.RESOURCE_EXHAUSTED) details = error?.details ?? '';
  };
  const refused = (): number => ended.get(grpc.status.RESOURCE_EXHAUSTED) ?? 0;
  let made = 0;
  while (made < CALLS && refused() < REFUSALS) {
    for (let i = 0; i < SLICE; i += 1) client.makeUnaryRequest(PATH, bytes, bytes, request, count);
    made += SLICE;
    await turn();
  }
  const held = made - refused();
  const onlyRefused = ended.size === 1 && refused() >= REFUSALS;
  const names = [...limits];
  return {
    holds: onlyRefused && held >= 100_000 && names.length > 0 && /\d+ of \d+/.test(details),
    seen: { made, held, ended: Object.fromEntries(ended), limits: names, details },
  };
}

main(prove);
