// Decompresses the messages of one stream, small ones on the event loop, large ones in a thread.
// Invariants: messages and the end stay in order, because while one is in a thread the stream's
// reader is asked for nothing; nothing is inflated past the limit of received messages, and no
// bytes of a peer throw. Made with a stream's first compressed message. gRPC compression.md.
// Not here: which encodings are accepted (client-stream.ts, server-stream.ts).

import { isUint8Array } from 'node:util/types';
import { type CodecDone, isTooLarge, type MessageCodec } from '../grpc/compression-codec.ts';
import type { MessageReader } from '../grpc/message-framing.ts';
import { Status } from '../grpc/status.ts';
import { type CompressionJob, compressionJobs } from './compression-jobs.ts';
import { INLINE_DECOMPRESS_BYTES } from './limits.ts';

/** The stream. Methods must not throw. */
export interface InflationTarget {
  readonly messages: MessageReader;
  /** True once the call is over: nothing more is delivered. */
  readonly isEnded: boolean;
  /** The message; the buffer is transferred. */
  onInflated(message: Buffer): void;
  onInflationFault(code: Status, details: string): void;
  /** The reader may be asked again for what was asked for meanwhile. */
  onInflationDone(): void;
  /** The end, which came while a message was in a thread. */
  onEnd(): void;
}

const NOTHING: Uint8Array = new Uint8Array(0);

/** A codec says nothing about the length of a message: it is likely this many times as long. */
const LIKELY_RATIO = 4;

export class MessageInflation implements CompressionJob {
  nextJob: CompressionJob | undefined;
  /** A message is in a thread, or waits for one. */
  busy: boolean;
  private readonly target: InflationTarget;
  private readonly codec: MessageCodec;
  private readonly maxLength: number;
  private compressed: Uint8Array;
  /** Messages asked for behind the one in the thread. */
  private held: number;
  private endDue: boolean;

  constructor(target: InflationTarget, codec: MessageCodec) {
    this.nextJob = undefined;
    this.busy = false;
    this.target = target;
    this.codec = codec;
    this.maxLength = target.messages.maxMessageLength;
    this.compressed = NOTHING;
    this.held = 0;
    this.endDue = false;
  }

  /** A compressed message, transferred. From inside the reader, which is not asked on while busy. */
  take(compressed: Buffer): void {
    // No encoding makes nothing of a message, but some peers flag empty ones without compressing.
    if (compressed.length === 0) {
      this.target.onInflated(compressed);
      return;
    }
    if (this.isLarge(compressed) || !this.inline(compressed)) this.enqueue(compressed);
  }

  private isLarge(compressed: Uint8Array): boolean {
    const { codec } = this;
    if (codec.decompressAsync === undefined) return false;
    // A false claim is found out by `inline`, at the price of the work up to the limit there.
    if (compressed.length > INLINE_DECOMPRESS_BYTES) return true;
    let claim = compressed.length * LIKELY_RATIO;
    try {
      claim = codec.claimedLength?.(compressed) ?? claim;
    } catch {
      // The message itself will show what is wrong with it.
    }
    return claim > INLINE_DECOMPRESS_BYTES && this.maxLength > INLINE_DECOMPRESS_BYTES;
  }

  /** False for a message that turns out to be a large one. */
  private inline(compressed: Uint8Array): boolean {
    const hasThread = this.codec.decompressAsync !== undefined;
    const limit = hasThread ? Math.min(this.maxLength, INLINE_DECOMPRESS_BYTES) : this.maxLength;
    let message: Uint8Array;
    try {
      message = this.codec.decompress(compressed, limit);
    } catch (error) {
      if (limit < this.maxLength && isTooLarge(error)) return false;
      this.fail(error);
      return true;
    }
    this.deliver(message);
    return true;
  }

  private enqueue(compressed: Uint8Array): void {
    const { messages } = this.target;
    this.busy = true;
    this.compressed = compressed;
    this.held = messages.wanted;
    messages.wanted = 0;
    compressionJobs.add(this);
  }

  /** More messages are asked for. False: the reader is to be asked as always. */
  holds(count: number): boolean {
    if (!this.busy) return false;
    this.held += count;
    return true;
  }

  /** The end was reached. False: nothing is left to come before it. */
  holdsEnd(): boolean {
    if (this.busy) this.endDue = true;
    return this.busy;
  }

  // CompressionJob.

  get isWanted(): boolean {
    return !this.target.isEnded;
  }

  start(done: CodecDone): void {
    this.codec.decompressAsync?.(this.compressed, this.maxLength, done);
  }

  finish(error: Error | null, result: Uint8Array | undefined): void {
    const { target } = this;
    this.busy = false;
    this.compressed = NOTHING;
    if (target.isEnded) return;
    // What was asked for is, but is not delivered from here: this message comes first.
    target.messages.wanted += this.held;
    this.held = 0;
    if (error === null) this.deliver(result);
    else this.fail(error);
    if (target.isEnded) return;
    if (this.endDue) target.onEnd();
    else target.onInflationDone();
  }

  private deliver(message: unknown): void {
    // A codec without types may answer with anything.
    if (!isUint8Array(message)) {
      this.fail(new TypeError('its codec gave no Uint8Array'));
    } else if (message.length > this.maxLength) {
      this.tooLarge();
    } else {
      this.target.onInflated(asBuffer(message));
    }
  }

  private fail(error: unknown): void {
    if (isTooLarge(error)) {
      this.tooLarge();
      return;
    }
    const why = error instanceof Error ? error.message : String(error);
    const details = `cannot decompress a message (${this.codec.name}): ${why}`;
    this.target.onInflationFault(Status.INTERNAL, details);
  }

  private tooLarge(): void {
    const details = `received a compressed message that exceeds ${this.maxLength} bytes when decompressed; raise maxReceiveMessageLength`;
    this.target.onInflationFault(Status.RESOURCE_EXHAUSTED, details);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
