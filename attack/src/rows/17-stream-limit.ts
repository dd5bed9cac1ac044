// Row 17, 1,000 streams at once where 100 are allowed, whose handlers each block the event loop for
// 2 ms: 900 are refused, and the event loop goes round between slices of 5 ms.

import { setTimeout as pause } from 'node:timers/promises';
import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO, SLOW } from '../runtimes/runtime.ts';
import { data, headers, message, requestBlock } from '../wire/frames.ts';
import { RawCalls } from '../wire/raw-calls.ts';
import { RawPeer } from '../wire/raw-peer.ts';

const STREAMS = 1_000;
const LIMIT = 100;
const REFUSED_STREAM = 7;
/** Milliseconds that a handler waits, and before it blocks: none ends while there are requests to read. */
const HANDLER = '3000,2';

function request(path: string, id: number, body: string): Buffer {
  const bytes = message(Buffer.from(body));
  return Buffer.concat([headers(id, requestBlock(path)), data(id, bytes, true)]);
}

const flood: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const calls = new RawCalls(peer);
  const ids = Array.from({ length: STREAMS }, (_, i) => 2 * i + 1);
  peer.write(Buffer.concat(ids.map((id) => request(SLOW, id, HANDLER))));
  await peer.until(() => calls.ended >= STREAMS || peer.isOver, 12_000);
  const refused = calls.count(({ resetCode }) => resetCode === REFUSED_STREAM);
  const served = calls.count(({ grpcStatus }) => grpcStatus === 0);
  const after = 2 * STREAMS + 1;
  peer.write(request(ECHO, after, 'echo'));
  const answer = await calls.endOf(after);
  const goAwayCode = peer.goAway?.errorCode ?? 'none';
  peer.end();
  return { refused, served, callAfter: answer?.grpcStatus ?? 'none', goAwayCode };
};

const TWIN_CALLS = 5_000;

/** A client that keeps to the limit, and always has as many streams open as it may. */
const full: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const calls = new RawCalls(peer);
  await peer.fence();
  let made = 0;
  const untilMs = performance.now() + 10_000;
  while (calls.ended < TWIN_CALLS && !peer.isOver && performance.now() < untilMs) {
    const parts: Buffer[] = [];
    for (; made < TWIN_CALLS && made - calls.ended < LIMIT; made += 1) {
      parts.push(request(SLOW, 2 * made + 1, '1'));
    }
    if (parts.length > 0) peer.write(Buffer.concat(parts));
    const before = calls.ended;
    await peer.until(() => calls.ended > before || peer.isOver, 2_000);
  }
  const served = calls.count(({ grpcStatus }) => grpcStatus === 0);
  peer.end();
  await pause(0);
  return { served };
};

export const attacks: AttackModule['attacks'] = { flood, full };

export const rows: readonly Row[] = [
  floodRow({
    row: 17,
    name: '1,000 streams at the limit of 100',
    direction: 'server',
    tls: false,
    expected:
      '900 refused by REFUSED_STREAM, 100 served, no handler above 100; dispatch in slices of 5 ms, though handlers block for 200 ms in all',
    module: import.meta.url,
    attack: 'flood',
    seconds: 15,
    counters: ['streams'],
    mayAct: ['response-gate'],
    judge: ({ seen, handlersMost }) => {
      const faults: string[] = [];
      if (seen.refused !== STREAMS - LIMIT) faults.push(`${seen.refused} were refused`);
      if (seen.served !== LIMIT) faults.push(`${seen.served} were served`);
      if (handlersMost > LIMIT) faults.push(`${handlersMost} handlers ran`);
      if (seen.callAfter !== 0) {
        faults.push(`status ${seen.callAfter} after it, GOAWAY code ${seen.goAwayCode}`);
      }
      return faults;
    },
    twin: {
      attack: 'full',
      seconds: 12,
      judge: ({ served }) =>
        served === TWIN_CALLS ? [] : [`${served} of ${TWIN_CALLS} calls were served`],
    },
  }),
];
