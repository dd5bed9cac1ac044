// The loopy writer: the one consumer of the control buffer and the one writer of frames.
// Longer than 400 lines because a turn's order and accounts are to be read in one place.
// Invariants: `sendQuota` is the connection's credit; a stream with data to send is on exactly
// one of `active` (round robin) or `waiting` (no stream quota); control frames are written
// before HEADERS and DATA, so a SETTINGS ACK precedes everything that uses the new values.
// It runs once per turn of the event loop, in the check phase, after all input of the turn was
// handled: that is what gathers a burst into one write and costs a lone call nothing.
// RFC 9113 §5.2, §6.9. Not here: the receiving side, what a frame means to a call.

import { writeDataHeader } from '../frames/data.ts';
import { ErrorCode } from '../frames/error-code.ts';
import { FRAME_HEADER_LENGTH } from '../frames/frame-header.ts';
import { headersOverhead, sealHeaders } from '../frames/headers.ts';
import { RST_STREAM_FRAME_LENGTH, writeRstStream } from '../frames/rst-stream.ts';
import { WINDOW_UPDATE_FRAME_LENGTH, writeWindowUpdate } from '../frames/window-update.ts';
import { HpackEncoder } from '../hpack/encoder.ts';
import { ControlBuffer, ControlKind } from './control-buffer.ts';
import { writeControlFrame } from './control-frames.ts';
import { type DataItem, NO_PREFIX, writeItemBytes } from './data-item.ts';
import type { Schedule } from './event-loop.ts';
import { DEFAULT_WINDOW, HEADER_TABLE_SIZE, MAX_FRAME, MAX_WINDOW } from './limits.ts';
import { OutState, type OutStream, StreamList } from './out-stream.ts';
import type { WriteBatch } from './write-batch.ts';
import { type WriteTurn, writeTurnOf } from './write-turn.ts';

/** What loopy tells its connection. Called on loopy's turn; must not throw. */
export interface LoopyListener {
  /** Before anything is encoded this turn. */
  onTurn(): void;
  /** PING of ours is in the batch. */
  onPingWritten(high: number, low: number): void;
  /** HEADERS or DATA of a call are in the batch. */
  onCallBytes(): void;
  /** Everything before the close item is with the socket. */
  onCloseWritten(): void;
  /** The turn ended; queues may be shorter now. */
  onTurnEnd(): void;
  /** More is queued than the lease; false when writers should pause. */
  onQueueGrown(): boolean;
}

export type LoopyState = 'parked' | 'running' | 'blocked-on-socket';

export class LoopyWriter {
  readonly encoder: HpackEncoder;
  readonly buffer: ControlBuffer;
  sendQuota: number;
  /** Outgoing initial window size: the peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  outgoingInitialWindow: number;
  readonly active: StreamList;
  readonly waiting: StreamList;
  /** Items that left the queue since the connection began. */
  itemsWritten: number;
  /** Bytes of connection credit that the peer has given since the connection began. */
  credited: number;
  /** Bytes of DATA that were framed since the connection began. */
  dataWritten: number;
  private readonly batch: WriteBatch;
  private readonly listener: LoopyListener;
  private readonly schedule: Schedule;
  private readonly writeTurn: WriteTurn;
  private readonly run: () => void;
  private scheduled: boolean;
  private blocked: boolean;
  private stopped: boolean;
  private connectionUpdate: number;
  private readonly updates: OutStream[];

  constructor(batch: WriteBatch, listener: LoopyListener, schedule: Schedule) {
    this.encoder = new HpackEncoder(HEADER_TABLE_SIZE);
    this.buffer = new ControlBuffer(this);
    this.sendQuota = DEFAULT_WINDOW;
    this.outgoingInitialWindow = DEFAULT_WINDOW;
    this.active = new StreamList();
    this.waiting = new StreamList();
    this.itemsWritten = 0;
    this.credited = 0;
    this.dataWritten = 0;
    this.batch = batch;
    this.listener = listener;
    this.schedule = schedule;
    this.writeTurn = writeTurnOf(schedule);
    this.run = () => this.turn();
    this.scheduled = false;
    this.blocked = false;
    this.stopped = false;
    this.connectionUpdate = 0;
    this.updates = [];
  }

  get state(): LoopyState {
    if (this.blocked) return 'blocked-on-socket';
    return this.scheduled ? 'running' : 'parked';
  }

