// The message-framing fuzzer: bytes that are nearly messages go to a MessageReader in any chunks, asked
// for before, between and after, and to the reference. Messages, faults, ends and every figure of its
// account must be the reference's, and memory stays in proportion to what has come. A small part goes
// through the codecs too: what was compressed comes back, and nothing decompresses past its limit.

import { isTooLarge, type MessageCodec } from '#sluice/grpc/compression-codec.js';
import { deflateEncoding, gzipEncoding } from '#sluice/grpc/compression-zlib.js';
import {
  type FramingFault,
  MessageReader,
  type MessageSink,
  writeMessagePrefix,
} from '#sluice/grpc/message-framing.js';
import { Status } from '#sluice/grpc/status.js';
import type { Dice } from '../model/dice.js';
import { noise } from './frame-steps.js';
import { FramingModel } from './framing-model.js';
import { broken, hold, type Target } from './target.js';
import { bytesAt, numberAt, type Step, type Transcript, wordOf } from './transcript.js';

export const messageFraming: Target = { name: 'message-framing', share: 0.17, generate, run };

// What a transcript is made of.

function generate(dice: Dice): Transcript {
  if (dice.chance(0.004)) return generateCompressed(dice);
  const limit = dice.pick(20, 100, 5000, 70_000, 4_194_304);
  const steps: Step[] = [['reader', limit, dice.pick(0, 0, 1, 2), dice.pick(1, 1, 1, 0)]];
  const most = dice.pick(1, 4, 9, 30, 30, 3000);
  let wire: Buffer = Buffer.alloc(0);
  for (let left = 1 + dice.int(8); left > 0; left--) {
    const choice = dice.int(10);
    if (choice < 3) steps.push(['want', 1 + dice.int(3)]);
    if (choice === 3) steps.push(['room', dice.int(2)]);
    wire = Buffer.concat([wire, message(dice, limit)]);
    while (wire.length > 0 && dice.chance(0.85)) {
      const length = Math.min(wire.length, 1 + dice.int(most));
      steps.push(['push', wire.subarray(0, length)]);
      wire = wire.subarray(length);
    }
  }
  if (dice.chance(0.8)) steps.push(['push', wire]);
  if (dice.chance(0.5)) steps.push(['want', dice.int(5)]);
  if (dice.chance(0.8)) steps.push(['end']);
  if (dice.chance(0.5)) steps.push(['want', 1 + dice.int(4)]);
  if (dice.chance(0.05)) steps.splice(dice.int(steps.length), 0, ['destroy']);
  return steps;
}

function message(dice: Dice, limit: number): Buffer {
  const body = dice.chance(0.95)
    ? noise(dice, 16)
    : Buffer.alloc(dice.int(dice.pick(100, 3000, 20_000)), dice.int(256));
  const out = Buffer.allocUnsafe(5 + body.length);
  const claims = dice.chance(0.06)
    ? dice.pick(limit, limit + 1, 2 ** 32 - 1, 2 ** 31, 0, body.length + 1)
    : body.length;
  writeMessagePrefix(out, 0, dice.chance(0.02) ? dice.int(256) : dice.int(2), claims);
  body.copy(out, 5);
  return out;
}

function generateCompressed(dice: Dice): Transcript {
  const body = dice.chance(0.3) ? Buffer.alloc(dice.int(200_000), 65) : noise(dice, 300);
  const changes: Step = [
    'codec',
    dice.int(2),
    body,
    dice.pick(0, 1, 100, 4096, 200_000),
    dice.int(3),
    dice.int(4096),
    dice.int(256),
  ];
  return [changes];
}

// What must hold.

class Sink implements MessageSink {
  readonly messages: Buffer[] = [];
  readonly flags: boolean[] = [];
  fault: FramingFault | undefined = undefined;
  ends = 0;
  room = true;
  /** Asked for within each onMessage. */
  during = 0;
  reader: MessageReader | undefined = undefined;

  onMessage(message: Buffer, compressed: boolean): void {
    this.messages.push(message);
    this.flags.push(compressed);
    if (this.during > 0) this.reader?.want(this.during);
  }

  mayAllocate(): boolean {
    return this.room;
  }

  onFault(fault: FramingFault): void {
    hold(this.fault === undefined && this.ends === 0, 'a second end, by a fault');
    this.fault = fault;
  }

  onEnd(): void {
    hold(this.fault === undefined && this.ends === 0, 'a second end');
    this.ends++;
  }
}

class Reading {
  private readonly sink = new Sink();
  private readonly reader: MessageReader;
  private readonly model: FramingModel;
  private compared = 0;
  private taken = 0;
  private readonly during: number;

  constructor(limit: number, during: number) {
    this.reader = new MessageReader(this.sink, limit);
    this.sink.reader = this.reader;
    this.sink.during = during;
    this.during = during;
    this.model = new FramingModel(limit);
  }

