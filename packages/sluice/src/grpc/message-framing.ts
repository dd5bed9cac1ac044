// Length-Prefixed-Message of gRPC over HTTP/2: the prefix, and the reader of one stream's messages.
// Invariants: a message that was asked for goes from the socket chunk into one exact-size
// allocation; bytes nobody asked for wait packed in a stash and are deframed when asked; a length
// prefix is a claim, so memory is taken as bytes arrive. Source: gRPC PROTOCOL-HTTP2.md
// ("Delimited-Message"). Not here: decompression, flow-control credit (the transport's; it reads
// the account kept here), what a fault does to the stream.

import { ByteStash, copyBytes } from './byte-stash.ts';
import { messageBuffer } from './message-buffer.ts';
import { Status } from './status.ts';

/** Bytes before each message: one flag byte and a 32-bit big-endian length. */
export const MESSAGE_PREFIX_LENGTH = 5;

/** The prefix's length field reaches this far; the default limit is far below. */
export const MAX_MESSAGE_LENGTH = 0xffff_ffff;

/**
 * Write the 5-byte prefix at `out[at...]`, which has room for it.
 * @param compressed 0 or 1
 * @param length bytes of the message, at most MAX_MESSAGE_LENGTH
 * @returns the index behind the prefix
 */
export function writeMessagePrefix(
  out: Buffer,
  at: number,
  compressed: number,
  length: number,
): number {
  out[at] = compressed;
  out[at + 1] = length >>> 24;
  out[at + 2] = length >>> 16;
  out[at + 3] = length >>> 8;
  out[at + 4] = length;
  return at + MESSAGE_PREFIX_LENGTH;
}

/** Why a stream's bytes cannot be read on: a status for the call, as the peer or user sees it. */
export interface FramingFault {
  readonly code: Status;
  readonly details: string;
}

/**
 * Who takes the messages: the stream itself, so that a call costs no closure. The methods must not
 * throw. Each may call `want`, `end` or `destroy` of its reader, never `push`.
 */
export interface MessageSink {
  /**
   * The next message. The buffer is transferred: exact size, its own memory, never pooled. It took
   * `MESSAGE_PREFIX_LENGTH + message.length` bytes on the wire, which `takeRead` has counted.
   */
  onMessage(message: Buffer, compressed: boolean): void;
  /** Whether there is room for a whole message of `length` bytes now; else it stays in fragments. */
  mayAllocate(length: number): boolean;
  /** The bytes make no sense or exceed the limit; nothing follows, what was held is released. */
  onFault(fault: FramingFault): void;
  /** `end` was called and the last message has been taken; nothing follows. */
  onEnd(): void;
}

// A message this short is allocated with its first byte; an eighth of it is not worth a stash.
const SMALL_MESSAGE_LENGTH = 1_024;

// A longer one when one byte in this many is here: a false prefix then costs at most eight times
// what its sender paid in bytes, and a true one copies an eighth of itself twice.
const ARRIVED_FRACTION = 8;

// Zero bytes cannot be written to, so all empty messages may share them.
const EMPTY: Buffer = Buffer.allocUnsafeSlow(0);

//   open  -- end() -->                         ended
//   open or ended -- bad prefix, destroy() -->  closed
//   ended -- all bytes taken -->                closed, by onEnd or, inside a message, onFault

/**
 * The received bytes of one stream: messages being assembled, and bytes that nobody has asked for.
 * `want(n)` and `push` call the sink, from inside, once per message. The account (`unreadBytes`,
 * `takeRead`, `partialLength`) is exact whenever no method of the reader is on the stack.
 */
export class MessageReader {
  /** Messages asked for and not delivered yet, the partial one included. */
  wanted: number;
  /** True from `onEnd`, `onFault` or `destroy` on: bytes are dropped, nothing is called any more. */
  closed: boolean;
  /**
   * Bytes of one message; what it decompresses to is held to it as well, by the transport. A server
   * sets it anew once it knows the method, before anything was read.
   */
  maxMessageLength: number;
  private ended: boolean;
  private readonly sink: MessageSink;
  private busy: boolean;
  private prefixSeen: number;
  private flag: number;
  private length: number;
  private message: Buffer | null;
  // Bytes of the partial message's body; while `message` is null they lie in the stash.
  private received: number;
  private read: number;
  private stash: ByteStash | null;

