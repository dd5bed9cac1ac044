// Row 3 against a client: a server that sends PING after PING and reads none of the answers.
// What it may queue of ours is bounded by the gate of the reader, not by how fast it sends.

import type { AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { ping } from '../wire/frames.ts';
import { noteLeave } from '../wire/hostile-server.ts';

const PINGS = 100_000;

const flood: Hostility = async (peer, seen) => {
  peer.greet();
  peer.pause();
  seen.pings = await peer.flood(PINGS, (i) => ping(i), { withinMs: 8_000 });
  peer.resume();
  await noteLeave(peer, seen, 2_000);
};

export const hostilities: AttackModule['hostilities'] = { flood };

const PLAN: FloodPlan = {
  row: 3,
  name: 'PING flood, unread',
  direction: 'client',
  tls: false,
  expected:
    'reading pauses at 50 queued replies; ENHANCE_YOUR_CALM at 1,000; every call one status',
  module: import.meta.url,
  attack: 'flood',
  seconds: 10,
  counters: ['response-gate'],
  // A ping of a server that had no answer to its last one, with nothing sent since, is a glitch.
  mayAct: ['response-frames', 'glitches', 'queue-age', 'waiting-calls'],
  load: {
    lines: 4,
    kind: 'unary',
    path: ECHO,
    request: Buffer.alloc(16),
    timeoutMs: 2_000,
    restMs: 100,
  },
};

export const rows: readonly Row[] = [floodRow(PLAN), floodRow({ ...PLAN, tls: true })];
