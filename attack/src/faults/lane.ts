// One direction of a proxied connection: what comes in leaves late, slowly, in pieces, not at all, or
// up to the end of a frame and no further.
// Invariants: bytes keep their order; what a lane holds is bounded, past which its source is not
// read, so that TCP's own backpressure reaches the sender; a fault is final except for `hold` and
// `stopReading`. Not here: what the other direction does meanwhile (fault-proxy.ts).

import type { Socket } from 'node:net';
import { FrameBoundaries } from './frame-boundaries.ts';
import { monotonicMs } from './monotonic-clock.ts';

/** How the bytes of a lane are cut: as they come, one by one, or at random. */
export type Chunking = 'whole' | 'one-byte' | 'random';

/** What a lane is like; a change holds for bytes that are still to come. */
export interface LaneSettings {
  /** Milliseconds from one end to the other; default 0. */
  readonly delayMs?: number;
  /** Default Infinity. */
  readonly bytesPerSecond?: number;
  /** Each piece leaves in a turn of its own, except `whole`, the default. */
  readonly chunking?: Chunking;
}

/** What happens at a frame's end. */
export type LaneBreak = () => void;

/** Bytes that a lane holds before its source is no longer read. */
export const LANE_BYTES = 1_048_576;

/** Bytes that travel together where there is a rate: at 1 MB/s, 16 ms. */
const SEGMENT = 16_384;

/** The longest random piece. */
const LONGEST_PIECE = 48;

interface Segment {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

/** Carries the bytes of `from` to `to`. */
export class Lane {
  settings: LaneSettings;
  /** Bytes that were passed on. */
  bytes: number;
  /** When the last of them were, on the clock of `monotonicMs`; 0 before the first. */
  lastPassedMs: number;
  private readonly from: Socket;
  private readonly to: Socket;
  private readonly capacity: number;
  private readonly random: () => number;
  private readonly boundaries: FrameBoundaries;
  private readonly segments: Segment[];
  private queued: number;
  private freeAtMs: number;
  private lastDueMs: number;
  private timer: NodeJS.Timeout | undefined;
  private turn: NodeJS.Immediate | undefined;
  private held: boolean;
  private reading: boolean;
  private blocked: boolean;
  private sourceEnded: boolean;
  private finished: boolean;
  private discarding: boolean;
  private vanished: boolean;
  private stopAt: number;
  private onStop: LaneBreak | undefined;

  /**
   * @param random numbers in [0, 1)
   * @param hasPreface true towards the server
   */
  constructor(
    from: Socket,
    to: Socket,
    settings: LaneSettings,
    hasPreface: boolean,
    capacity: number,
    random: () => number,
  ) {
    this.settings = settings;
    this.bytes = 0;
    this.lastPassedMs = 0;
    this.from = from;
    this.to = to;
    this.capacity = capacity;
    this.random = random;
    this.boundaries = new FrameBoundaries(hasPreface);
    this.segments = [];
    this.queued = 0;
    this.freeAtMs = 0;
    this.lastDueMs = 0;
    this.timer = undefined;
    this.turn = undefined;
    this.held = false;
    this.reading = true;
    this.blocked = false;
    this.sourceEnded = false;
    this.finished = false;
    this.discarding = false;
    this.vanished = false;
    this.stopAt = Number.POSITIVE_INFINITY;
    this.onStop = undefined;
    from.on('data', (chunk: Buffer) => this.take(chunk));
    from.on('end', () => {
      this.sourceEnded = true;
      this.pump();
    });
    to.on('drain', () => {
      this.blocked = false;
      this.pump();
    });
  }

  /** Frames that were passed on whole. */
  get frames(): number {
    return this.boundaries.frames;
  }

  /** Bytes that came in and wait here. */
  get waitingBytes(): number {
    return this.queued;
  }

  /** True once bytes, and the end, go nowhere. */
  get isBlackHole(): boolean {
    return this.vanished;
  }

  // Faults.

  /** What comes in waits until `release`, within what a lane may hold; the other lane goes on. */
  hold(): void {
    this.held = true;
  }

  /** What waited leaves, at once. */
  release(): void {
    this.held = false;
    this.pump();
  }

  /** The source is not read until `resumeReading`: its buffers fill, then its sender stops. */
  stopReading(): void {
    this.reading = false;
    this.from.pause();
  }