  /** The control buffer has something for a parked loopy. */
  wake(): void {
    if (this.scheduled || this.blocked || this.stopped) return;
    this.scheduled = true;
    this.schedule(this.run);
  }

  /** The socket took a write. */
  onWritten(): void {
    if (!this.blocked || this.batch.blocked) return;
    this.blocked = false;
    this.wake();
  }

  /** Writes nothing any more. */
  stop(): void {
    this.stopped = true;
  }

  // What takes effect when it is put: nothing below writes a byte by itself.

  /** A message, or the bare end. Dropped if the stream is gone. False: the writer should pause. */
  appendData(stream: OutStream, item: DataItem, nowMs: number): boolean {
    if (stream.state === OutState.gone || this.stopped) return true;
    if (stream.record !== undefined && item.flag !== NO_PREFIX) {
      stream.record.onSent(item.payload.length, item.flag === 1);
    }
    item.queuedAt = nowMs;
    stream.append(item);
    this.buffer.items += 1;
    this.buffer.bytes += item.length;
    stream.writeQuota -= item.length;
    if (stream.state === OutState.empty) {
      if (item.length === 0) this.buffer.putHead(stream, nowMs);
      else this.activate(stream);
    }
    this.buffer.wake();
    return this.hasRoom(stream);
  }

  /** Whether the writer of the stream may go on; if not, it is told by onWritable. */
  hasRoom(stream: OutStream): boolean {
    const { buffer } = this;
    const isShared = stream.writeQuota > 0 && buffer.bytes <= buffer.shareAbove;
    if (isShared && this.isWithinLease()) return true;
    stream.paused = true;
    return false;
  }

  /** Drops messages of which nothing is written; what ends the stream may still be put. */
  dropData(stream: OutStream): void {
    if (stream.state === OutState.gone || stream.first === undefined) return;
    this.buffer.items -= stream.itemCount;
    this.buffer.bytes -= stream.queuedBytes;
    stream.writeQuota += stream.queuedBytes;
    stream.dropData();
    if (stream.state === OutState.active || stream.state === OutState.waitingOnStreamQuota) {
      stream.list?.remove(stream);
      stream.state = OutState.empty;
    }
  }

  /** False: writers should pause, the memory budget holds the connection back. */
  private isWithinLease(): boolean {
    return this.buffer.bytes <= this.buffer.lease || this.listener.onQueueGrown();
  }

  /** Trailers after whatever data is queued. */
  appendTrailers(stream: OutStream, resetAfter: boolean, nowMs: number): void {
    if (stream.state === OutState.gone) return;
    stream.trailersPending = true;
    stream.resetAfterTrailers = resetAfter;
    // No HEADERS were put before: the trailers are the whole response (trailers-only).
    if (stream.state === OutState.queued && !stream.headPending) stream.state = OutState.empty;
    if (stream.state === OutState.empty && stream.first === undefined) {
      this.buffer.putHead(stream, nowMs);
    }
  }

  /** Server: HEADERS of a response; they follow the order of the lane. */
  putResponseHead(stream: OutStream, nowMs: number): void {
    stream.headPending = true;
    this.buffer.putHead(stream, nowMs);
  }

  /** Credit of the peer for one stream; false when the window would overflow (RFC 9113 §6.9.1). */
  incomingStreamCredit(stream: OutStream, increment: number): boolean {
    stream.bytesOutstanding -= increment;
    if (this.outgoingInitialWindow - stream.bytesOutstanding > MAX_WINDOW) return false;
    if (stream.state === OutState.waitingOnStreamQuota && this.quotaOf(stream) > 0) {
      this.activate(stream);
      this.buffer.wake();
    }
    return true;
  }

  /** Credit of the peer for the connection; false when the window would overflow. */
  incomingConnectionCredit(increment: number): boolean {
    this.sendQuota += increment;
    this.credited += increment;
    if (this.sendQuota > MAX_WINDOW) return false;
    if (this.active.size > 0) this.buffer.wake();
    return true;
  }

  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE: quotas may become negative, waiting streams wake. */
  setOutgoingInitialWindow(size: number): void {
    const grew = size > this.outgoingInitialWindow;
    this.outgoingInitialWindow = size;
    if (!grew) return;
    let stream = this.waiting.first;
    while (stream !== undefined) {
      const next = stream.next;
      if (this.quotaOf(stream) > 0) this.activate(stream);
      stream = next;
    }
    this.buffer.wake();
  }

