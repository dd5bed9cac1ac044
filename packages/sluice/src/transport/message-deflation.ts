// Compresses the messages of one stream before they become DATA, small ones on the event loop, large
// ones in a thread.
// Invariants: messages and the end keep their order, so what comes behind one that is in a thread
// waits; what waits is in the stream's accounts with its full length, like any queued message.
// Not here: whether a call compresses (client-stream.ts, server-stream.ts). gRPC compression.md.

import { isUint8Array } from 'node:util/types';
import type { CodecDone, MessageCodec } from '../grpc/compression-codec.ts';
import { isUncompressed } from '../grpc/compression-mark.ts';
import { MESSAGE_PREFIX_LENGTH } from '../grpc/message-framing.ts';
import { type CompressionJob, compressionJobs } from './compression-jobs.ts';
import { DataItem, endOfStream } from './data-item.ts';
import { INLINE_COMPRESS_BYTES } from './limits.ts';
import type { LoopyWriter } from './loopy-writer.ts';
import { OutState, type OutStream } from './out-stream.ts';

/** The stream. Methods must not throw. */
export interface DeflationTarget {
  readonly out: OutStream;
  readonly connection: { readonly loopy: LoopyWriter; queueTime(): number };
  /** A message could not be compressed: the call fails, if it goes on still. */
  onDeflationFault(details: string): void;
  /** Server: what had to be sent was queued, the trailers are next. */
  onDeflationDone(): void;
}

/** What follows a message that is in a thread. */
interface Waiting {
  readonly message: Uint8Array | undefined;
  readonly last: boolean;
  next: Waiting | undefined;
}

export class MessageDeflation implements CompressionJob {
  nextJob: CompressionJob | undefined;
  readonly codec: MessageCodec;
  private readonly target: DeflationTarget;
  // The first is in a thread, or waits for one.
  private first: Waiting | undefined;
  private last: Waiting | undefined;
  private trailersDue: boolean;

  constructor(target: DeflationTarget, codec: MessageCodec) {
    this.nextJob = undefined;
    this.codec = codec;
    this.target = target;
    this.first = undefined;
    this.last = undefined;
    this.trailersDue = false;
  }

  /**
   * Queues a message.
   * @returns false when the writer should wait for onWritable
   */
  send(message: Uint8Array, last: boolean): boolean {
    if (this.first !== undefined) return this.hold(message, last);
    return this.isLarge(message) ? this.enqueue(message, last) : this.append(message, last);
  }

  /** The bare end of the stream. */
  halfClose(): void {
    if (this.first !== undefined) this.hold(undefined, true);
    else this.put(endOfStream());
  }

  /** The trailers come next. False: they may be queued now. */
  holdsTrailers(): boolean {
    this.trailersDue = this.first !== undefined;
    return this.trailersDue;
  }

  private isLarge(message: Uint8Array): boolean {
    if (message.length <= INLINE_COMPRESS_BYTES) return false;
    return this.codec.compressAsync !== undefined && !isUncompressed(message);
  }

  private enqueue(message: Uint8Array, last: boolean): boolean {
    const writable = this.hold(message, last);
    compressionJobs.add(this);
    return writable;
  }

  private append(message: Uint8Array, last: boolean): boolean {
    // An empty message cannot get smaller, and no peer compresses it.
    if (message.length === 0 || isUncompressed(message)) {
      return this.put(new DataItem(message, 0, last));
    }
    let compressed: unknown;
    try {
      compressed = this.codec.compress(message);
    } catch (error) {
      this.fail(error);
      return true;
    }
    return this.putCompressed(compressed, last);
  }

  private putCompressed(compressed: unknown, last: boolean): boolean {
    // A codec without types may answer with anything.
    if (isUint8Array(compressed)) return this.put(new DataItem(compressed, 1, last));
    this.fail(new TypeError('its codec gave no Uint8Array'));
    return true;
  }

  private put(item: DataItem): boolean {
    const { connection, out } = this.target;
    return connection.loopy.appendData(out, item, connection.queueTime());
  }

  private fail(error: unknown): void {
    // What waits behind the lost message would seem to follow the one before it.
    while (this.first !== undefined) this.shift();
    const why = error instanceof Error ? error.message : String(error);
    this.target.onDeflationFault(`cannot compress a message (${this.codec.name}): ${why}`);
  }

  // What waits here is accounted where queued data is: a stream that goes takes it along.

  private hold(message: Uint8Array | undefined, last: boolean): boolean {
    const { out } = this.target;
    if (out.state === OutState.gone) return true;
    const waiting: Waiting = { message, last, next: undefined };
    if (this.last === undefined) this.first = waiting;
    else this.last.next = waiting;
    this.last = waiting;
    this.account(message, 1);
    return this.target.connection.loopy.hasRoom(out);
  }

  private shift(): void {
    const waiting = this.first;
    if (waiting === undefined) return;
    this.first = waiting.next;
    if (this.first === undefined) this.last = undefined;
    this.account(waiting.message, -1);
  }

  private account(message: Uint8Array | undefined, sign: number): void {
    const { connection, out } = this.target;
    const { buffer } = connection.loopy;
    const bytes = message === undefined ? 0 : sign * (message.length + MESSAGE_PREFIX_LENGTH);
    out.itemCount += sign;
    out.queuedBytes += bytes;
    out.writeQuota -= bytes;
    buffer.items += sign;
    buffer.bytes += bytes;
  }

  // CompressionJob.

  get isWanted(): boolean {
    return this.target.out.state !== OutState.gone;
  }

  start(done: CodecDone): void {
    const message = this.first?.message;
    if (message !== undefined) this.codec.compressAsync?.(message, done);
  }

  finish(error: Error | null, result: Uint8Array | undefined): void {
    const { out } = this.target;
    const waiting = this.first;
    // With the stream went its accounts.
    if (waiting === undefined || out.state === OutState.gone) return;
    const { paused } = out;
    this.shift();
    if (error === null) this.putCompressed(result, waiting.last);
    else this.fail(error);
    this.goOn();
    // Nobody was told just now: the writer hears of it with its next message.
    if (!paused) out.paused = false;
  }

  private goOn(): void {
    const { out } = this.target;
    while (out.state !== OutState.gone) {
      const waiting = this.first;
      if (waiting === undefined) break;
      const { message, last } = waiting;
      if (message !== undefined && this.isLarge(message)) {
        compressionJobs.add(this);
        break;
      }
      this.shift();
      if (message === undefined) this.put(endOfStream());
      else this.append(message, last);
    }
    // A writer that was told to pause hears of it when what was put is written, as always.
    if (out.state === OutState.gone || this.first !== undefined || !this.trailersDue) return;
    this.trailersDue = false;
    this.target.onDeflationDone();
  }
}
