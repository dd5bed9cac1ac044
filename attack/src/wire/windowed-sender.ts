// DATA as the other end allows it: flow control for what an attacker wants to arrive whole
// (RFC 9113 §6.9). Either role; it must hear every frame from the beginning: pass them to `hear`.
// Invariant: never a byte more than both windows, never a frame above 16,384 bytes; what waits on one
// stream holds back no other.

import { data, Flag, FrameType, Setting } from './frames.ts';
import type { HeardFrame, RawPeer } from './raw-peer.ts';

/** Bytes. Both windows at the start (RFC 9113 §6.9.2). */
const FIRST_WINDOW = 65_535;
const MOST_FRAME = 16_384;

/** One frame's payload, its length what windows are charged. */
export type Framing = (streamId: number, bytes: Uint8Array, endStream: boolean) => Buffer;

interface Waiting {
  left: Uint8Array;
  readonly endStream: boolean;
  /** Frames that go out with its last byte. */
  readonly behind: Uint8Array | undefined;
}

export interface SenderOptions {
  /** Bytes of content in a frame at the most. */
  readonly most?: number;
  /** Bytes that a frame takes of the windows beside its content. */
  readonly overhead?: number;
  readonly framing?: Framing;
}

export class WindowedSender {
  /** Bytes that WINDOW_UPDATE gave one stream at the most, beyond its first window. */
  mostCredit: number;
  private readonly peer: RawPeer;
  private readonly most: number;
  private readonly overhead: number;
  private readonly framing: Framing;
  private readonly waiting: Map<number, Waiting[]>;
  /** Bytes granted by WINDOW_UPDATE less bytes sent, by stream. */
  private readonly deltas: Map<number, number>;
  private readonly credits: Map<number, number>;
  private window: number;
  private initial: number;

  constructor(peer: RawPeer, options: SenderOptions = {}) {
    this.mostCredit = 0;
    this.peer = peer;
    this.overhead = options.overhead ?? 0;
    this.most = Math.min(options.most ?? MOST_FRAME, MOST_FRAME - this.overhead);
    this.framing = options.framing ?? data;
    this.waiting = new Map();
    this.deltas = new Map();
    this.credits = new Map();
    this.window = FIRST_WINDOW;
    this.initial = FIRST_WINDOW;
  }

  /**
   * Sends now what the windows allow, the rest as they open.
   * @param behind frames to write right behind the last byte
   */
  send(streamId: number, bytes: Uint8Array, endStream: boolean, behind?: Uint8Array): void {
    const queue = this.waiting.get(streamId) ?? [];
    queue.push({ left: bytes, endStream, behind });
    this.waiting.set(streamId, queue);
    this.pump(streamId, queue);
  }

  /** Whether anything waits for a window. */
  get waits(): boolean {
    return this.waiting.size > 0;
  }

  hear(frame: HeardFrame): void {
    const { type, flags, streamId, payload } = frame;
    if (type === FrameType.WINDOW_UPDATE) this.onCredit(streamId, payload.readUInt32BE(0));
    else if (type === FrameType.RST_STREAM) this.forget(streamId);
    else if (type === FrameType.SETTINGS && (flags & Flag.ACK) === 0) this.onSettings(payload);
  }

  /** A stream that ended: what waits for it is dropped. */
  forget(streamId: number): void {
    this.waiting.delete(streamId);
    this.deltas.delete(streamId);
  }

  private onCredit(streamId: number, increment: number): void {
    if (streamId === 0) {
      this.window += increment;
      this.pumpAll();
      return;
    }
    this.deltas.set(streamId, (this.deltas.get(streamId) ?? 0) + increment);
    const credit = (this.credits.get(streamId) ?? 0) + increment;
    this.credits.set(streamId, credit);
    this.mostCredit = Math.max(this.mostCredit, credit);
    const queue = this.waiting.get(streamId);
    if (queue !== undefined) this.pump(streamId, queue);
  }

  private onSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== Setting.INITIAL_WINDOW_SIZE) continue;
      this.initial = payload.readUInt32BE(at + 2);
    }
    this.pumpAll();
  }

  private pumpAll(): void {
    for (const [streamId, queue] of this.waiting) this.pump(streamId, queue);
  }

  private pump(streamId: number, queue: Waiting[]): void {
    const frames: Buffer[] = [];
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const room = this.roomOf(streamId);
      const take = Math.min(next.left.length, this.most, room);
      if (take < 0 || (take === 0 && next.left.length > 0)) break;
      const part = next.left.subarray(0, take);
      next.left = next.left.subarray(take);
      const isLast = next.left.length === 0;
      if (isLast) queue.shift();
      this.charge(streamId, take + this.overhead);
      frames.push(this.framing(streamId, part, isLast && next.endStream));
      if (isLast && next.behind !== undefined) frames.push(Buffer.from(next.behind));
    }
    if (frames.length > 0) this.peer.write(Buffer.concat(frames));
    if (queue.length === 0) this.waiting.delete(streamId);
  }

  private roomOf(streamId: number): number {
    const own = this.initial + (this.deltas.get(streamId) ?? 0);
    return Math.min(own, this.window) - this.overhead;
  }

  private charge(streamId: number, bytes: number): void {
    this.window -= bytes;
    this.deltas.set(streamId, (this.deltas.get(streamId) ?? 0) - bytes);
  }
}