  /** WINDOW_UPDATE of ours; those of one stream coalesce until written. */
  putWindowUpdate(stream: OutStream, increment: number): void {
    if (stream.updateIndex < 0) {
      stream.updateIndex = this.updates.length;
      this.updates.push(stream);
    }
    stream.windowUpdate += increment;
    this.buffer.wake();
  }

  /** WINDOW_UPDATE of ours on stream 0. */
  putConnectionUpdate(increment: number): void {
    this.connectionUpdate += increment;
    this.buffer.wake();
  }

  /** Forgets a stream: its HEADERS, data and credit that were not written never will be. */
  cleanup(stream: OutStream): void {
    if (stream.state === OutState.gone) return;
    this.buffer.remove(stream);
    stream.list?.remove(stream);
    stream.state = OutState.gone;
    stream.trailersPending = false;
    stream.headPending = false;
    this.dropUpdate(stream);
  }

  private dropUpdate(stream: OutStream): void {
    const index = stream.updateIndex;
    if (index < 0) return;
    const last = this.updates.pop();
    if (last !== undefined && last !== stream) {
      this.updates[index] = last;
      last.updateIndex = index;
    }
    stream.updateIndex = -1;
    stream.windowUpdate = 0;
  }

  private quotaOf(stream: OutStream): number {
    return this.outgoingInitialWindow - stream.bytesOutstanding;
  }

  private activate(stream: OutStream): void {
    stream.state = OutState.active;
    this.active.push(stream);
  }

  // The turn: control frames, credit, then HEADERS and DATA one of each in turn.

  private turn(): void {
    this.scheduled = false;
    if (this.stopped) return;
    this.listener.onTurn();
    const from = this.batch.bytesWritten;
    const until = from + this.writeTurn.allowed;
    while (this.hasWork() && this.batch.bytesWritten < until) {
      if (this.batch.blocked) {
        this.blocked = true;
        break;
      }
      this.writeControl();
      if (this.stopped) return;
      this.writeUpdates();
      this.writeNextHead();
      this.processData();
    }
    this.batch.flush();
    this.writeTurn.note(this.batch.bytesWritten - from);
    if (this.blocked || !this.hasWork()) this.buffer.park();
    else this.wake();
    this.listener.onTurnEnd();
  }

  private hasWork(): boolean {
    return (
      this.buffer.hasQueued() ||
      (this.active.size > 0 && this.sendQuota > 0) ||
      this.updates.length > 0 ||
      this.connectionUpdate > 0
    );
  }

  private writeControl(): void {
    let frame = this.buffer.getFrame();
    while (frame !== undefined) {
      if (frame.kind === ControlKind.close) {
        this.batch.flush();
        this.stop();
        this.listener.onCloseWritten();
        return;
      }
      writeControlFrame(frame, this.batch, this.encoder);
      if (frame.kind === ControlKind.ping) this.listener.onPingWritten(frame.a, frame.b);
      frame = this.buffer.getFrame();
    }
  }

  private writeUpdates(): void {
    if (this.connectionUpdate > 0) {
      const at = this.batch.reserve(WINDOW_UPDATE_FRAME_LENGTH);
      this.batch.length = writeWindowUpdate(this.batch.buffer, at, 0, this.connectionUpdate);
      this.connectionUpdate = 0;
    }
    let stream = this.updates.pop();
    while (stream !== undefined) {
      const increment = stream.windowUpdate;
      stream.updateIndex = -1;
      stream.windowUpdate = 0;
      const at = this.batch.reserve(WINDOW_UPDATE_FRAME_LENGTH);
      this.batch.length = writeWindowUpdate(this.batch.buffer, at, stream.id, increment);
      stream = this.updates.pop();
    }
  }

  /** What no window holds back: one stream's HEADERS, its bare END_STREAM or its trailers. */
  private writeNextHead(): void {
    const stream = this.buffer.getHead();
    if (stream === undefined) return;
    this.itemsWritten += 1;
    if (stream.id === 0) {
      // A client's stream gets its id now, and may still be taken back by its owner.
      const id = stream.owner.claimId();
      if (id === 0) {
        this.cleanup(stream);
        return;
      }
      stream.id = id;
    }
    if (stream.state === OutState.queued) this.writeHead(stream);
    else if (stream.first !== undefined) this.writeDataFrame(stream, stream.first, 0);
    else this.writeTrailers(stream);
  }