  /** @param maxMessageLength bytes, of the message as it is on the wire (compressed or not) */
  constructor(sink: MessageSink, maxMessageLength: number) {
    this.wanted = 0;
    this.closed = false;
    this.maxMessageLength = maxMessageLength;
    this.ended = false;
    this.sink = sink;
    this.busy = false;
    this.prefixSeen = 0;
    this.flag = 0;
    this.length = 0;
    this.message = null;
    this.received = 0;
    this.read = 0;
    this.stash = null;
  }

  /** Bytes held that no `want` has covered. */
  get unreadBytes(): number {
    if (this.stash === null) return 0;
    return this.stash.length - (this.message === null ? this.received : 0);
  }

  /** Bytes of memory taken: the stash's chunks and the message being assembled. */
  get heldBytes(): number {
    const stashed = this.stash === null ? 0 : this.stash.capacity;
    return this.message === null ? stashed : stashed + this.length;
  }

  /** Declared length of the asked-for message whose prefix is here, or 0. */
  get partialLength(): number {
    return this.prefixSeen === MESSAGE_PREFIX_LENGTH ? this.length : 0;
  }

  /** How many bytes of that message's body are here. */
  get partialReceived(): number {
    return this.received;
  }

  /**
   * Bytes newly counted as read since the last call: prefixes and bodies of asked-for messages, as
   * they arrive or as they leave the stash. What the transport gives back as stream credit.
   */
  takeRead(): number {
    const read = this.read;
    this.read = 0;
    return read;
  }

  /** Take the DATA payload `chunk[start, end)`; borrowed until return, copied where kept. */
  push(chunk: Buffer, start: number, end: number): void {
    if (this.busy) throw new Error('MessageReader.push called from inside its own sink');
    if (this.ended || this.closed) return;
    this.busy = true;
    let at = start;
    // While messages are wanted the stash holds fragments of the partial message or nothing.
    while (at < end && this.wanted > 0 && !this.closed) {
      if (this.prefixSeen < MESSAGE_PREFIX_LENGTH) {
        at = this.takePrefix(chunk, at, end);
      } else if (this.message !== null || this.allocate(end - at)) {
        at = this.takeBody(chunk, at, end);
      } else if (!this.closed) {
        this.received += end - at;
        this.read += end - at;
        break;
      }
    }
    this.busy = false;
    if (this.closed) return;
    if (at < end) this.keep(chunk, at, end);
    if (this.ended) this.settle();
  }

  /** Ask for `count` more messages, or the end. Delivers from the stash what is there already. */
  want(count: number): void {
    this.wanted += count;
    if (this.busy || this.closed) return;
    if (this.stash !== null && this.stash.length > 0) this.drain(this.stash);
    if (this.ended && !this.closed) this.settle();
  }

  /** The peer has ended the stream. A message cut short is a fault once it is asked for. */
  end(): void {
    if (this.ended || this.closed) return;
    this.ended = true;
    if (!this.busy) this.settle();
  }

  /** Release everything, call nothing. */
  destroy(): void {
    this.closed = true;
    this.wanted = 0;
    this.prefixSeen = 0;
    this.length = 0;
    this.message = null;
    this.received = 0;
    this.stash = null;
  }

  private keep(chunk: Buffer, start: number, end: number): void {
    if (this.stash === null) this.stash = new ByteStash();
    this.stash.append(chunk, start, end);
  }

  private drain(stash: ByteStash): void {
    this.busy = true;
    while (this.wanted > 0 && !this.closed) {
      const bytes = stash.head();
      if (bytes === null) break;
      if (this.prefixSeen < MESSAGE_PREFIX_LENGTH) {
        stash.advance(this.takePrefix(bytes, stash.headAt, stash.headEnd()));
      } else if (this.message === null) {
        if (this.received > 0) break; // all that is here are fragments, counted before
        if (!this.allocate(stash.length)) {
          if (this.closed) break;
          this.received = stash.length;
          this.read += stash.length;
          break;
        }
      } else {
        this.takeStashedBody(stash, this.message);
      }
    }
    this.busy = false;
    if (this.closed) return;
    if (stash.length === 0) this.stash = null;
    else stash.trim();
  }

