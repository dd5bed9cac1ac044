// The peer of the conversation fuzzer: makes bytes of the steps that are its own, legal or not, and hands
// them to the socket in chunks of seeded sizes. Its header blocks are those of a real encoder, so that
// what the transport reads is hostile by what it says and when, as often as by how.

import { HpackEncoder } from '#sluice/hpack/encoder.js';
import { mulberry32 } from '../support/random.js';
import { PREFACE } from './frame-steps.js';
import type { FuzzSocket } from './fuzz-socket.js';
import { bytesAt, fieldsFrom, numberAt, type Step } from './transcript.js';

const NO_BYTES: Buffer = Buffer.alloc(0);

/** Bytes of one message, compressed by gzip at level 0, whole and cut short. */
const PACKED: readonly Buffer[] = [
  Buffer.from('1f8b08000000000000ff010500faff68656c6c6f86a6103605000000', 'hex'),
  Buffer.from('1f8b08000000000000ff010500faff68656c6c', 'hex'),
  Buffer.from('1f8b08000000000000ff', 'hex'),
  NO_BYTES,
];

/** What payloads are cut from; they are copied when they are sent. */
const ZEROS: Buffer = Buffer.alloc(20_000);

/** Chunks that bytes are cut into at once: beyond it they are longer. */
const MOST_CHUNKS = 500;

/** Bytes that one transcript sends at the most. */
const MOST_BYTES = 1 << 20;

export class HostilePeer {
  private readonly encoder: HpackEncoder = new HpackEncoder(4096);
  private parts: Buffer[] = [];
  private sent = 0;
  private random: () => number = mulberry32(1);
  private mostChunk = MOST_BYTES;

  /** Chunks of 1 to `most` bytes from now on. */
  cut(seed: number, most: number): void {
    this.random = mulberry32(seed);
    this.mostChunk = Math.max(1, most);
  }

  preface(): void {
    this.put(PREFACE);
  }

  /** False for a step that is none of its. */
  send(word: string, step: Step): boolean {
    switch (word) {
      case 'settings':
        this.settings(step);
        return true;
      case 'settings-ack':
        this.frame(4, 1, 0, NO_BYTES);
        return true;
      case 'headers':
        this.headers(step);
        return true;
      case 'data':
        this.data(step, ZEROS.subarray(0, numberAt(step, 4, 20_000)));
        return true;
      case 'bytes':
        this.data(step, bytesAt(step, 4));
        return true;
      case 'message':
        this.message(step);
        return true;
      case 'rst':
        this.frame(3, 0, idAt(step), uint32(numberAt(step, 2, 2 ** 32 - 1)));
        return true;
      case 'window':
        this.frame(8, 0, idAt(step), uint32(numberAt(step, 2, 2 ** 32 - 1)));
        return true;
      case 'ping':
        this.frame(
          6,
          numberAt(step, 1, 1),
          0,
          Buffer.concat([uint32(numberAt(step, 2, 2 ** 32 - 1)), uint32(7)]),
        );
        return true;
      case 'goaway':
        this.frame(
          7,
          0,
          0,
          Buffer.concat([
            uint32(idAt(step)),
            uint32(numberAt(step, 2, 2 ** 32 - 1)),
            bytesAt(step, 3),
          ]),
        );
        return true;
      case 'priority':
        this.frame(
          2,
          0,
          idAt(step),
          Buffer.concat([uint32(numberAt(step, 2, 2 ** 32 - 1)), Buffer.of(1)]),
        );
        return true;
      case 'frame':
        this.frame(
          numberAt(step, 1, 255),
          numberAt(step, 2, 255),
          numberAt(step, 3, 2 ** 32 - 1),
          bytesAt(step, 4),
          numberAt(step, 5, 2 ** 24),
        );
        return true;
      case 'raw':
        this.put(bytesAt(step, 1));
        return true;
      default:
        return false;
    }
  }

  /** Hands over what was sent since the last time. */
  flush(socket: FuzzSocket): void {
    if (this.parts.length === 0) return;
    const bytes = Buffer.concat(this.parts);
    this.parts = [];
    const least = Math.ceil(bytes.length / MOST_CHUNKS);
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + least + Math.floor(this.random() * this.mostChunk));
      socket.receive(bytes.subarray(at, end));
      at = end;
    }
  }

  private put(bytes: Buffer): void {
    if (this.sent + bytes.length > MOST_BYTES) return;
    this.sent += bytes.length;
    this.parts.push(bytes);
  }

  private frame(type: number, flags: number, id: number, payload: Buffer, lie = 0): void {
    const header = Buffer.alloc(9);
    header.writeUIntBE((payload.length + lie) % 2 ** 24, 0, 3);
    header[3] = type;
    header[4] = flags;
    header.writeUInt32BE(id, 5);
    this.put(header);
    if (payload.length > 0) this.put(payload);
  }

  private settings(step: Step): void {
    const entries = (step.length - 1) >> 1;
    const payload = Buffer.alloc(entries * 6);
    for (let i = 0; i < entries; i++) {
      payload.writeUInt16BE(numberAt(step, 1 + 2 * i, 65_535), i * 6);
      payload.writeUInt32BE(numberAt(step, 2 + 2 * i, 2 ** 32 - 1), i * 6 + 2);
    }
    this.frame(4, 0, 0, payload);
  }

  // ['headers', id, flags, padding, split, name, value, ...]; a split of 0 is one frame.
  private headers(step: Step): void {
    const fields = fieldsFrom(step, 5);
    const out = Buffer.alloc(HpackEncoder.bound(fields));
    const block = out.subarray(
      0,
      this.encoder.writeFields(fields, out, this.encoder.beginBlock(out, 0)),
    );
    const split = numberAt(step, 4, 16_384) || 16_384;
    const first = block.subarray(0, split);
    const endHeaders = block.length <= split ? 4 : 0;
    this.padded(1, (numberAt(step, 2, 255) & 1) | endHeaders, step, first);
    for (let at = split; at < block.length; at += split) {
      this.frame(9, at + split >= block.length ? 4 : 0, idAt(step), block.subarray(at, at + split));
    }
  }

  // ['data' | 'bytes', id, flags, padding, length | bytes]
  private data(step: Step, payload: Buffer): void {
    this.padded(0, numberAt(step, 2, 255) & 1, step, payload);
  }

  // ['message', id, flags, padding, length, claimed beyond it, flag byte, packed]
  private message(step: Step): void {
    const packed = numberAt(step, 7, PACKED.length);
    const body =
      packed > 0 ? (PACKED[packed - 1] ?? NO_BYTES) : ZEROS.subarray(0, numberAt(step, 4, 16_000));
    const prefix = Buffer.alloc(5);
    prefix[0] = numberAt(step, 6, 255);
    prefix.writeUInt32BE(Math.min(2 ** 32 - 1, body.length + numberAt(step, 5, 2 ** 32 - 1)), 1);
    this.data(step, Buffer.concat([prefix, body]));
  }

  /** Argument 3 is 0 for no padding, else one more than its bytes. */
  private padded(type: number, flags: number, step: Step, payload: Buffer): void {
    const padding = numberAt(step, 3, 256);
    if (padding === 0) {
      this.frame(type, flags, idAt(step), payload);
      return;
    }
    const bytes = Buffer.concat([Buffer.of(padding - 1), payload, Buffer.alloc(padding - 1)]);
    this.frame(type, flags | 8, idAt(step), bytes);
  }
}

function idAt(step: Step): number {
  return numberAt(step, 1, 2 ** 32 - 1);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
