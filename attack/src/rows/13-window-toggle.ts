// Row 13, INITIAL_WINDOW_SIZE from 0 to 2^31-1 and back, 10,000 times, while responses wait for windows.
// What must hold behind it is that credit is conserved: nothing is sent that was not allowed, and
// everything that was owed arrives byte for byte.

import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { PAYLOAD, PAYLOAD_BYTES } from '../runtimes/runtime.ts';
import {
  data,
  Flag,
  FrameType,
  headers,
  message,
  requestBlock,
  Setting,
  settings,
  windowUpdate,
} from '../wire/frames.ts';
import { RawCalls } from '../wire/raw-calls.ts';
import { type HeardFrame, RawPeer, turn } from '../wire/raw-peer.ts';

const TOGGLES = 10_000;
const STREAMS = 20;
const MAX_WINDOW = 0x7fff_ffff;
const WINDOW = 65_535;
const STEP = 32_768;
const IN_FLIGHT = 32;
/** Every so many changes, so much data is let through. */
const DATA_EVERY = 100;
const DATA_BYTES = 20_000;
const PREFIX_BYTES = 5;
const WHOLE = PAYLOAD_BYTES + PREFIX_BYTES;

/** What we allow the peer to send, kept from the moment in which all of its windows are known. */
class Credit {
  overruns: number;
  private connection: number;
  private readonly left: Map<number, number>;
  private readonly peer: RawPeer;

  /** @param connection credit of the connection that was given and not used */
  constructor(peer: RawPeer, connection: number) {
    this.overruns = 0;
    this.connection = connection;
    this.left = new Map();
    this.peer = peer;
  }

  open(streamId: number, left: number): void {
    this.left.set(streamId, left);
  }

  give(streamId: number, bytes: number): void {
    if (streamId === 0) this.connection += bytes;
    else this.left.set(streamId, (this.left.get(streamId) ?? 0) + bytes);
    this.peer.write(windowUpdate(streamId, bytes));
  }

  take({ streamId, payload }: HeardFrame): void {
    this.connection -= payload.length;
    const left = (this.left.get(streamId) ?? 0) - payload.length;
    this.left.set(streamId, left);
    if (payload.length > 0 && (left < 0 || this.connection < 0)) this.overruns += 1;
  }
}

function isExact(chunks: readonly Buffer[]): boolean {
  return Buffer.concat(chunks).equals(message(Buffer.alloc(PAYLOAD_BYTES, 's')));
}

interface Toggled {
  readonly changes: number;
  /** Credit of the connection that was given meanwhile. */
  readonly credit: number;
}

/** Toggles as fast as they are acknowledged, with no more under way than a peer may have. */
async function toggle(peer: RawPeer): Promise<Toggled> {
  const size = (value: number): Buffer => settings([[Setting.INITIAL_WINDOW_SIZE, value]]);
  let acknowledged = 0;
  const before = peer.onFrame;
  peer.onFrame = (frame) => {
    if (frame.type === FrameType.SETTINGS && (frame.flags & Flag.ACK) !== 0) acknowledged += 1;
    before(frame);
  };
  const reached = (count: number): Promise<boolean> =>
    peer.until(() => acknowledged >= count || peer.isOver, 5_000);
  let changes = 0;
  let credit = 0;
  for (; changes < TOGGLES && !peer.isOver; changes += 2) {
    if (changes % DATA_EVERY === 0) {
      // While the window is open some data comes, so that it is below 0 behind the next change.
      peer.write(Buffer.concat([size(MAX_WINDOW), windowUpdate(0, DATA_BYTES)]));
      credit += DATA_BYTES;
      await reached(changes + 1);
      peer.write(size(0));
    } else {
      peer.write(Buffer.concat([size(MAX_WINDOW), size(0)]));
    }
    await reached(changes + 2 - IN_FLIGHT);
  }
  await peer.fence();
  peer.onFrame = before;
  return { changes, credit };
}

const flood: Attack = async (address) => {
  const peer = await RawPeer.connect(address, { settings: [[Setting.INITIAL_WINDOW_SIZE, 0]] });
  const calls = new RawCalls(peer, true);
  const fields = requestBlock(PAYLOAD);
  const ids = Array.from({ length: STREAMS }, (_, i) => 2 * i + 1);
  const open = (id: number): Buffer =>
    Buffer.concat([headers(id, fields), data(id, message(Buffer.alloc(0)), true)]);
  peer.write(Buffer.concat(ids.map(open)));
  await peer.fence();
  const toggled = await toggle(peer);
  // While a stream's window was of 2^31-1 only that of the connection was a bound.
  const early = peer.dataBytes;
  const unused = WINDOW + toggled.credit - early;
  const credit = new Credit(peer, unused);
  for (const id of ids) credit.open(id, WINDOW - (calls.answers.get(id)?.bytes ?? 0));
  const before = peer.onFrame;
  peer.onFrame = (frame) => {
    if (frame.type === FrameType.DATA) credit.take(frame);
    before(frame);
  };
  peer.write(settings([[Setting.INITIAL_WINDOW_SIZE, WINDOW]]));
  const owed = new Set(ids);
  const untilMs = performance.now() + 10_000;
  while (owed.size > 0 && !peer.isOver && performance.now() < untilMs) {
    for (const id of owed) {
      if (calls.answers.get(id)?.ended === true) owed.delete(id);
      else credit.give(id, STEP);
    }
    if (owed.size > 0) credit.give(0, STEP * owed.size);
    await peer.fence(2_000);
    await turn();
  }
  let exact = 0;
  for (const id of ids) if (isExact(calls.answers.get(id)?.chunks ?? [])) exact += 1;
  const seen = {
    changes: toggled.changes,
    goAwayCode: peer.goAway?.errorCode ?? 'none',
    bytesWhileToggling: early,
    exact,
    overruns: credit.overruns + (unused < 0 ? 1 : 0),
    bytes: peer.dataBytes,
  };
  peer.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { flood };

export const rows: readonly Row[] = [
  floodRow({
    row: 13,
    name: 'INITIAL_WINDOW_SIZE 0 and 2^31-1',
    direction: 'server',
    tls: false,
    expected:
      'no window overflows and none is overrun; 20 responses of 1 MB arrive byte for byte behind 10,000 changes',
    module: import.meta.url,
    attack: 'flood',
    seconds: 20,
    // All of the responses are queued: what is sent of them is what this is about.
    serve: { limits: { streams: 100, handlers: 100, queuedBytes: 2 * STREAMS * WHOLE } },
    counters: [],
    mayAct: ['response-gate'],
    judge: ({ seen }) => {
      const faults: string[] = [];
      if (seen.changes !== TOGGLES || seen.goAwayCode !== 'none') {
        faults.push(`GOAWAY code ${seen.goAwayCode} after ${seen.changes} changes`);
      }
      if (seen.exact !== STREAMS) faults.push(`${seen.exact} of ${STREAMS} responses are right`);
      if (seen.bytes !== STREAMS * WHOLE) faults.push(`${seen.bytes} bytes came`);
      if (seen.overruns !== 0) faults.push(`${seen.overruns} frames overran a window`);
      return faults;
    },
  }),
];
