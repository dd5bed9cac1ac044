// Row 8, CONTINUATION without END_HEADERS (CVE-2024-27316), of no bytes and of full frames: a block
// that never ends. Frames inside a block cannot be fenced, so each of the first is given its time.
// The twin sends field blocks in one to eight CONTINUATION frames, and has its answers.

import type { Attack, AttackModule } from '../attack.ts';
import { type ConnectionEnd, calmFaults, endOf } from '../measure/connection-end.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Figures, RuntimeName } from '../report.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { answersOf } from '../wire/answers.ts';
import { data, Flag, FrameType, field, frame, message, requestBlock } from '../wire/frames.ts';
import { type Address, RawPeer } from '../wire/raw-peer.ts';

const FRAMES = 20_000;
const ALLOWED = 8;
const FULL = 16_384;
/** Milliseconds that a server is given to answer one frame by GOAWAY. */
const STEP_MS = 150;

const EMPTY: Buffer = frame(FrameType.CONTINUATION, 0, 1);
/** A literal that goes on and on: 32 KiB of name. */
const LONG: Buffer = frame(FrameType.CONTINUATION, 0, 1, Buffer.alloc(FULL, 'a'));

function openBlock(peer: RawPeer): void {
  peer.write(frame(FrameType.HEADERS, Flag.END_STREAM, 1, requestBlock(ECHO)));
}

async function framesUntilGoAway(address: Address, continuation: Buffer): Promise<number | 'none'> {
  const peer = await RawPeer.connect(address);
  await peer.fence();
  openBlock(peer);
  let frames = 0;
  while (frames < 2 * ALLOWED && !peer.isOver) {
    peer.write(continuation);
    frames += 1;
    await peer.until(() => peer.isOver, STEP_MS);
  }
  const { isOver } = peer;
  peer.end();
  return isOver ? frames : 'none';
}

async function floodWith(address: Address, continuation: Buffer): Promise<ConnectionEnd> {
  const peer = await RawPeer.connect(address);
  await peer.fence();
  openBlock(peer);
  await peer.flood(FRAMES, () => continuation, { batch: 8, withinMs: 10_000 });
  await peer.until(() => peer.isOver, 2_000);
  await peer.untilClosed(peer.goAway === undefined ? 0 : 3_000);
  const code = endOf(peer);
  peer.end();
  return code;
}

const flood: Attack = async (address) => ({
  emptyUntilGoAway: await framesUntilGoAway(address, EMPTY),
  fullUntilGoAway: await framesUntilGoAway(address, LONG),
  emptyGoAwayCode: await floodWith(address, EMPTY),
  fullGoAwayCode: await floodWith(address, LONG),
});

/** For row 38: one connection of it. */
const oneOfMany: Attack = async (address) => ({ code: await floodWith(address, LONG) });

const TWIN_CALLS = 800;

/** A request's field block of 15 KB, in HEADERS and so many CONTINUATION frames. */
function inPieces(id: number, continuations: number): Buffer {
  const more = Array.from({ length: 14 }, (_, i) => field(`x-field-${i}`, 'v'.repeat(1_000)));
  const block = Buffer.concat([requestBlock(ECHO), ...more]);
  const size = Math.ceil(block.length / (continuations + 1));
  return Buffer.concat(
    Array.from({ length: continuations + 1 }, (_, i) => {
      const type = i === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const flags = i === continuations ? Flag.END_HEADERS : 0;
      return frame(type, flags, id, block.subarray(i * size, (i + 1) * size));
    }),
  );
}

const pieces: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const answers = answersOf(peer);
  const request = message(Buffer.alloc(16));
  for (let calls = 0; calls < TWIN_CALLS && !peer.isOver; calls += 1) {
    const id = 2 * calls + 1;
    answers.open.add(id);
    peer.write(Buffer.concat([inPieces(id, 1 + (calls % ALLOWED)), data(id, request, true)]));
    await peer.until(() => answers.open.size < 50 || peer.isOver, 5_000);
  }
  await peer.until(() => answers.open.size === 0 || peer.isOver, 5_000);
  const seen = {
    answered: peer.dataBytes / request.length,
    goAwayCode: endOf(peer),
  };
  peer.end();
  return seen;
};

export const attacks: AttackModule['attacks'] = { flood, oneOfMany, pieces };

function judge(seen: Figures, runtime: RuntimeName): string[] {
  const faults: string[] = [];
  for (const kind of ['empty', 'full']) {
    const frames = seen[`${kind}UntilGoAway`];
    const ends = calmFaults(seen[`${kind}GoAwayCode`], runtime);
    faults.push(...ends.map((text) => `${kind}: ${text}`));
    if (frames === 'none' || Number(frames) > ALLOWED + 1) {
      faults.push(`${kind}: GOAWAY after ${frames} frames, ${ALLOWED + 1} is the most`);
    }
  }
  return faults;
}

export const rows: readonly Row[] = [
  floodRow({
    row: 8,
    name: 'CONTINUATION flood',
    direction: 'server',
    tls: false,
    expected:
      'GOAWAY(ENHANCE_YOUR_CALM) within 9 frames, empty or full; 15 KB of fields in up to 8 CONTINUATION frames are served',
    module: import.meta.url,
    attack: 'flood',
    seconds: 4,
    counters: ['continuations', 'header-block'],
    judge: ({ seen }, runtime) => judge(seen, runtime),
    twin: {
      attack: 'pieces',
      seconds: 4,
      judge: ({ answered, goAwayCode }) =>
        answered === TWIN_CALLS && goAwayCode === 'none'
          ? []
          : [`${answered} of ${TWIN_CALLS} calls were answered, GOAWAY code ${goAwayCode}`],
    },
  }),
];
