// A MessageSink that writes down what it is told, and frames to feed a reader with.

import {
  type FramingFault,
  MESSAGE_PREFIX_LENGTH,
  MessageReader,
  type MessageSink,
  writeMessagePrefix,
} from '#sluice/grpc/message-framing.js';

export class Recorder implements MessageSink {
  readonly reader: MessageReader;
  readonly messages: Buffer[] = [];
  readonly flags: boolean[] = [];
  fault: FramingFault | undefined;
  ends = 0;
  /** Called within each onMessage. */
  during: () => void = () => {};

  constructor(maxMessageLength = 4_194_304) {
    this.reader = new MessageReader(this, maxMessageLength);
  }

  onMessage(message: Buffer, compressed: boolean): void {
    this.messages.push(message);
    this.flags.push(compressed);
    this.during();
  }

  /** Said to the reader when it asks for room. */
  room = true;

  mayAllocate(): boolean {
    return this.room;
  }

  onFault(fault: FramingFault): void {
    if (this.fault !== undefined || this.ends > 0) throw new Error('a second end');
    this.fault = fault;
  }

  onEnd(): void {
    if (this.fault !== undefined || this.ends > 0) throw new Error('a second end');
    this.ends++;
  }

  push(bytes: Buffer): void {
    this.reader.push(bytes, 0, bytes.length);
  }
}

/** One message as it is on the wire. */
export function frame(message: Buffer, compressed = 0): Buffer {
  const out = Buffer.alloc(MESSAGE_PREFIX_LENGTH + message.length);
  message.copy(out, writeMessagePrefix(out, 0, compressed, message.length));
  return out;
}

/** A prefix alone. */
export function prefix(length: number, flag = 0): Buffer {
  const out = Buffer.alloc(MESSAGE_PREFIX_LENGTH);
  writeMessagePrefix(out, 0, flag, length);
  return out;
}

/** `length` bytes that differ by place and by seed. */
export function body(length: number, seed = 1): Buffer {
  const out = Buffer.alloc(length);
  for (let i = 0; i < length; i++) out[i] = (i * 31 + seed * 17 + (i >>> 8)) & 255;
  return out;
}
