// A reader of HTTP/2 frames that is slow, obvious and has all bytes before it: the reference that the
// frames fuzzer holds the real one to. Written from RFC 9113 §4 and §6 and from the limits a reader is
// given; it shares no code with src/frames but the tape that both fill.

import type { FrameReaderOptions } from '#sluice/frames/frame-handler.js';
import { addSum, type EventTape, Kind } from './event-tape.js';

const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

const PROTOCOL_ERROR = 1;
const FLOW_CONTROL_ERROR = 3;
const FRAME_SIZE_ERROR = 6;
const ENHANCE_YOUR_CALM = 11;

const DATA = 0;
const HEADERS = 1;
const PRIORITY = 2;
const RST_STREAM = 3;
const SETTINGS = 4;
const PUSH_PROMISE = 5;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;

const END_STREAM_OR_ACK = 0x1;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY_FLAG = 0x20;

/** Bytes of GOAWAY that are looked at: the fixed eight and 1,024 of text. */
const MOST_OF_GO_AWAY = 1032;
const MOST_SETTINGS = 32 * 6;

interface Block {
  readonly id: number;
  readonly flags: number;
  readonly selfDependent: boolean;
  readonly parts: Buffer[];
  continuations: number;
}

export class FrameModel {
  private readonly bytes: Buffer;
  private readonly options: FrameReaderOptions;
  private readonly tape: EventTape;
  private block: Block | undefined = undefined;
  private stopped = false;

  constructor(bytes: Buffer, options: FrameReaderOptions, tape: EventTape) {
    this.bytes = bytes;
    this.options = options;
    this.tape = tape;
  }

  /** Fills the tape; true if a fault stopped it. */
  read(): boolean {
    let at = 0;
    if (this.options.expectPreface) {
      const common = Math.min(PREFACE.length, this.bytes.length);
      if (!PREFACE.subarray(0, common).equals(this.bytes.subarray(0, common))) {
        this.connection(PROTOCOL_ERROR);
      } else if (common < PREFACE.length) {
        return false;
      }
      at = PREFACE.length;
    }
    while (!this.stopped && this.bytes.length - at >= 9) {
      const length = this.bytes.readUIntBE(at, 3);
      this.frame(at, length);
      at += 9 + length;
    }
    return this.stopped;
  }

  private connection(code: number): void {
    this.stopped = true;
    this.tape.add(Kind.connectionFault, code);
  }

  private stream(id: number, code: number): void {
    this.tape.add(Kind.streamFault, id, code);
  }

  private frame(at: number, length: number): void {
    const type = this.bytes.readUInt8(at + 3);
    const flags = this.bytes.readUInt8(at + 4);
    const id = this.bytes.readUInt32BE(at + 5) % 2 ** 31;
    // As much of it as has come.
    const payload = this.bytes.subarray(at + 9, at + 9 + length);
    if (length > this.options.maxFrameSize) this.connection(FRAME_SIZE_ERROR);
    else if (this.block !== undefined && type !== CONTINUATION) this.connection(PROTOCOL_ERROR);
    else if (type === DATA) this.data(id, flags, length, payload);
    else if (type === HEADERS) this.headers(id, flags, length, payload);
    else if (type === CONTINUATION) this.continuation(id, flags, length, payload);
    else if (type === PUSH_PROMISE) this.pushPromise(id, flags, length);
    else if (type > CONTINUATION) this.tape.add(Kind.unknown, type, id);
    else this.control(type, id, flags, length, payload);
  }

  private data(id: number, flags: number, length: number, payload: Buffer): void {
    const isPadded = (flags & PADDED) !== 0;
    if (id === 0) {
      this.connection(PROTOCOL_ERROR);
      return;
    }
    if (isPadded && length === 0) {
      this.connection(FRAME_SIZE_ERROR);
      return;
    }
    this.tape.add(Kind.dataFrame, id, flags, length);
    if (isPadded && payload.length === 0) return;
    const padding = isPadded ? 1 + payload.readUInt8(0) : 0;
    if (padding > length) {
      this.connection(PROTOCOL_ERROR);
      return;
    }
    if (payload.length < length) return;
    const start = isPadded ? 1 : 0;
    const content = length - padding;
    const sum = addSum(0, payload, start, start + content);
    this.tape.add(Kind.dataEnd, id, flags, padding, content, sum);
  }

  private headers(id: number, flags: number, length: number, payload: Buffer): void {
    const isPadded = (flags & PADDED) !== 0;
    const hasPriority = (flags & PRIORITY_FLAG) !== 0;
    const prefix = (isPadded ? 1 : 0) + (hasPriority ? 5 : 0);
    if (id === 0) {
      this.connection(PROTOCOL_ERROR);
      return;
    }
    if (length < prefix) {
      this.connection(FRAME_SIZE_ERROR);
      return;
    }
    if (payload.length < prefix) return;
    const padding = isPadded ? payload.readUInt8(0) : 0;
    const end = length - padding;
    if (end < prefix) {
      this.connection(PROTOCOL_ERROR);
      return;
    }
    if (end - prefix > this.options.maxHeaderBlock) {
      this.connection(ENHANCE_YOUR_CALM);
      return;
    }
    if (payload.length < length) return;
    const dependsOn = hasPriority ? payload.readUInt32BE(isPadded ? 1 : 0) % 2 ** 31 : -1;
    const selfDependent = dependsOn === id;
    const parts = [payload.subarray(prefix, end)];
    this.block = { id, flags, selfDependent, parts, continuations: 0 };
    if ((flags & END_HEADERS) !== 0) this.endBlock(this.block);
  }

