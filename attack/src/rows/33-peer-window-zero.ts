// Row 33, where Sluice began: 10,000 unary calls of 1 MB at once to a server that takes nothing.
// A client that keeps what it cannot send ends with its memory, and takes its process along.

import type { AttackModule, Hostility } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { FrameType, Setting } from '../wire/frames.ts';
import { hearRequests } from '../wire/hostile-server.ts';

const CALLS = 10_000;
const REQUEST_BYTES = 1_000_000;
/** RESOURCE_EXHAUSTED, or DEADLINE_EXCEEDED for those that waited. */
const EXPECTED = ['4', '8'];

const takesNothing: Hostility = async (peer, seen) => {
  peer.greet([[Setting.INITIAL_WINDOW_SIZE, 0]]);
  hearRequests(peer, () => {
    seen.streams = Number(seen.streams ?? 0) + 1;
  });
  await peer.untilClosed(20_000);
  seen.dataFrames = Number(seen.dataFrames ?? 0) + (peer.counts[FrameType.DATA] ?? 0);
};

export const hostilities: AttackModule['hostilities'] = { takesNothing };

export const rows: readonly Row[] = [
  floodRow({
    row: 33,
    name: '10,000 unary calls of 1 MB at a window of 0',
    direction: 'client',
    tls: false,
    expected:
      'the client stays within its limit; callers see RESOURCE_EXHAUSTED, or wait for their deadline; never out of memory',
    module: import.meta.url,
    attack: 'takesNothing',
    seconds: 4,
    counters: ['waiting-bytes'],
    mayAct: ['queued-bytes', 'waiting-calls', 'queue-age', 'open-calls'],
    load: {
      lines: CALLS,
      kind: 'unary',
      path: ECHO,
      request: Buffer.alloc(REQUEST_BYTES),
      timeoutMs: 1_500,
      // Three or four rounds: a client that stays as it is has the same memory in each.
      restMs: 1_000,
    },
    judge: ({ ends }) => [
      ...((ends?.calls ?? 0) >= CALLS ? [] : [`${ends?.calls} calls were made, not ${CALLS}`]),
      ...Object.keys(ends?.codes ?? {})
        .filter((code) => !EXPECTED.includes(code))
        .map((code) => `status ${code}: ${ends?.details[Number(code)]}`),
    ],
  }),
];