  private writeHead(stream: OutStream): void {
    const batch = this.batch;
    const bound = stream.owner.headBound();
    const at = batch.reserve(FRAME_HEADER_LENGTH + bound + headersOverhead(bound, MAX_FRAME));
    const start = at + FRAME_HEADER_LENGTH;
    const end = stream.owner.writeHead(this.encoder, batch.buffer, start);
    batch.length = sealHeaders(batch.buffer, at, stream.id, false, end - start, MAX_FRAME);
    stream.headPending = false;
    this.listener.onCallBytes();
    stream.state = OutState.empty;
    if (stream.first === undefined) {
      if (stream.trailersPending) this.writeTrailers(stream);
    } else if (stream.first.length === 0) {
      this.writeDataFrame(stream, stream.first, 0);
    } else {
      this.activate(stream);
    }
  }

  private writeTrailers(stream: OutStream): void {
    const batch = this.batch;
    const bound = stream.owner.trailersBound();
    const frame = FRAME_HEADER_LENGTH + bound + headersOverhead(bound, MAX_FRAME);
    const at = batch.reserve(frame + RST_STREAM_FRAME_LENGTH);
    const start = at + FRAME_HEADER_LENGTH;
    let end = stream.owner.writeTrailers(this.encoder, batch.buffer, start);
    end = sealHeaders(batch.buffer, at, stream.id, true, end - start, MAX_FRAME);
    if (stream.resetAfterTrailers) {
      end = writeRstStream(batch.buffer, end, stream.id, ErrorCode.NO_ERROR);
    }
    batch.length = end;
    this.listener.onCallBytes();
    this.endWritten(stream);
  }

  private endWritten(stream: OutStream): void {
    stream.endWritten = true;
    stream.trailersPending = false;
    stream.list?.remove(stream);
    stream.state = OutState.empty;
    stream.owner.onEndWritten();
  }

  /** At most one DATA frame, of the first active stream: that is the round robin. */
  private processData(): void {
    const stream = this.active.first;
    const item = stream?.first;
    if (stream === undefined || item === undefined || this.sendQuota <= 0) return;
    const streamQuota = this.quotaOf(stream);
    if (streamQuota <= 0) {
      stream.state = OutState.waitingOnStreamQuota;
      this.waiting.push(stream);
      return;
    }
    const left = item.length - item.written;
    this.writeDataFrame(stream, item, Math.min(MAX_FRAME, streamQuota, this.sendQuota, left));
  }

  private writeDataFrame(stream: OutStream, item: DataItem, size: number): void {
    const batch = this.batch;
    let at = batch.reserve(FRAME_HEADER_LENGTH + size);
    const isLast = item.written + size === item.length;
    const endStream = isLast && item.endStream;
    const out = batch.buffer;
    at = writeDataHeader(out, at, stream.id, endStream, size);
    at = writeItemBytes(item, size, out, at);
    batch.length = at;
    item.written += size;
    stream.bytesOutstanding += size;
    this.sendQuota -= size;
    stream.queuedBytes -= size;
    stream.writeQuota += size;
    this.buffer.bytes -= size;
    this.dataWritten += size;
    this.buffer.partWritten += isLast ? size - item.length : size;
    if (isLast) {
      stream.shift();
      this.buffer.items -= 1;
      this.itemsWritten += 1;
    }
    this.listener.onCallBytes();
    this.afterData(stream, endStream);
  }

  private afterData(stream: OutStream, ended: boolean): void {
    const next = stream.first;
    if (ended) {
      this.endWritten(stream);
    } else if (next === undefined) {
      this.active.remove(stream);
      stream.state = OutState.empty;
      if (stream.trailersPending) this.writeTrailers(stream);
    } else if (next.length === 0) {
      this.writeDataFrame(stream, next, 0);
    } else if (this.quotaOf(stream) <= 0) {
      stream.state = OutState.waitingOnStreamQuota;
      this.waiting.push(stream);
    } else {
      this.active.push(stream);
    }
    if (stream.paused) this.resumeWriter(stream);
  }

  /** Room again for a writer that was told to pause; not while the memory budget holds it back. */
  resumeWriter(stream: OutStream): void {
    if (!stream.paused || stream.writeQuota <= 0 || stream.state === OutState.gone) return;
    if (this.buffer.lease < 0) return;
    if (this.buffer.bytes > this.buffer.shareAbove && stream.first !== undefined) return;
    stream.paused = false;
    stream.owner.onWritable();
  }
}
