// Row 1, rapid reset (CVE-2023-44487): requests that are reset in the moment they are made, so that
// a server works for calls nobody waits for. Two ways: handlers that outlive their reset fill the
// limit of handlers, and those that end with it are started anew for every reset.
// The twin is a client at 5,000 calls a second that cancels every fifth.

import { setTimeout as pause } from 'node:timers/promises';
import type { Attack, AttackModule } from '../attack.ts';
import { type ConnectionEnd, calmFaults, endOf, streamsTaken } from '../measure/connection-end.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Figures, RuntimeName } from '../report.ts';
import type { Row } from '../row.ts';
import { SLOW, STALL } from '../runtimes/runtime.ts';
import { answersOf } from '../wire/answers.ts';
import { data, headers, message, requestBlock, rstStream, windowUpdate } from '../wire/frames.ts';
import { type Address, RawPeer } from '../wire/raw-peer.ts';

const RESETS = 20_000;
const MOST_RESETS = 1_100;
const HANDLERS = 100;
const CANCEL = 8;

/** A request on stream `id`, reset at once. */
type Request = (id: number) => Buffer;

interface Reset {
  /** Streams that the server took up, until it said GOAWAY. */
  readonly streams: number;
  readonly goAwayCode: ConnectionEnd;
  readonly text: string;
}

async function resetAll(address: Address, request: Request, count: number): Promise<Reset> {
  const peer = await RawPeer.connect(address);
  await peer.flood(count, (i) => request(2 * i + 1));
  await peer.until(() => peer.isOver, 3_000);
  const { goAway } = peer;
  await peer.untilClosed(goAway === undefined ? 0 : 3_000);
  const reset = {
    streams: streamsTaken(peer),
    goAwayCode: endOf(peer),
    text: goAway?.debug ?? '',
  };
  peer.end();
  return reset;
}

/** Handlers go on for 100 ms. */
export function slowReset(): Request {
  const block = requestBlock(SLOW);
  const request = message(Buffer.from('100'));
  return (id) =>
    Buffer.concat([headers(id, block), data(id, request, true), rstStream(id, CANCEL)]);
}

/** Handlers end when they hear of the reset. */
export function stallReset(): Request {
  const block = requestBlock(STALL);
  return (id) => Buffer.concat([headers(id, block, true), rstStream(id, CANCEL)]);
}

const flood: Attack = async (address) => {
  const stall = await resetAll(address, stallReset(), RESETS);
  await pause(200);
  const slow = await resetAll(address, slowReset(), RESETS);
  // Its handlers are still at work, and none of the next connection's.
  await pause(200);
  return {
    resets: stall.streams,
    goAwayCode: stall.goAwayCode,
    goAwayText: stall.text,
    slowResets: slow.streams,
    slowGoAwayCode: slow.goAwayCode,
  };
};

/** For row 38: one connection of it. */
const oneOfMany: Attack = async (address) => {
  const { streams } = await resetAll(address, stallReset(), 2_000);
  return { streams };
};

const TWIN_RPS = 5_000;
const TWIN_SECONDS = 60;
/** Answers that are waited for at the most: the handlers of cancelled calls come on top. */
const OPEN = 40;
/** Milliseconds; a cancelled call is one that would have taken longer than its client waits. */
const CANCELLED_TAKES = '12';

interface Twin {
  calls: number;
  cancelled: number;
}

/** As a client does that keeps to the peer's limit of streams and cancels what it has open. */
async function callAndCancel(peer: RawPeer, twin: Twin): Promise<void> {
  const block = requestBlock(SLOW);
  const quick = message(Buffer.from('1'));
  const long = message(Buffer.from(CANCELLED_TAKES));
  const answers = answersOf(peer);
  let toCancel: number[] = [];
  const startedMs = performance.now();
  const lastMs = startedMs + (TWIN_SECONDS + 5) * 1000;
  while (!peer.isOver && twin.calls < TWIN_RPS * TWIN_SECONDS && performance.now() < lastMs) {
    const parts: Buffer[] = [];
    for (const id of toCancel) {
      if (!answers.open.delete(id)) continue;
      parts.push(rstStream(id, CANCEL));
      twin.cancelled += 1;
    }
    toCancel = [];
    const elapsedMs = Math.min(performance.now() - startedMs, TWIN_SECONDS * 1000);
    const due = Math.round((elapsedMs / 1000) * TWIN_RPS);
    for (; twin.calls < due && answers.open.size < OPEN; twin.calls += 1) {
      const id = 2 * twin.calls + 1;
      const isCancelled = twin.calls % 5 === 0;
      parts.push(headers(id, block), data(id, isCancelled ? long : quick, true));
      answers.open.add(id);
      if (isCancelled) toCancel.push(id);
    }
    if (parts.length > 0) peer.write(Buffer.concat(parts));
    await pause(2);
  }
  await peer.until(() => answers.open.size === 0 || peer.isOver, 2_000);
}

const cancels: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  peer.write(windowUpdate(0, 0x3fff_ffff));
  const twin: Twin = { calls: 0, cancelled: 0 };
  await callAndCancel(peer, twin);
  const seen = { ...twin, goAwayCode: endOf(peer) };
  peer.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { flood, oneOfMany, cancels };

function resetFaults(
  end: ConnectionEnd | undefined,
  resets: number | string | undefined,
  runtime: RuntimeName,
): string[] {
  const faults = calmFaults(end, runtime);
  if (Number(resets) > MOST_RESETS) faults.push(`${resets} resets, ${MOST_RESETS} are too many`);
  return faults;
}

function judgeTwin({ calls, cancelled, goAwayCode }: Figures): string[] {
  const wanted = TWIN_RPS * TWIN_SECONDS;
  const faults: string[] = [];
  if (calls !== wanted) faults.push(`${calls} calls of ${wanted}`);
  // A few have their answer before they are cancelled.
  if (Number(cancelled) < wanted * 0.19) faults.push(`only ${cancelled} calls were cancelled`);
  if (goAwayCode !== 'none') faults.push(`GOAWAY code ${goAwayCode}`);
  return faults;
}

export const rows: readonly Row[] = [
  floodRow({
    row: 1,
    name: 'rapid reset',
    direction: 'server',
    tls: false,
    expected:
      'handlers never above the limit of 100; GOAWAY(ENHANCE_YOUR_CALM) within 1,100 resets, by the ratio of premature resets to completed calls; 5,000 calls a second with 20 % cancels for 60 s are no attack',
    module: import.meta.url,
    attack: 'flood',
    seconds: 6,
    counters: ['premature-resets'],
    mayAct: ['handlers', 'response-gate'],
    judge: ({ seen, handlersMost }, runtime) => [
      ...(handlersMost > HANDLERS
        ? [`${handlersMost} handlers ran, the limit is ${HANDLERS}`]
        : []),
      ...resetFaults(seen.goAwayCode, seen.resets, runtime),
      ...resetFaults(seen.slowGoAwayCode, seen.slowResets, runtime).map((text) => `slow: ${text}`),
    ],
    twin: { attack: 'cancels', seconds: TWIN_SECONDS + 10, judge: judgeTwin },
  }),
];
