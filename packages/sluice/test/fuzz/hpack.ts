// The HPACK fuzzer. Blocks that are nearly legal go to a decoder and to the reference, which must tell
// the same, block after block, so that their tables stay the same too; and what an encoder writes, in
// any mode and through resizes, both must read as it was given. RFC 7541.

import { type HeaderBlock, HpackDecoder } from '#sluice/hpack/decoder.js';
import { type HeaderSegment, HpackEncoder } from '#sluice/hpack/encoder.js';
import type { Dice } from '../model/dice.js';
import { BlockMaker } from './hpack-blocks.js';
import { HpackModel } from './hpack-model.js';
import { broken, hold, type Target } from './target.js';
import {
  bytesAt,
  fieldsFrom,
  numberAt,
  type Step,
  type Transcript,
  textAt,
  wordOf,
} from './transcript.js';

export const hpack: Target = { name: 'hpack', share: 0.32, generate, run };

// What a transcript is made of.

function generate(dice: Dice): Transcript {
  return dice.chance(0.6) ? generateBlocks(dice) : generateWriting(dice);
}

function generateBlocks(dice: Dice): Transcript {
  const steps: Step[] = [
    ['decoder', dice.pick(4096, 4096, 0, 100, 20_000), dice.pick(16_384, 300, 300, 0, 70)],
  ];
  const blocks = new BlockMaker(dice);
  for (let left = 1 + dice.int(7); left > 0; left--) {
    if (steps.length > 1 && dice.chance(0.25))
      steps.push(steps[1 + dice.int(steps.length - 1)] ?? []);
    else steps.push(['block', blocks.block()]);
  }
  return steps;
}

const NAMES = [
  ':path',
  ':status',
  'te',
  'grpc-status',
  'x-a',
  'x-b',
  'cookie',
  '',
  'x-c-bin',
] as const;

function generateWriting(dice: Dice): Transcript {
  const steps: Step[] = [
    ['encoder', dice.pick(4096, 0, 100, 512, 10_000), dice.int(3)],
    ['segment', ...someFields(dice)],
    ['segment', ...someFields(dice)],
  ];
  for (let left = 2 + dice.int(12); left > 0; left--) {
    switch (dice.int(9)) {
      case 0:
        steps.push(['resize', Math.floor(dice.random() ** 2 * dice.pick(200, 5000, 20_000))]);
        break;
      case 1:
        steps.push(['write', dice.int(3)]);
        break;
      case 2:
        steps.push(['field', ...oneField(dice)]);
        break;
      case 3:
        steps.push(['never', ...oneField(dice)]);
        break;
      case 4:
        steps.push(['fields', ...someFields(dice)]);
        break;
      case 5:
        steps.push(steps[dice.int(steps.length)] ?? []);
        break;
      default:
        steps.push(['end']);
    }
  }
  return steps;
}

function oneField(dice: Dice): [string, string] {
  const name = dice.chance(0.8) ? (dice.among(NAMES) ?? '') : textOf(dice, 20);
  return [name, dice.chance(0.5) ? String(dice.int(6)) : textOf(dice, 90)];
}

function someFields(dice: Dice): string[] {
  const fields: string[] = [];
  for (let left = dice.int(4); left > 0; left--) fields.push(...oneField(dice));
  return fields;
}

function textOf(dice: Dice, most: number): string {
  const length = Math.floor(dice.random() ** 3 * most);
  const isWild = dice.chance(0.2);
  let text = '';
  for (let i = 0; i < length; i++) {
    text += String.fromCharCode(isWild ? dice.int(256) : 48 + dice.int(64));
  }
  return text;
}

// What must hold.

class Writing {
  readonly encoder: HpackEncoder;
  readonly segments: HeaderSegment[] = [];
  private readonly decoder: HpackDecoder = new HpackDecoder(65_536, 1_000_000);
  private readonly model: HpackModel = new HpackModel(65_536, 1_000_000);
  private sent: string[] = [];
  /** What the peer's SETTINGS have allowed since the last block: the least, and the last. */
  private lowest = Number.POSITIVE_INFINITY;
  private allowed = 65_536;
  private at = 0;
  private isOpen = false;

  constructor(cap: number, huffman: boolean) {
    this.encoder = new HpackEncoder(cap, huffman);
  }

  /** Runs one writing of `fields`, which ends at the offset it answers. */
  write(fields: readonly string[], write: (at: number) => number): void {
    if (this.at + HpackEncoder.bound(fields) > OUT_LENGTH - 64) return;
    if (!this.isOpen) this.at = this.encoder.beginBlock(out, 0);
    this.isOpen = true;
    const from = this.at;
    const guard = from + HpackEncoder.bound(fields);
    out[guard] = 0xa5;
    this.at = write(from);
    if (this.at > guard) broken(`${this.at - from} octets, the bound is ${guard - from}`);
    hold(out[guard] === 0xa5, 'something is written past the bound');
    this.sent.push(...fields);
  }

