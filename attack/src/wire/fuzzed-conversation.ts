// A gRPC conversation as a client would have it, damaged by a seed: bits, bytes, lengths, types, ids
// and flags changed, frames lost, doubled, swapped and made up. The same seed, the same bytes.
// Not here: who sends them (rows/26-wire-fuzz.ts).

import { CHAT, ECHO, READ, STREAM } from '../runtimes/runtime.ts';
import {
  block,
  data,
  FRAME_HEADER,
  frame,
  goAway,
  headers,
  indexedField,
  message,
  PREFACE,
  ping,
  priority,
  requestFields,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from './frames.ts';

/** Uniform numbers from a seed (mulberry32). */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 to below `sides`. */
  roll(sides: number): number {
    this.state = (this.state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * sides);
  }

  pick<Of>(from: readonly [Of, ...Of[]]): Of {
    return from[this.roll(from.length)] ?? from[0];
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.roll(256)));
  }
}

const PATHS = [ECHO, READ, CHAT, STREAM, '/attack.Target/None'] as const;
/** Values at the edges of what frames carry. */
const EDGES = [0, 1, 0x3fff, 0x4000, 0x4001, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const;
const MUTATIONS = 4;

function requestOf(dice: Dice, id: number): Buffer[] {
  const fields = requestFields(dice.pick(PATHS));
  const first = block(fields);
  const more =
    dice.roll(2) === 0 ? indexedField('x-fuzz', String(dice.roll(100))) : Buffer.alloc(0);
  const content = dice.roll(3) === 0 ? Buffer.from('3,100') : dice.bytes(dice.roll(200));
  return [headers(id, Buffer.concat([first, more])), data(id, message(content), dice.roll(4) > 0)];
}

function oneFrame(dice: Dice, id: number): Buffer {
  switch (dice.roll(9)) {
    case 0:
      return ping(dice.roll(1_000), dice.roll(4) === 0);
    case 1:
      return windowUpdate(dice.roll(2) === 0 ? 0 : id, dice.pick(EDGES));
    case 2:
      return settings([[dice.roll(8), dice.pick(EDGES)]]);
    case 3:
      return rstStream(id, dice.roll(20));
    case 4:
      return priority(id, dice.roll(12));
    case 5:
      return data(id, dice.bytes(dice.roll(300)), dice.roll(3) === 0);
    case 6:
      return headers(id, block([['x-trailer', 'a']]), dice.roll(2) === 0);
    case 7:
      return goAway(dice.roll(20), dice.roll(14), 'fuzz');
    default:
      return frame(dice.roll(14), dice.roll(256), dice.roll(14), dice.bytes(dice.roll(60)));
  }
}

/** Changes `frames` in one place. */
function mutate(dice: Dice, frames: Buffer[]): void {
  const at = dice.roll(frames.length);
  const one = frames[at];
  if (one === undefined) return;
  switch (dice.roll(9)) {
    case 0:
      frames.splice(at, 1);
      break;
    case 1:
      frames.splice(at, 0, Buffer.from(one));
      break;
    case 2:
      frames.splice(dice.roll(frames.length), 0, oneFrame(dice, 1 + 2 * dice.roll(6)));
      break;
    case 3:
      frames[at] = one.subarray(0, dice.roll(one.length));
      break;
    case 4:
      frames[at] = Buffer.concat([one, dice.bytes(1 + dice.roll(20))]);
      break;
    case 5:
      // The length alone: what follows is read as something else.
      if (one.length >= FRAME_HEADER) one.writeUIntBE(dice.pick(EDGES) & 0xff_ffff, 0, 3);
      break;
    case 6:
      if (one.length >= FRAME_HEADER) one.writeUInt32BE(dice.pick([0, 1, 2, 3, 5, 0x8000_0001]), 5);
      break;
    default: {
      const byte = dice.roll(one.length);
      one[byte] = dice.roll(3) === 0 ? dice.roll(256) : (one[byte] ?? 0) ^ (1 << dice.roll(8));
    }
  }
}

/** The bytes of one connection, in the chunks they are to be written in. */
export function fuzzedConversation(seed: number): Buffer[] {
  const dice = new Dice(seed);
  const frames = [settings([[4, 100_000]]), settingsAck()];
  const calls = 1 + dice.roll(5);
  for (let i = 0; i < calls; i += 1) {
    frames.push(...requestOf(dice, 2 * i + 1));
    if (dice.roll(2) === 0) frames.push(oneFrame(dice, 2 * dice.roll(calls) + 1));
  }
  const mutations = 1 + dice.roll(MUTATIONS);
  for (let i = 0; i < mutations; i += 1) mutate(dice, frames);
  // One in sixteen does not get past the preface either.
  const preface = Buffer.from(PREFACE);
  if (dice.roll(16) === 0) preface[dice.roll(preface.length)] = dice.roll(256);
  return chunked(dice, Buffer.concat([preface, ...frames]));
}

function chunked(dice: Dice, bytes: Buffer): Buffer[] {
  if (dice.roll(2) === 0) return [bytes];
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = at + 1 + dice.roll(dice.roll(4) === 0 ? 4 : 400);
    chunks.push(bytes.subarray(at, next));
    at = next;
  }
  return chunks;
}
