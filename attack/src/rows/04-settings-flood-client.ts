// Row 4 against a client: a server that sends SETTINGS after SETTINGS and reads no acknowledgement,
// and one whose SETTINGS have 33 entries.

import type { AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { Setting, settings } from '../wire/frames.ts';
import { noteLeave } from '../wire/hostile-server.ts';

const FRAMES = 100_000;
const ENTRIES = 33;

const flood: Hostility = async (peer, seen) => {
  peer.greet();
  peer.pause();
  const one = settings([[Setting.MAX_CONCURRENT_STREAMS, 100]]);
  seen.frames = await peer.flood(FRAMES, () => one, { withinMs: 8_000 });
  peer.resume();
  await noteLeave(peer, seen, 2_000);
};

const entries: Hostility = async (peer, seen) => {
  peer.greet();
  const many = Array.from({ length: ENTRIES }, () => [Setting.MAX_FRAME_SIZE, 16_384] as const);
  peer.write(settings(many));
  await noteLeave(peer, seen, 5_000);
};

export const hostilities: AttackModule['hostilities'] = { flood, entries };

const FLOOD: FloodPlan = {
  row: 4,
  name: 'SETTINGS flood, unread',
  direction: 'client',
  tls: false,
  expected:
    'reading pauses at 50 queued replies; ENHANCE_YOUR_CALM at 1,000; every call one status',
  module: import.meta.url,
  attack: 'flood',
  seconds: 10,
  counters: ['response-gate'],
  mayAct: ['response-frames', 'queue-age', 'waiting-calls', 'glitches'],
  load: {
    lines: 4,
    kind: 'unary',
    path: ECHO,
    request: Buffer.alloc(16),
    timeoutMs: 2_000,
    restMs: 100,
  },
};

export const rows: readonly Row[] = [
  floodRow(FLOOD),
  floodRow({
    ...FLOOD,
    name: 'SETTINGS of 33 entries',
    expected: 'GOAWAY(ENHANCE_YOUR_CALM); every call one status',
    attack: 'entries',
    seconds: 3,
    counters: ['settings-entries'],
    mayAct: [],
    judge: ({ seen }) =>
      seen.goAwayCode === 11 ? [] : [`GOAWAY code ${seen.goAwayCode ?? 'none'}, not 11`],
  }),
];