  // Returns the index behind what it took; the caller goes on with the body, if there is one.
  private takePrefix(bytes: Buffer, at: number, end: number): number {
    const start = at;
    if (this.prefixSeen === 0 && end - at >= MESSAGE_PREFIX_LENGTH) {
      this.flag = bytes[at] ?? 0;
      this.length = bytes.readUInt32BE(at + 1);
      this.prefixSeen = MESSAGE_PREFIX_LENGTH;
      at += MESSAGE_PREFIX_LENGTH;
    } else {
      while (at < end && this.prefixSeen < MESSAGE_PREFIX_LENGTH) {
        const byte = bytes[at++] ?? 0;
        // Not a shift: the length is unsigned.
        if (this.prefixSeen++ === 0) this.flag = byte;
        else this.length = this.length * 256 + byte;
      }
    }
    this.read += at - start;
    if (this.prefixSeen === MESSAGE_PREFIX_LENGTH) this.checkPrefix();
    return at;
  }

  private checkPrefix(): void {
    if (this.flag > 1) {
      this.fail(
        Status.INTERNAL,
        `received a message with compressed flag ${this.flag}, which is neither 0 nor 1`,
      );
    } else if (this.length > this.maxMessageLength) {
      this.fail(
        Status.RESOURCE_EXHAUSTED,
        `received a message of ${this.length} bytes, above the limit of ${this.maxMessageLength}; raise maxReceiveMessageLength`,
      );
    } else if (this.length === 0) {
      this.deliver(EMPTY);
    }
  }

  // True once the partial message has its memory; `available` body bytes are here beside the
  // fragments in the stash.
  private allocate(available: number): boolean {
    const length = this.length;
    const here = this.received + available;
    if (length > SMALL_MESSAGE_LENGTH && here < length) {
      if (here * ARRIVED_FRACTION < length || !this.sink.mayAllocate(length)) return false;
    }
    let message: Buffer;
    try {
      message = messageBuffer(length);
    } catch {
      // A limit set above what this process can allocate; the peer's bytes must not throw.
      this.fail(
        Status.RESOURCE_EXHAUSTED,
        `no memory for a received message of ${length} bytes; lower maxReceiveMessageLength`,
      );
      return false;
    }
    if (this.received > 0 && this.stash !== null) {
      this.stash.moveTo(message, 0, this.received);
      this.stash = null;
    }
    this.message = message;
    return true;
  }

  private takeBody(bytes: Buffer, at: number, end: number): number {
    const message = this.message;
    if (message === null) return at;
    const count = Math.min(this.length - this.received, end - at);
    copyBytes(bytes, at, at + count, message, this.received);
    this.received += count;
    this.read += count;
    if (this.received === this.length) this.deliver(message);
    return at + count;
  }

  private takeStashedBody(stash: ByteStash, message: Buffer): void {
    const count = stash.moveTo(message, this.received, this.length - this.received);
    this.received += count;
    this.read += count;
    if (this.received === this.length) this.deliver(message);
  }

  // The state is that of a reader between messages before the sink is called: it may call back.
  private deliver(message: Buffer): void {
    const compressed = this.flag === 1;
    this.prefixSeen = 0;
    this.length = 0;
    this.message = null;
    this.received = 0;
    this.wanted--;
    this.sink.onMessage(message, compressed);
  }

  // All bytes that may be taken have been taken: is there anything left to wait for?
  private settle(): void {
    if (this.prefixSeen > 0) {
      const missing =
        this.prefixSeen < MESSAGE_PREFIX_LENGTH
          ? `after ${this.prefixSeen} of the 5 bytes of its prefix`
          : `after ${this.received} of its ${this.length} bytes`;
      this.fail(Status.INTERNAL, `the stream ended inside a message, ${missing}`);
    } else if (this.stash === null) {
      this.destroy();
      this.sink.onEnd();
    }
  }

  private fail(code: Status, details: string): void {
    this.destroy();
    this.sink.onFault({ code, details });
  }
}
