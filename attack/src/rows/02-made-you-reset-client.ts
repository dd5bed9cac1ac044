// Row 2 against a client: a server whose frames make the client reset its own streams, again and
// again (CVE-2025-8671 the other way round).

import type { AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { data, FrameType, frame, windowUpdate } from '../wire/frames.ts';
import { hearRequests, noteLeave, responseHeaders } from '../wire/hostile-server.ts';

const MOST_RESETS = 1_100;
const FAULTS: readonly ((id: number) => Buffer)[] = [
  (id) => windowUpdate(id, 0),
  (id) => Buffer.concat([windowUpdate(id, 0x7fff_ffff), windowUpdate(id, 0x7fff_ffff)]),
  (id) => frame(FrameType.PRIORITY, 0, id, Buffer.alloc(4)),
  (id) => data(id, Buffer.alloc(8)),
  (id) => responseHeaders(id, [['connection', 'close']]),
];

const provokes: Hostility = async (peer, seen) => {
  peer.greet();
  let provoked = 0;
  hearRequests(peer, (id) => {
    if (peer.isOver) return;
    const make = FAULTS[provoked % FAULTS.length];
    provoked += 1;
    if (make !== undefined) peer.write(make(id));
  });
  await noteLeave(peer, seen, 10_000);
  const resets = peer.counts[FrameType.RST_STREAM] ?? 0;
  seen.resets = Math.max(Number(seen.resets ?? 0), resets);
};

export const hostilities: AttackModule['hostilities'] = { provokes };

const PLAN: FloodPlan = {
  row: 2,
  name: 'MadeYouReset, five faults',
  direction: 'client',
  tls: false,
  expected: 'GOAWAY(ENHANCE_YOUR_CALM) within 1,100 resets of our own, every call one status',
  module: import.meta.url,
  attack: 'provokes',
  seconds: 4,
  counters: ['caused-resets'],
  load: {
    lines: 50,
    kind: 'unary',
    path: ECHO,
    request: Buffer.alloc(16),
    timeoutMs: 2_000,
    restMs: 5,
  },
  judge: ({ seen }) => [
    ...(seen.goAwayCode === 11 ? [] : [`GOAWAY code ${seen.goAwayCode ?? 'none'}, not 11`]),
    ...(Number(seen.resets) > MOST_RESETS ? [`${seen.resets} resets on one connection`] : []),
  ],
};

export const rows: readonly Row[] = [floodRow(PLAN), floodRow({ ...PLAN, tls: true })];
