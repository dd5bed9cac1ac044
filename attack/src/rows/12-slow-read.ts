// Row 12, slow read: a window of 0, responses of 1 MB for 100 calls, and then credit of a byte at a time,
// which makes a server hold all of it for as long as the peer likes.
// The twin reads nothing of one stream for 60 s, as an application does that pauses, and then all of it.

import { setTimeout as after } from 'node:timers/promises';
import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO, PAYLOAD, PAYLOAD_BYTES, STREAM } from '../runtimes/runtime.ts';
import { data, headers, message, requestBlock, Setting, windowUpdate } from '../wire/frames.ts';
import { RawCalls } from '../wire/raw-calls.ts';
import { RawPeer } from '../wire/raw-peer.ts';

const CALLS = 100;
const CONNECTION_CREDIT = 0x7000_0000;
const CALM = 11;
/** 1 KiB/s over 20 s, and what timers and the first answers take. */
const CLOSED_WITHIN_MS = 23_000;
const TURN_MS = 20;
const GIVE_UP_MS = 35_000;

function requests(path: string, from: number, count: number, bytes: Buffer): Buffer {
  const fields = requestBlock(path);
  const frames: Buffer[] = [];
  for (let i = 0; i < count; i += 1) {
    const id = from + 2 * i;
    frames.push(headers(id, fields), data(id, message(bytes), true));
  }
  return Buffer.concat(frames);
}

/** Credit of a byte, so many times a second, to one stream after the other. */
function drip(perSecond: number): Attack {
  return async (address) => {
    const peer = await RawPeer.connect(address, { settings: [[Setting.INITIAL_WINDOW_SIZE, 0]] });
    const calls = new RawCalls(peer);
    peer.write(windowUpdate(0, CONNECTION_CREDIT));
    peer.write(requests(PAYLOAD, 1, CALLS, Buffer.alloc(0)));
    await peer.fence();
    const ids = Array.from({ length: CALLS }, (_, i) => 2 * i + 1);
    const startedMs = performance.now();
    let given = 0;
    while (!peer.isOver && performance.now() - startedMs < GIVE_UP_MS) {
      const due = Math.floor(((performance.now() - startedMs) * perSecond) / 1000);
      const frames: Buffer[] = [];
      // Those that were refused take no credit any more.
      const waiting = ids.filter((id) => calls.answers.get(id)?.ended !== true);
      for (; given < due; given += 1) {
        frames.push(windowUpdate(waiting[given % waiting.length] ?? 0, 1));
      }
      if (frames.length > 0) peer.write(Buffer.concat(frames));
      await after(TURN_MS);
    }
    const seen = {
      closedAfterS: peer.isOver ? Math.round((performance.now() - startedMs) / 100) / 10 : 'never',
      goAwayCode: peer.goAway?.errorCode ?? 'none',
      goAwayText: peer.goAway?.debug ?? 'none',
      credits: given,
      bytesTaken: peer.dataBytes,
      refused: calls.count(({ grpcStatus }) => grpcStatus === 8),
    };
    // Still open where nobody closed it: what is held for it is measured now.
    return seen;
  };
}

const PAUSE_MS = 60_000;
const MESSAGES = 40;
const MESSAGE_BYTES = 65_536;
const PREFIX_BYTES = 5;

/** The socket reads on, other calls are made; only the window of one stream is shut. */
const pause: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const calls = new RawCalls(peer);
  peer.write(windowUpdate(0, CONNECTION_CREDIT));
  peer.write(requests(STREAM, 1, 1, Buffer.from(`${MESSAGES},${MESSAGE_BYTES}`)));
  const startedMs = performance.now();
  let others = 0;
  let id = 3;
  for (; performance.now() - startedMs < PAUSE_MS && !peer.isOver; id += 2) {
    peer.write(requests(ECHO, id, 1, Buffer.from('echo')));
    if ((await calls.endOf(id))?.grpcStatus === 0) others += 1;
    await after(1_000);
  }
  const pausedAt = peer.dataBytes;
  const whole = MESSAGES * (MESSAGE_BYTES + PREFIX_BYTES);
  peer.write(windowUpdate(1, whole));
  const answer = await calls.endOf(1, 5_000);
  const seen = {
    lost: whole - (answer?.bytes ?? 0),
    grpcStatus: answer?.grpcStatus ?? 'none',
    goAwayCode: peer.goAway?.errorCode ?? 'none',
    otherCallsFailed: (id - 3) / 2 - others,
    bytesBeforeThePause: pausedAt,
  };
  peer.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = {
  slow: drip(10),
  fast: drip(300),
  pause,
};

function row(attack: string, name: string, twin: boolean): Row {
  return floodRow({
    row: 12,
    name,
    direction: 'server',
    tls: false,
    expected: `queued as the limits say; closed by GOAWAY(ENHANCE_YOUR_CALM) after 20 s${twin ? '; a stream that is paused for 60 s and resumed loses nothing' : ''}`,
    module: import.meta.url,
    attack,
    seconds: GIVE_UP_MS / 1000,
    counters: ['slow-read'],
    mayAct: ['queued-bytes', 'memory-budget', 'response-gate'],
    judge: ({ seen }) => {
      const faults: string[] = [];
      if (seen.goAwayCode !== CALM) faults.push(`GOAWAY code ${seen.goAwayCode}, not ${CALM}`);
      const closedMs = Number(seen.closedAfterS) * 1000;
      if (!(closedMs <= CLOSED_WITHIN_MS)) faults.push(`closed after ${seen.closedAfterS} s`);
      if (Number(seen.bytesTaken) >= PAYLOAD_BYTES) faults.push(`${seen.bytesTaken} bytes taken`);
      return faults;
    },
    ...(twin
      ? {
          twin: {
            attack: 'pause',
            seconds: PAUSE_MS / 1000 + 10,
            judge: ({ lost, grpcStatus, otherCallsFailed }) =>
              lost === 0 && grpcStatus === 0 && otherCallsFailed === 0
                ? []
                : [`${lost} bytes lost, status ${grpcStatus}, ${otherCallsFailed} others failed`],
          },
        }
      : {}),
  });
}

export const rows: readonly Row[] = [
  row('slow', 'window 0, then 10 bytes of credit a second', true),
  row('fast', 'window 0, then 300 bytes of credit a second', false),
];
