// Row 7, empty DATA (CVE-2019-9518), bare and of padding alone. END_STREAM on an empty frame ends a
// request and is no waste, and frames with data pay for empty ones: the twin does both, 100,000 times.

import type { Attack, AttackModule } from '../attack.ts';
import { calmFaults, endOf } from '../measure/connection-end.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO, STALL } from '../runtimes/runtime.ts';
import { answersOf } from '../wire/answers.ts';
import {
  data,
  Flag,
  FrameType,
  frame,
  headers,
  message,
  requestBlock,
  windowUpdate,
} from '../wire/frames.ts';
import { type Address, RawPeer } from '../wire/raw-peer.ts';

const FRAMES = 100_000;
const ALLOWED = 100;
const NOTHING = Buffer.alloc(0);

/** DATA of no bytes. */
const BARE: Buffer = data(1, NOTHING);
/** DATA of one byte, which says that no padding follows. */
const PADDED: Buffer = frame(FrameType.DATA, Flag.PADDED, 1, Buffer.of(0));

async function openOne(address: Address): Promise<RawPeer> {
  const peer = await RawPeer.connect(address);
  peer.write(headers(1, requestBlock(STALL)));
  await peer.fence();
  return peer;
}

/** How many frames it takes, sent so that each answer is waited for around the limit. */
async function framesUntilGoAway(address: Address, empty: Buffer): Promise<number | 'none'> {
  const peer = await openOne(address);
  await peer.flood(ALLOWED, () => empty);
  // All are read, and forgiven.
  const forgiven = await peer.fence();
  peer.write(empty);
  await peer.until(() => peer.isOver, 2_000);
  const { isOver } = peer;
  peer.end();
  if (!isOver) return 'none';
  return forgiven ? ALLOWED + 1 : ALLOWED;
}

const flood: Attack = async (address) => {
  const bare = await framesUntilGoAway(address, BARE);
  const padded = await framesUntilGoAway(address, PADDED);
  const peer = await openOne(address);
  await peer.flood(FRAMES, () => BARE, { batch: 1_000 });
  await peer.until(() => peer.isOver, 2_000);
  await peer.untilClosed(peer.goAway === undefined ? 0 : 3_000);
  const goAwayCode = endOf(peer);
  peer.end();
  return {
    framesUntilGoAway: bare,
    paddedUntilGoAway: padded,
    goAwayCode,
    goAwayText: peer.goAway?.debug ?? '',
  };
};

/** For row 38: one connection of it. */
const oneOfMany: Attack = async (address) => {
  const peer = await openOne(address);
  const frames = await peer.flood(1_000, () => BARE);
  await peer.until(() => peer.isOver, 1_000);
  peer.end();
  return { frames };
};

const TWIN_CALLS = 100_000;
const OPEN = 90;

/** Each call: HEADERS, a message behind as many empty frames as it pays for, an empty END_STREAM. */
const ends: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  peer.write(windowUpdate(0, 0x3fff_ffff));
  const answers = answersOf(peer);
  const block = requestBlock(ECHO);
  const request = message(Buffer.alloc(16));
  const lastMs = performance.now() + 40_000;
  let calls = 0;
  while (calls < TWIN_CALLS && !peer.isOver && performance.now() < lastMs) {
    const parts: Buffer[] = [];
    for (; calls < TWIN_CALLS && answers.open.size < OPEN; calls += 1) {
      const id = 2 * calls + 1;
      answers.open.add(id);
      parts.push(headers(id, block), data(id, NOTHING), data(id, request), data(id, NOTHING, true));
    }
    peer.write(Buffer.concat(parts));
    await peer.until(() => answers.open.size < OPEN / 2 || peer.isOver, 5_000);
  }
  await peer.until(() => answers.open.size === 0 || peer.isOver, 5_000);
  const seen = { answered: answers.ended, goAwayCode: endOf(peer) };
  peer.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { flood, oneOfMany, ends };

export const rows: readonly Row[] = [
  floodRow({
    row: 7,
    name: 'empty DATA',
    direction: 'server',
    tls: false,
    expected:
      'GOAWAY(ENHANCE_YOUR_CALM) at the 101st, of padding alone as well; 100,000 calls that end by an empty frame, with an empty frame before their data, are no attack',
    module: import.meta.url,
    attack: 'flood',
    seconds: 4,
    counters: ['empty-data'],
    judge: ({ seen }, runtime) => {
      const faults = calmFaults(seen.goAwayCode, runtime);
      for (const name of ['framesUntilGoAway', 'paddedUntilGoAway']) {
        if (seen[name] !== ALLOWED + 1) faults.push(`${name}: ${seen[name]}, not ${ALLOWED + 1}`);
      }
      return faults;
    },
    twin: {
      attack: 'ends',
      seconds: 20,
      judge: ({ answered, goAwayCode }) =>
        answered === TWIN_CALLS && goAwayCode === 'none'
          ? []
          : [`${answered} of ${TWIN_CALLS} calls were answered, GOAWAY code ${goAwayCode}`],
    },
  }),
];