  private continuation(id: number, flags: number, length: number, payload: Buffer): void {
    const { block, options } = this;
    if (block === undefined || block.id !== id) {
      this.connection(PROTOCOL_ERROR);
      return;
    }
    block.continuations++;
    const total = block.parts.reduce((sum, part) => sum + part.length, length);
    if (block.continuations > options.maxContinuations) {
      this.connection(ENHANCE_YOUR_CALM);
      return;
    }
    if (total > options.maxHeaderBlock) {
      this.connection(ENHANCE_YOUR_CALM);
      return;
    }
    if (payload.length < length) return;
    block.parts.push(payload);
    if ((flags & END_HEADERS) !== 0) this.endBlock(block);
  }

  private endBlock(block: Block): void {
    this.block = undefined;
    const bytes = Buffer.concat(block.parts);
    const sum = addSum(0, bytes, 0, bytes.length);
    this.tape.add(Kind.headers, block.id, block.flags, bytes.length, sum);
    if (block.selfDependent) this.stream(block.id, PROTOCOL_ERROR);
  }

  private pushPromise(id: number, flags: number, length: number): void {
    if (id === 0) this.connection(PROTOCOL_ERROR);
    else if (length < ((flags & PADDED) !== 0 ? 5 : 4)) this.connection(FRAME_SIZE_ERROR);
    else this.tape.add(Kind.pushPromise, id);
  }

  private control(type: number, id: number, flags: number, length: number, all: Buffer): void {
    const isAck = (flags & END_STREAM_OR_ACK) !== 0;
    if (type === SETTINGS || type === PING || type === GOAWAY) {
      if (id !== 0) {
        this.connection(PROTOCOL_ERROR);
        return;
      }
    } else if (type !== WINDOW_UPDATE && id === 0) {
      this.connection(PROTOCOL_ERROR);
      return;
    }
    const size = controlSizeFault(type, isAck, length);
    if (size !== 0) {
      if (type === PRIORITY) this.stream(id, size);
      else this.connection(size);
      return;
    }
    if (all.length < Math.min(length, MOST_OF_GO_AWAY)) return;
    this.wellSized(type, id, isAck, all);
  }

  private wellSized(type: number, id: number, isAck: boolean, payload: Buffer): void {
    if (type === PRIORITY) {
      if (payload.readUInt32BE(0) % 2 ** 31 === id) this.stream(id, PROTOCOL_ERROR);
      else this.tape.add(Kind.priority, id);
    } else if (type === RST_STREAM) {
      this.tape.add(Kind.rstStream, id, payload.readUInt32BE(0));
    } else if (type === PING) {
      this.tape.add(Kind.ping, isAck ? 1 : 0, payload.readUInt32BE(0), payload.readUInt32BE(4));
    } else if (type === GOAWAY) {
      const text = payload.subarray(8, MOST_OF_GO_AWAY);
      const last = payload.readUInt32BE(0) % 2 ** 31;
      const sum = addSum(0, text, 0, text.length);
      this.tape.add(Kind.goAway, last, payload.readUInt32BE(4), text.length, sum);
    } else if (type === WINDOW_UPDATE) {
      const increment = payload.readUInt32BE(0) % 2 ** 31;
      if (increment > 0) this.tape.add(Kind.windowUpdate, id, increment);
      else if (id === 0) this.connection(PROTOCOL_ERROR);
      else this.stream(id, PROTOCOL_ERROR);
    } else if (isAck) {
      this.tape.add(Kind.settingsAck);
    } else {
      this.settings(payload);
    }
  }

  private settings(payload: Buffer): void {
    for (let at = 0; at < payload.length; at += 6) {
      const id = payload.readUInt16BE(at);
      const value = payload.readUInt32BE(at + 2);
      const isServer = !this.options.expectPreface;
      if (id === 2 && (value > 1 || (value === 1 && isServer))) {
        this.connection(PROTOCOL_ERROR);
        return;
      }
      if (id === 4 && value >= 2 ** 31) {
        this.connection(FLOW_CONTROL_ERROR);
        return;
      }
      if (id === 5 && (value < 2 ** 14 || value >= 2 ** 24)) {
        this.connection(PROTOCOL_ERROR);
        return;
      }
    }
    this.tape.add(Kind.settings, payload.length, addSum(0, payload, 0, payload.length));
  }
}

/** The error of a length that the frame may not have, or 0. */
function controlSizeFault(type: number, isAck: boolean, length: number): number {
  if (type === SETTINGS) {
    if (isAck) return length === 0 ? 0 : FRAME_SIZE_ERROR;
    if (length % 6 !== 0) return FRAME_SIZE_ERROR;
    return length > MOST_SETTINGS ? ENHANCE_YOUR_CALM : 0;
  }
  if (type === GOAWAY) return length < 8 ? FRAME_SIZE_ERROR : 0;
  const due = type === PRIORITY ? 5 : type === PING ? 8 : 4;
  return length === due ? 0 : FRAME_SIZE_ERROR;
}
