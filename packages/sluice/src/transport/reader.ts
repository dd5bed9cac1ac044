// The reader: takes chunks from the socket to the frame reader, and is held by the control
// buffer's throttle before each frame.
// Invariants: bytes are parsed in order, at most one held chunk exists, and while the gate is
// closed the socket is paused. Two peers paused on each other would stand still for good, so a gate
// that has been closed for a second on a blocked socket lets single chunks through, until the hard
// cap of queued replies ends the connection (connection.ts). Not here: what frames mean.

import type { Duplex } from 'node:stream';
import type { FrameReader } from '../frames/frame-reader.ts';
import type { Schedule } from './event-loop.ts';
import { CALLS_AHEAD, DISPATCH_SLICE_MS, GATE_STANDSTILL_MS, SMALL_CHUNK } from './limits.ts';
import { type ReadTurn, readTurnOf } from './read-turn.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

/** What the reader asks and tells its connection. */
export interface ReaderListener {
  /** Fewer replies are queued than close the gate. */
  gateOpen(): boolean;
  /** Loopy waits for the socket. */
  writeBlocked(): boolean;
  /** The gate has closed: reading pauses. */
  onGateClosed(): void;
  /** A chunk is about to be parsed; answers with the time, in milliseconds. */
  onChunk(): number;
  /** A chunk was parsed, as far as the gate let it. */
  onChunkEnd(): void;
}

export class Reader implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  /** Milliseconds on the clock; when the gate last changed. */
  gateSinceMs: number;
  private readonly socket: Duplex;
  private readonly frames: FrameReader;
  private readonly listener: ReaderListener;
  private readonly wheel: TimerWheel;
  /** What is parsed is the rest of a chunk that came earlier. */
  resumed: boolean;
  private held: Buffer | undefined;
  private closed: boolean;
  private singleChunks: boolean;
  private discarding: boolean;
  private yielding: boolean;
  /** Looks at the slice that a small chunk is spared. */
  private ahead: number;
  /** When the chunk began to be parsed, ms. */
  private chunkMs: number;
  private readonly turn: ReadTurn;
  private readonly schedule: Schedule;

  constructor(
    socket: Duplex,
    frames: FrameReader,
    listener: ReaderListener,
    wheel: TimerWheel,
    schedule: Schedule,
  ) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.gateSinceMs = wheel.now();
    this.socket = socket;
    this.frames = frames;
    this.listener = listener;
    this.wheel = wheel;
    this.resumed = false;
    this.held = undefined;
    this.closed = false;
    this.singleChunks = false;
    this.discarding = false;
    this.yielding = false;
    this.ahead = 0;
    this.chunkMs = 0;
    this.turn = readTurnOf(schedule);
    this.schedule = schedule;
  }

  get gate(): 'open' | 'closed' {
    return this.closed ? 'closed' : 'open';
  }

  /** Bytes that have come and are not parsed yet: of a chunk that is held, and behind it. */
  get waitingBytes(): number {
    return (this.held?.length ?? 0) + this.socket.readableLength;
  }

  /**
   * Bytes of the socket: chunk[0, length), borrowed until return.
   * @returns false when the socket should be paused
   */
  push(chunk: Buffer, length: number): boolean {
    if (this.discarding) return true;
    if (this.held !== undefined) {
      this.held = Buffer.concat([this.held, chunk.subarray(0, length)]);
      return false;
    }
    return this.parse(chunk, length);
  }

  /** Asks the throttle before the next frame; called when a reply was queued. */
  throttle(): void {
    if (!this.singleChunks && !this.listener.gateOpen()) this.frames.hold();
  }

  /** What is left of the chunk is parsed in the next turn where this one has had its share. */
  shareTurn(): void {
    const nowMs = this.wheel.now();
    if (!this.turn.isSpent(nowMs)) return;
    // Not for calls whose own handlers take long: those wait for each other.
    if (this.ahead === 0 || nowMs - this.chunkMs > DISPATCH_SLICE_MS) this.yieldTurn();
    else this.ahead -= 1;
  }

  private yieldTurn(): void {
    if (this.yielding) return;
    this.yielding = true;
    this.frames.hold();
    this.schedule(() => {
      this.yielding = false;
      // A closed gate resumes by itself, unless it lets single chunks through already.
      if ((!this.closed || this.singleChunks) && !this.discarding) this.resume();
    });
  }

  /** Queued replies were written: reads on if the gate may open. */
  release(): void {
    if (!this.closed || !this.listener.gateOpen()) return;
    this.closed = false;
    this.singleChunks = false;
    this.gateSinceMs = this.wheel.now();
    this.wheel.remove(this);
    if (!this.yielding) this.resume();
  }

  /** Input is thrown away from now on: the connection is closing. */
  discard(): void {
    this.discarding = true;
    this.held = undefined;
    this.wheel.remove(this);
    this.socket.resume();
  }

  onTimer(): void {
    if (!this.closed || this.discarding) return;
    if (this.listener.writeBlocked()) {
      this.singleChunks = true;
      this.resume();
    } else {
      this.wheel.add(this, this.wheel.now() + GATE_STANDSTILL_MS);
    }
  }

  private parse(chunk: Buffer, length: number): boolean {
    const nowMs = this.listener.onChunk();
    if (!this.resumed && !this.turn.admits(nowMs, length)) this.yieldTurn();
    // Held at the very end of a chunk: the gate may have opened since, with nothing to resume.
    if (!this.yielding && this.listener.gateOpen()) this.frames.release();
    this.ahead = length <= SMALL_CHUNK ? CALLS_AHEAD : 0;
    this.chunkMs = nowMs;
    const at = this.frames.read(chunk, 0, length);
    if (at < length) this.hold(chunk, at, length);
    this.listener.onChunkEnd();
    return this.held === undefined;
  }

  private hold(chunk: Buffer, at: number, length: number): void {
    this.held = Buffer.from(chunk.subarray(at, length));
    this.socket.pause();
    if (this.closed || this.listener.gateOpen()) return;
    this.closed = true;
    this.gateSinceMs = this.wheel.now();
    this.wheel.add(this, this.gateSinceMs + GATE_STANDSTILL_MS);
    this.listener.onGateClosed();
  }

  private resume(): void {
    const { held } = this;
    if (held !== undefined && !this.turn.admits(this.wheel.now(), held.length)) {
      this.yieldTurn();
      return;
    }
    this.frames.release();
    this.held = undefined;
    if (held !== undefined) {
      this.resumed = true;
      const isDone = this.parse(held, held.length);
      this.resumed = false;
      if (!isDone) return;
    }
    if (this.held === undefined) this.socket.resume();
  }
}