  apply(word: string, step: Step): void {
    const { reader, model } = this;
    if (word === 'push') {
      const bytes = bytesAt(step, 1);
      // Borrowed: a view that is kept would see it overwritten.
      const chunk = Buffer.from(bytes);
      model.push(bytes);
      reader.push(chunk, 0, chunk.length);
      chunk.fill(0xee);
    } else if (word === 'want') {
      const count = numberAt(step, 1, 1000);
      if (!model.isOver) model.wanted += count;
      reader.want(count);
    } else if (word === 'room') {
      this.sink.room = numberAt(step, 1, 1) === 1;
    } else if (word === 'end') {
      model.isEnded = true;
      reader.end();
    } else if (word === 'destroy') {
      model.isDestroyed = true;
      reader.destroy();
    }
    while (model.step()) model.wanted += this.during;
    this.check();
  }

  get outcome(): string {
    const { model } = this;
    if (model.fault !== Status.OK) return `fault ${model.fault}`;
    if (model.hasEnded) return 'ended';
    return model.isDestroyed ? 'destroyed' : 'open';
  }

  private check(): void {
    const { model, reader, sink } = this;
    if (sink.messages.length !== model.messages.length)
      broken(`${sink.messages.length} messages, not ${model.messages.length}`);
    for (; this.compared < model.messages.length; this.compared++) this.compareMessage();
    const told = sink.fault?.code ?? Status.OK;
    if (told !== model.fault) broken(`fault ${told} ${sink.fault?.details}, not ${model.fault}`);
    if (sink.ends !== (model.hasEnded ? 1 : 0)) broken(`${sink.ends} ends`);
    if (reader.closed !== model.isOver) broken(`closed is ${reader.closed}`);
    this.taken += reader.takeRead();
    if (model.isDestroyed) return;
    if (this.taken !== model.consumed) broken(`${this.taken} bytes read, not ${model.consumed}`);
    if (reader.unreadBytes !== model.unread)
      broken(`${reader.unreadBytes} unread, not ${model.unread}`);
    if (reader.partialLength !== model.partialLength)
      broken(`a partial message of ${reader.partialLength}, not ${model.partialLength}`);
    // Twice what has come and is not delivered, a message with an eighth of it here, two chunks.
    const bound = 10 * model.held + 1024 + 2 * 16_384 + 256;
    if (reader.heldBytes > bound) broken(`${reader.heldBytes} bytes held for ${model.held}`);
    hold(!model.isOver || reader.heldBytes === 0, 'nothing is held after the end');
  }

  private compareMessage(): void {
    const { model, sink } = this;
    const should = model.messages[this.compared];
    const message = sink.messages[this.compared];
    if (should === undefined || message === undefined) return;
    if (message.length !== should.length)
      broken(`a message of ${message.length}, not ${should.length}`);
    hold(sink.flags[this.compared] === (should.flag === 1), 'the compressed flag');
    for (let i = 0; i < message.length; i++) {
      if (message[i] !== model.byteAt(should.from + i)) broken(`byte ${i} of a message differs`);
    }
  }
}

const CODECS: readonly MessageCodec[] = [gzipEncoding(), deflateEncoding()];

function run(transcript: Transcript): string {
  let reading: Reading | undefined;
  for (const step of transcript) {
    const word = wordOf(step);
    if (word === 'reader') {
      reading = new Reading(numberAt(step, 1, 2 ** 32 - 1), numberAt(step, 2, 2));
      reading.apply('room', ['room', numberAt(step, 3, 1)]);
    } else if (word === 'codec') {
      checkCodec(step);
    } else {
      reading ??= new Reading(4_194_304, 0);
      reading.apply(word, step);
    }
  }
  return reading === undefined ? 'codec' : reading.outcome;
}

function checkCodec(step: Step): void {
  const codec = CODECS[numberAt(step, 1, 1)];
  if (codec === undefined) return;
  const message = bytesAt(step, 2);
  const limit = numberAt(step, 3, 1 << 20);
  const damage = numberAt(step, 4, 2);
  let compressed = Buffer.from(codec.compress(message));
  const at = numberAt(step, 5, 1 << 20) % Math.max(1, compressed.length);
  if (damage === 1) compressed[at] = numberAt(step, 6, 255);
  if (damage === 2) compressed = compressed.subarray(0, at);
  let read: Uint8Array;
  try {
    read = codec.decompress(compressed, limit);
  } catch (error) {
    hold(error instanceof Error, 'a codec throws errors');
    if (damage > 0) return;
    if (!(isTooLarge(error) && message.length > limit))
      broken(`${message.length} bytes within ${limit}: ${error.message}`);
    return;
  }
  if (read.length > limit) broken(`${read.length} bytes past the limit of ${limit}`);
  hold(damage > 0 || message.equals(read), 'the message comes back as it was');
}
