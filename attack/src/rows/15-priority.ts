// Row 15, 100,000 PRIORITY frames, each for another stream, and 100,000 frames of a type that nobody
// knows: both are to be ignored (RFC 9113 §5.3.2, §5.5), without a tree of priorities.

import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { data, frame, headers, message, priority, requestBlock } from '../wire/frames.ts';
import { RawCalls } from '../wire/raw-calls.ts';
import { RawPeer } from '../wire/raw-peer.ts';

const FRAMES = 100_000;
const UNKNOWN_TYPE = 0xbb;
const MOST_CPU_MS = 1_000;
const BATCH = 512;

const flood: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const calls = new RawCalls(peer);
  const options = { batch: BATCH, withinMs: 10_000 };
  // Each depends on the one before: a chain, if it were a tree.
  const sent = await peer.flood(FRAMES, (i) => priority(2 * i + 3, 2 * i + 1), options);
  const unknown = frame(UNKNOWN_TYPE, 0xff, 0, Buffer.alloc(8));
  const others = await peer.flood(FRAMES, () => unknown, options);
  const isAlive = await peer.fence();
  const id = 1;
  peer.write(
    Buffer.concat([headers(id, requestBlock(ECHO)), data(id, message(Buffer.from('echo')), true)]),
  );
  const answer = await calls.endOf(id);
  // It stays open: what is kept of the frames is measured now.
  return {
    priority: sent,
    unknown: others,
    alive: isAlive ? 'yes' : 'no',
    callAfter: answer?.grpcStatus ?? 'none',
    goAwayCode: peer.goAway?.errorCode ?? 'none',
  };
};

export const attacks: AttackModule['attacks'] = { flood };

/** Megabytes that may stay while the connection is open: a tree of 100,000 would take ten times that. */
const MOST_HELD_MB = 1;

export const rows: readonly Row[] = [
  floodRow({
    row: 15,
    name: 'PRIORITY and unknown frames',
    direction: 'server',
    tls: false,
    expected: 'ignored: CPU at most 1 s for 200,000 frames, nothing kept, the next call is served',
    module: import.meta.url,
    attack: 'flood',
    seconds: 10,
    counters: [],
    judge: ({ seen, cpuMs, heldMB }) => {
      const faults: string[] = [];
      if (seen.priority !== FRAMES || seen.unknown !== FRAMES) faults.push('not all were sent');
      if (seen.alive !== 'yes' || seen.callAfter !== 0) {
        faults.push(`status ${seen.callAfter} after it, GOAWAY code ${seen.goAwayCode}`);
      }
      if (cpuMs > MOST_CPU_MS) faults.push(`${cpuMs.toFixed(0)} ms of CPU`);
      if (heldMB > MOST_HELD_MB) faults.push(`${heldMB.toFixed(1)} MB are kept`);
      return faults;
    },
  }),
];
