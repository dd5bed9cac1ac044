// Row 8 against a client: response HEADERS that go on in CONTINUATION frames without end
// (CVE-2024-27316 the other way round).

import type { AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { FrameType, field, frame, responseBlock } from '../wire/frames.ts';
import { hearRequests, noteLeave } from '../wire/hostile-server.ts';

const FRAMES = 20_000;
/** CONTINUATION frames that one block may have. */
const LEGAL = 8;
const END_STEP_MS = 1_000;

function hostilityOf(fragment: Buffer): Hostility {
  return async (peer, seen) => {
    peer.greet();
    let first = 0;
    hearRequests(peer, (id) => {
      first ||= id;
    });
    await peer.until(() => first !== 0, 5_000);
    const more = frame(FrameType.CONTINUATION, 0, first, fragment);
    peer.write(frame(FrameType.HEADERS, 0, first, responseBlock()));
    await peer.flood(LEGAL, () => more);
    await peer.until(() => peer.isOver, 200);
    seen.overWithin8 ??= peer.isOver ? 'yes' : 'no';
    await peer.flood(1, () => more);
    await peer.until(() => peer.isOver, END_STEP_MS);
    seen.overWithin9 ??= peer.isOver ? 'yes' : 'no';
    await peer.flood(FRAMES, () => more, { withinMs: 4_000 });
    await noteLeave(peer, seen, 2_000);
  };
}

export const hostilities: AttackModule['hostilities'] = {
  full: hostilityOf(field('x-more', 'x'.repeat(4_000))),
  empty: hostilityOf(Buffer.alloc(0)),
};

const PLAN: FloodPlan = {
  row: 8,
  name: 'CONTINUATION flood',
  direction: 'client',
  tls: false,
  expected: 'GOAWAY(ENHANCE_YOUR_CALM) within 9 frames; every call one status',
  module: import.meta.url,
  attack: 'full',
  seconds: 3,
  counters: ['continuations'],
  load: {
    lines: 2,
    kind: 'unary',
    path: ECHO,
    request: Buffer.alloc(16),
    timeoutMs: 2_000,
    restMs: 20,
  },
  judge: ({ seen }) => [
    ...(seen.goAwayCode === 11 ? [] : [`GOAWAY code ${seen.goAwayCode ?? 'none'}, not 11`]),
    ...(seen.overWithin9 === 'yes' ? [] : ['the connection went on after 9 frames']),
  ],
};

export const rows: readonly Row[] = [
  floodRow(PLAN),
  floodRow({ ...PLAN, name: 'CONTINUATION flood, frames of length 0', attack: 'empty' }),
];
