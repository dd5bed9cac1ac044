// What the frames fuzzer is fed with: frames that are nearly a conversation, with ids from a small pool,
// flags, lengths and values off now and then, doubled frames, and blocks in many parts.

import type { Dice } from '../model/dice.js';
import type { Step, Transcript } from './transcript.js';

/** The client preface (RFC 9113 §3.4). */
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export function generateFrames(dice: Dice): Transcript {
  const hasPreface = dice.chance(0.1);
  const steps: Step[] = [
    [
      'options',
      dice.pick(16_384, 16_384, 20_000),
      dice.pick(64, 300, 4096),
      dice.pick(1, 3, 8),
      hasPreface ? 1 : 0,
    ],
    ['chunks', dice.int(2 ** 31), dice.pick(1, 3, 24, 24, 400, 20_000), dice.pick(0, 0, 1, 2, 5)],
  ];
  if (hasPreface) steps.push(['raw', dice.chance(0.9) ? PREFACE : noise(dice, 30)]);
  if (dice.chance(0.03)) {
    steps.push(['raw', noise(dice, 300)]);
    return steps;
  }
  for (let left = 1 + dice.int(8); left > 0; left--) pushFrame(dice, steps);
  return steps;
}

export function noise(dice: Dice, most: number): Buffer {
  const bytes = Buffer.allocUnsafe(dice.int(most));
  for (let i = 0; i < bytes.length; i++) bytes[i] = dice.int(256);
  return bytes;
}

function idOf(dice: Dice): number {
  return dice.chance(0.05) ? dice.pick(0, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 31 + 3) : 1 + dice.int(9);
}

function pushFrame(dice: Dice, steps: Step[]): void {
  const kind = dice.int(14);
  const flags = dice.chance(0.06) ? dice.int(256) : -1;
  const lie = dice.chance(0.03) ? dice.pick(1, 2, 3, 9, 16_384, 2 ** 23) : 0;
  const put = (type: number, usual: number, id: number, payload: Buffer): void => {
    const to = dice.chance(0.03) ? idOf(dice) : id;
    steps.push(['frame', type, flags < 0 ? usual : flags, to, payload, lie]);
  };
  if (kind < 3) {
    put(0, dice.pick(0, 0, 1, 8, 9), idOf(dice), payloadOf(dice));
    return;
  }
  if (kind < 6) {
    pushBlock(dice, steps, put);
    return;
  }
  switch (kind) {
    case 6:
      put(2, 0, idOf(dice), numbers(dice, 5));
      break;
    case 7:
      put(3, 0, idOf(dice), numbers(dice, 4));
      break;
    case 8:
      if (dice.chance(0.4)) put(4, 1, 0, Buffer.alloc(0));
      else put(4, 0, 0, settings(dice));
      break;
    case 9:
      put(6, dice.pick(0, 1), 0, numbers(dice, 8));
      break;
    case 10:
      put(
        7,
        0,
        0,
        Buffer.concat([
          numbers(dice, 8),
          dice.chance(0.1) ? Buffer.alloc(dice.int(1100), 97) : noise(dice, 20),
        ]),
      );
      break;
    case 11:
      put(8, 0, dice.pick(0, 1, 3, 5), numbers(dice, 4));
      break;
    case 12:
      if (dice.chance(0.2)) put(5, 4, idOf(dice), noise(dice, 12));
      else put(10 + dice.int(246), dice.int(256), idOf(dice), noise(dice, 20));
      break;
    default:
      steps.push(dice.chance(0.2) ? ['raw', noise(dice, 12)] : ['again', dice.int(steps.length)]);
  }
}

type Put = (type: number, flags: number, id: number, payload: Buffer) => void;

function pushBlock(dice: Dice, steps: Step[], put: Put): void {
  const id = idOf(dice);
  const parts = dice.chance(0.6) ? 0 : dice.int(10);
  const extra = dice.pick(0, 0, 0, 8, 0x20, 0x28);
  const prefix: number[] = [];
  if ((extra & 8) !== 0) prefix.push(dice.int(dice.chance(0.2) ? 40 : 6));
  if ((extra & 0x20) !== 0) prefix.push(0, 0, 0, dice.int(10), dice.int(256));
  const payload = Buffer.concat([Buffer.from(prefix), payloadOf(dice)]);
  put(1, extra | (parts === 0 ? 4 : 0) | dice.int(2), id, payload);
  for (let part = 1; part <= parts; part++) {
    if (dice.chance(0.03)) steps.push(['again', dice.int(steps.length)]);
    put(9, part === parts && dice.chance(0.95) ? 4 : 0, id, payloadOf(dice));
  }
}

function payloadOf(dice: Dice): Buffer {
  const chance = dice.random();
  if (chance < 0.1) return Buffer.alloc(0);
  if (chance < 0.97) return noise(dice, 24);
  return Buffer.alloc(dice.int(dice.chance(0.2) ? 17_000 : 400), dice.int(256));
}

/** Big-endian numbers, small ones mostly, at times of another length. */
function numbers(dice: Dice, length: number): Buffer {
  const bytes = Buffer.alloc(dice.chance(0.04) ? dice.int(length * 2 + 1) : length);
  if (bytes.length === 0) return bytes;
  const last = bytes.length > 4 && dice.chance(0.5) ? 3 : bytes.length - 1;
  bytes[last] = dice.int(12);
  if (dice.chance(0.2)) bytes[dice.int(bytes.length)] = dice.int(256);
  return bytes;
}

const VALUES = [
  0,
  1,
  2,
  100,
  16_383,
  16_384,
  65_535,
  16_777_215,
  16_777_216,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

export function settings(dice: Dice): Buffer {
  const entries = dice.chance(0.03) ? 28 + dice.int(8) : dice.int(4);
  const payload = Buffer.alloc(entries * 6 + (dice.chance(0.02) ? 1 : 0));
  for (let at = 0; at + 6 <= payload.length; at += 6) {
    const id = dice.int(9);
    const isWild = dice.chance(0.3);
    const legal = id === 5 ? 16_384 + dice.int(1000) : dice.int(2);
    payload.writeUInt16BE(id, at);
    payload.writeUInt32BE(isWild ? (dice.among(VALUES) ?? 0) : legal, at + 2);
  }
  return payload;
}