  end(): void {
    if (!this.isOpen) this.at = this.encoder.beginBlock(out, 0);
    this.isOpen = false;
    const block = out.subarray(0, this.at);
    const read = this.decoder.decode(block, 0, block.length);
    if (read === undefined) broken(`the decoder refuses: ${this.decoder.fault}`);
    let size = 0;
    for (let i = 0; i < this.sent.length; i++) size += (this.sent[i] ?? '').length + 16;
    if (read.listSize !== size) broken(`a list of ${read.listSize}, not of ${size}`);
    if (!sameFields(read.fields, this.sent))
      broken(`${JSON.stringify(this.sent)} reads as ${JSON.stringify(read.fields)}`);
    const list = this.model.decode(block);
    hold(list !== undefined, 'the reference refuses what the encoder wrote');
    if (!sameFields(list.fields, this.sent))
      broken(`the reference reads ${JSON.stringify(list.fields)}`);
    if (this.model.lowest > this.lowest)
      broken(
        `a table of ${this.model.lowest} and not of ${this.lowest}, which the peer had asked for`,
      );
    if (this.model.limit > this.allowed)
      broken(`a table of ${this.model.limit}, the peer takes ${this.allowed}`);
    this.lowest = Number.POSITIVE_INFINITY;
    this.sent = [];
  }

  /** SETTINGS of the peer, between blocks as they come. */
  resize(size: number): void {
    if (this.isOpen) this.end();
    this.lowest = Math.min(this.lowest, size);
    this.allowed = size;
    this.encoder.setPeerTableSize(size);
  }
}

const OUT_LENGTH = 200_000;
const out: Buffer = Buffer.alloc(OUT_LENGTH);

/** Whether two lists are the same. */
function sameFields(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function run(transcript: Transcript): string {
  let decoder = new HpackDecoder();
  let model = new HpackModel(4096, 16_384);
  let limit = 16_384;
  let writing: Writing | undefined;
  for (const step of transcript) {
    const word = wordOf(step);
    if (word === 'decoder') {
      const table = numberAt(step, 1, 1 << 20);
      limit = numberAt(step, 2, 1 << 20);
      decoder = new HpackDecoder(table, limit);
      model = new HpackModel(table, limit);
    } else if (word === 'block') {
      decode(decoder, model, limit, bytesAt(step, 1));
    } else if (word === 'encoder') {
      writing = new Writing(numberAt(step, 1, 1 << 16), numberAt(step, 2, 2) > 0);
    } else {
      writing ??= new Writing(4096, true);
      writeStep(writing, word, step);
    }
  }
  writing?.end();
  if (writing !== undefined) return 'written';
  return decoder.fault === '' ? 'read' : decoder.fault;
}

function decode(decoder: HpackDecoder, model: HpackModel, limit: number, block: Buffer): void {
  const was = decoder.fault;
  const generation = decoder.generation;
  const read = decoder.decode(block, 0, block.length);
  const list = model.decode(block);
  if ((read === undefined) !== (list === undefined))
    broken(
      `${decoder.fault || 'no fault'}: the reference ${list === undefined ? 'refuses' : 'reads'} it`,
    );
  if (read === undefined || list === undefined) {
    hold(decoder.fault !== '', 'a refusal has a reason');
    hold(was === '' || was === decoder.fault, 'the reason of a refusal stays');
    return;
  }
  if (!(sameFields(read.fields, list.fields) && read.listSize === list.listSize))
    broken(`it reads ${told(read)}, the reference ${list.listSize} ${JSON.stringify(list.fields)}`);
  if (!(read.tooLarge === list.tooLarge && read.tooLarge === read.listSize > limit))
    broken(`too large: ${told(read)}`);
  hold(Object.isFrozen(read.fields), 'fields are frozen');
  checkTable(decoder, model, generation);
}

function told(read: HeaderBlock): string {
  return `${read.listSize} ${read.tooLarge} ${JSON.stringify(read.fields)}`;
}

// The table as references to its ends tell it, at no cost to either: they are blocks like any other.
function checkTable(decoder: HpackDecoder, model: HpackModel, before: number): void {
  if (decoder.generation === before || model.length === 0) return;
  const last = Buffer.of(0x80 | Math.min(61 + model.length, 126));
  const read = decoder.decode(last, 0, 1);
  const list = model.decode(last);
  if (!(read !== undefined && list !== undefined))
    broken(`a field of the table cannot be read: ${decoder.fault}; it has ${model.table}`);
  if (!sameFields(read.fields, list.fields))
    broken(
      `the table has ${JSON.stringify(read.fields)}, in the reference ${JSON.stringify(list.fields)}`,
    );
}

function writeStep(writing: Writing, word: string, step: Step): void {
  const { encoder, segments } = writing;
  switch (word) {
    case 'resize':
      writing.resize(numberAt(step, 1, 65_536));
      return;
    case 'segment':
      if (segments.length < 20) segments.push(encoder.createSegment(fieldsFrom(step, 1)));
      return;
    case 'write': {
      const segment = segments[numberAt(step, 1, 20)];
      if (segment !== undefined)
        writing.write(segment.fields, (at) => encoder.writeSegment(segment, out, at));
      return;
    }
    case 'fields': {
      const fields = fieldsFrom(step, 1);
      writing.write(fields, (at) => encoder.writeFields(fields, out, at));
      return;
    }
    case 'field':
    case 'never': {
      const name = textAt(step, 1);
      const value = textAt(step, 2);
      writing.write([name, value], (at) =>
        word === 'field'
          ? encoder.writeField(name, value, out, at)
          : encoder.writeNeverIndexed(name, value, out, at),
      );
      return;
    }
    case 'end':
      writing.end();
      return;
    default:
  }
}