  resumeReading(): void {
    this.reading = true;
    this.readMore();
  }

  /** Bytes vanish from here on, and so does the end of the connection: nobody is told anything. */
  vanish(): void {
    this.vanished = true;
    this.discard();
  }

  /** Bytes vanish from here on; an end or a reset is passed on. */
  discard(): void {
    this.discarding = true;
    this.held = false;
    this.segments.length = 0;
    this.queued = 0;
    this.cancelTimers();
    this.readMore();
    this.pump();
  }

  /** Half-closes: a FIN behind what has left; what follows vanishes. */
  finish(): void {
    this.sourceEnded = true;
    this.discard();
  }

  /**
   * Calls `onStop` once, exactly when frame `count` (from 1; 0 is before the first) has left whole,
   * and holds what follows: `onStop` says what becomes of it.
   */
  breakAtFrame(count: number, onStop: LaneBreak): void {
    this.stopAt = count;
    this.onStop = onStop;
  }

  /** The connection is over. */
  stop(): void {
    this.finished = true;
    this.cancelTimers();
  }

  // The way of the bytes.

  private take(chunk: Buffer): void {
    if (this.discarding) return;
    const { delayMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY } = this.settings;
    const now = performance.now();
    const step = bytesPerSecond === Number.POSITIVE_INFINITY ? chunk.length : SEGMENT;
    for (let at = 0; at < chunk.length; at += step) {
      const bytes = chunk.subarray(at, at + step);
      this.freeAtMs = Math.max(now, this.freeAtMs) + (bytes.length * 1000) / bytesPerSecond;
      // A delay that was shortened must not let later bytes pass earlier ones.
      this.lastDueMs = Math.max(this.lastDueMs, this.freeAtMs + delayMs);
      this.segments.push({ bytes, dueMs: this.lastDueMs });
      this.queued += bytes.length;
    }
    if (this.queued >= this.capacity) this.from.pause();
    this.pump();
  }

  private pump(): void {
    while (!this.held && !this.blocked && !this.finished) {
      if (this.timer !== undefined || this.turn !== undefined) return;
      const segment = this.segments[0];
      if (segment === undefined) break;
      const waitMs = segment.dueMs - performance.now();
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.resume(), waitMs);
        break;
      }
      const length = this.pieceLength(segment.bytes.length);
      if (this.passOn(segment, length)) return;
      if (this.settings.chunking !== undefined && this.settings.chunking !== 'whole') {
        this.turn = setImmediate(() => this.resume());
      }
    }
    if (this.segments.length === 0 && this.sourceEnded && !this.finished && !this.vanished) {
      this.finished = true;
      this.to.end();
    }
    this.readMore();
  }

  private resume(): void {
    this.timer = undefined;
    this.turn = undefined;
    this.pump();
  }

  private pieceLength(available: number): number {
    switch (this.settings.chunking ?? 'whole') {
      case 'whole':
        return available;
      case 'one-byte':
        return 1;
      case 'random':
        return Math.min(available, 1 + Math.floor(this.random() * LONGEST_PIECE));
    }
  }

  /** Writes up to `length` bytes of the first segment; true when the break was reached with them. */
  private passOn(segment: Segment, length: number): boolean {
    const piece = segment.bytes.subarray(0, length);
    const taken = this.boundaries.take(piece, this.stopAt);
    const rest = segment.bytes.subarray(taken);
    if (rest.length === 0) this.segments.shift();
    else this.segments[0] = { bytes: rest, dueMs: segment.dueMs };
    this.queued -= taken;
    this.bytes += taken;
    if (taken > 0) {
      this.lastPassedMs = monotonicMs();
      this.blocked = !this.to.write(piece.subarray(0, taken));
    }
    if (!this.boundaries.isAt(this.stopAt)) return false;
    const { onStop } = this;
    this.stopAt = Number.POSITIVE_INFINITY;
    this.onStop = undefined;
    this.held = true;
    onStop?.();
    return true;
  }

  private readMore(): void {
    if (this.reading && this.queued < this.capacity) this.from.resume();
  }

  private cancelTimers(): void {
    clearTimeout(this.timer);
    clearImmediate(this.turn);
    this.timer = undefined;
    this.turn = undefined;
  }
}
