// Row 12 against a client: a server with window 0 that lets an upload through byte by byte, so that
// what waits to be sent stays with the client for as long as the server likes.

import { setTimeout as pause } from 'node:timers/promises';
import type { AttackModule, Hostility } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { READ } from '../runtimes/runtime.ts';
import { Setting, windowUpdate } from '../wire/frames.ts';
import { hearRequests, noteLeave } from '../wire/hostile-server.ts';

const SECONDS = 28;
const UPLOADS = 100;
const UPLOAD_BYTES = 1_000_000;
const EACH_MS = 50;

const trickle: Hostility = async (peer, seen) => {
  peer.greet([[Setting.INITIAL_WINDOW_SIZE, 0]]);
  const ids = new Set<number>();
  hearRequests(peer, (id) => ids.add(id));
  const startedMs = performance.now();
  while (!peer.isOver && performance.now() - startedMs < SECONDS * 1000) {
    for (const id of ids) peer.write(windowUpdate(id, 1));
    await pause(EACH_MS);
  }
  seen.closedAfterS ??= peer.isOver
    ? Math.round((performance.now() - startedMs) / 100) / 10
    : `not within ${SECONDS}`;
  await noteLeave(peer, seen, 1_000);
};

export const hostilities: AttackModule['hostilities'] = { trickle };

export const rows: readonly Row[] = [
  floodRow({
    row: 12,
    name: 'window 0, then 1-byte WINDOW_UPDATEs',
    direction: 'client',
    tls: false,
    expected:
      'queued as the limits say: callers wait or see RESOURCE_EXHAUSTED; closed below 1 KiB/s over 20 s',
    module: import.meta.url,
    attack: 'trickle',
    seconds: SECONDS + 2,
    counters: ['slow-read'],
    mayAct: ['queued-bytes', 'waiting-bytes', 'waiting-calls', 'queue-age', 'glitches'],
    load: {
      lines: UPLOADS,
      kind: 'unary',
      path: READ,
      request: Buffer.alloc(UPLOAD_BYTES),
      timeoutMs: 27_000,
      restMs: 1_000,
    },
    judge: ({ seen }) =>
      seen.goAwayCode === 11 && Number(seen.closedAfterS) < SECONDS
        ? []
        : [`closed ${seen.closedAfterS}, GOAWAY code ${seen.goAwayCode ?? 'none'}`],
  }),
];
