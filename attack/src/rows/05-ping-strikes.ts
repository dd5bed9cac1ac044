// Row 5, pings more often than the server allows (gRFC A8): two are forgiven, the third strike ends
// the connection. The twin pings at the allowed interval, and between calls as fast as a client that
// estimates its bandwidth does: what the server sends forgives the next ping.

import { setTimeout as pause } from 'node:timers/promises';
import type { Attack, AttackModule } from '../attack.ts';
import { calmFaults, endOf } from '../measure/connection-end.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO, STALL } from '../runtimes/runtime.ts';
import { answersOf } from '../wire/answers.ts';
import { data, headers, message, ping, requestBlock } from '../wire/frames.ts';
import { RawPeer } from '../wire/raw-peer.ts';

const PINGS = 10_000;
const STRIKES = 2;
const INTERVAL_MS = 1_000;

/** One by one: how many are answered before the end. */
const flood: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  peer.write(headers(1, requestBlock(STALL)));
  let answered = 0;
  // The first is never too early.
  while (answered < 20 && (await peer.fence(1_000))) answered += 1;
  await peer.untilClosed(peer.isOver ? 3_000 : 0);
  const goAwayCode = endOf(peer);
  peer.end();
  const fast = await RawPeer.connect(address);
  await fast.flood(PINGS, ping, { withinMs: 3_000 });
  await fast.until(() => fast.isOver, 2_000);
  const fastGoAwayCode = endOf(fast);
  fast.end();
  return { answered, goAwayCode, goAwayText: peer.goAway?.debug ?? '', fastGoAwayCode };
};

/** For row 38: one connection of it. */
const oneOfMany: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const sent = await peer.flood(PINGS, ping, { withinMs: 1_000 });
  peer.end();
  return { sent };
};

const TWIN_PINGS = 4;
const TWIN_CALLS = 300;

const allowed: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const answers = answersOf(peer);
  let answered = 0;
  const echo = requestBlock(ECHO);
  const request = message(Buffer.alloc(16));
  for (let i = 0; i < TWIN_CALLS && !peer.isOver; i += 1) {
    const id = 2 * i + 1;
    answers.open.add(id);
    peer.write(Buffer.concat([headers(id, echo), data(id, request, true)]));
    await peer.until(() => answers.open.size === 0 || peer.isOver, 5_000);
    if (await peer.fence()) answered += 1;
  }
  peer.write(headers(2 * TWIN_CALLS + 1, requestBlock(STALL)));
  for (let i = 0; i < TWIN_PINGS && !peer.isOver; i += 1) {
    await pause(INTERVAL_MS + 100);
    if (await peer.fence()) answered += 1;
  }
  const seen = { answered, goAwayCode: endOf(peer) };
  peer.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { flood, oneOfMany, allowed };

export const rows: readonly Row[] = [
  floodRow({
    row: 5,
    name: 'pings too often',
    direction: 'server',
    tls: false,
    expected:
      'the third strike is answered by GOAWAY(ENHANCE_YOUR_CALM, "too_many_pings"); pings at the allowed interval, and one for each call, are not',
    module: import.meta.url,
    attack: 'flood',
    seconds: 8,
    counters: ['ping-strikes'],
    serve: {
      limits: { streams: 100, handlers: 100 },
      minPingIntervalMs: INTERVAL_MS,
    },
    judge: ({ seen }, runtime) => [
      ...calmFaults(seen.goAwayCode, runtime),
      ...(seen.goAwayText === 'too_many_pings'
        ? []
        : [`GOAWAY says ${seen.goAwayText || 'nothing'}`]),
      ...(seen.answered === 1 + STRIKES
        ? []
        : [`${seen.answered} pings were answered, ${1 + STRIKES} are not too often`]),
      ...calmFaults(seen.fastGoAwayCode, runtime).map((text) => `flood: ${text}`),
    ],
    twin: {
      attack: 'allowed',
      seconds: 15,
      judge: ({ answered, goAwayCode }) =>
        answered === TWIN_CALLS + TWIN_PINGS && goAwayCode === 'none'
          ? []
          : [`${answered} pings were answered, GOAWAY code ${goAwayCode}`],
    },
  }),
];
