// Row 9 against a client: response blocks of 15,000 references to one large entry of the dynamic table
// (CVE-2026-49975): 16 KB on the wire, 18 MB if anyone kept what they stand for.

import type { AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { headers, indexedField, responseBlock } from '../wire/frames.ts';
import { hearRequests, noteLeave } from '../wire/hostile-server.ts';

const REFERENCES = 15_000;
const ENTRY_BYTES = 1_200;
/** The first entry of the dynamic table, as an indexed field (RFC 7541 §6.1). */
const FIRST_ENTRY = 0x80 | 62;
/** One megabyte for each connection that may stand. */
const MOST_MB = 1;

const bomb: Hostility = async (peer, seen) => {
  peer.greet();
  const entry = indexedField('x-bomb', 'x'.repeat(ENTRY_BYTES));
  const references = Buffer.alloc(REFERENCES, FIRST_ENTRY);
  const block = Buffer.concat([responseBlock(), entry, references]);
  hearRequests(peer, (id) => {
    seen.blocks = Number(seen.blocks ?? 0) + 1;
    peer.write(headers(id, block));
  });
  seen.open = Number(seen.open ?? 0) + 1;
  seen.mostOpen = Math.max(Number(seen.mostOpen ?? 0), Number(seen.open));
  await noteLeave(peer, seen, 5_000);
  await peer.untilClosed(5_000);
  seen.open = Number(seen.open) - 1;
};

export const hostilities: AttackModule['hostilities'] = { bomb };

const PLAN: FloodPlan = {
  row: 9,
  name: 'HPACK references',
  direction: 'client',
  tls: false,
  expected: 'each block is rejected, memory within 1 MB a connection; every call one status',
  module: import.meta.url,
  attack: 'bomb',
  seconds: 3,
  counters: ['header-list-hard'],
  load: {
    lines: 20,
    kind: 'unary',
    path: ECHO,
    request: Buffer.alloc(16),
    timeoutMs: 2_000,
    restMs: 10,
  },
  judge: ({ seen, ends, heldMB }) => {
    const bar = MOST_MB * Number(seen.mostOpen);
    return [
      ...((ends?.codes[0] ?? 0) > 0 ? ['a call with a bomb for its headers ended with OK'] : []),
      ...(heldMB > bar ? [`${heldMB.toFixed(1)} MB are held, the bar is ${bar}`] : []),
    ];
  },
};

export const rows: readonly Row[] = [floodRow(PLAN), floodRow({ ...PLAN, tls: true })];
