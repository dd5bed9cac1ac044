// The control buffer: everything that will put bytes on the wire and is not yet DATA on loopy's
// lists, in two lanes: control frames first, then HEADERS in order of arrival.
// Invariant: `items` and `bytes` account for all that is queued for the connection, streams' data
// included; `responseFrames` counts queued replies to received frames and nothing else.
// Items that write no bytes never queue: their effect is taken when they are put (loopy-writer.ts).
// Deviation from grpc-go, which counts nearly all items and can stand still for it (grpc-go #9330).

import type { HeaderFields } from '../hpack/header-fields.ts';
import { GATE_RESPONSE_FRAMES, QUEUE_LEASE } from './limits.ts';
import { OutState, type OutStream, StreamList } from './out-stream.ts';

export const ControlKind: {
  readonly settings: 0;
  readonly settingsAck: 1;
  readonly ping: 2;
  readonly pingAck: 3;
  readonly rstStream: 4;
  readonly earlyAbort: 5;
  readonly goAway: 6;
  readonly close: 7;
  readonly preface: 8;
} = {
  settings: 0,
  settingsAck: 1,
  ping: 2,
  pingAck: 3,
  rstStream: 4,
  earlyAbort: 5,
  goAway: 6,
  close: 7,
  preface: 8,
} as const;

/** One queued control frame. What `a` and `b` mean depends on the kind; see the makers below. */
export interface ControlItem {
  readonly kind: number;
  readonly streamId: number;
  readonly a: number;
  readonly b: number;
  readonly settings: readonly number[];
  readonly fields: HeaderFields;
  readonly text: string;
  /** A reply that a received frame caused: counts for the gate. */
  readonly isResponse: boolean;
}

const NO_SETTINGS: readonly number[] = [];
const NO_FIELDS: HeaderFields = [];

function item(
  kind: number,
  streamId: number,
  a: number,
  b: number,
  isResponse: boolean,
  text = '',
  settings: readonly number[] = NO_SETTINGS,
  fields: HeaderFields = NO_FIELDS,
): ControlItem {
  return { kind, streamId, a, b, settings, fields, text, isResponse };
}

/** The client's 24 bytes before everything else (RFC 9113 §3.4). */
export function prefaceItem(): ControlItem {
  return item(ControlKind.preface, 0, 0, 0, false);
}

/** SETTINGS of ours: id, value, id, value. */
export function settingsItem(entries: readonly number[]): ControlItem {
  return item(ControlKind.settings, 0, 0, 0, false, '', entries);
}

/**
 * The acknowledgement of SETTINGS, from which on their HEADER_TABLE_SIZE holds (RFC 7541 §4.2).
 * @param leastTable the lowest of the sizes in the frame, -1 without any
 * @param table the last of them, -1 without any
 */
export function settingsAckItem(leastTable: number, table: number): ControlItem {
  return item(ControlKind.settingsAck, 0, leastTable, table, true);
}

/** PING of ours; the payload as two 32-bit halves. */
export function pingItem(high: number, low: number): ControlItem {
  return item(ControlKind.ping, 0, high, low, false);
}

export function pingAckItem(high: number, low: number): ControlItem {
  return item(ControlKind.pingAck, 0, high, low, true);
}

/** @param isResponse a received frame caused it; a local cancel or deadline did not */
export function rstStreamItem(id: number, errorCode: number, isResponse: boolean): ControlItem {
  return item(ControlKind.rstStream, id, errorCode, 0, isResponse);
}

/**
 * Server: a trailers-only answer to a stream that never got a handler.
 * @param reset RST_STREAM(NO_ERROR) follows, the peer has not ended the stream
 */
export function earlyAbortItem(id: number, fields: HeaderFields, reset: boolean): ControlItem {
  return item(ControlKind.earlyAbort, id, reset ? 1 : 0, 0, true, '', NO_SETTINGS, fields);
}

export function goAwayItem(lastStreamId: number, errorCode: number, text: string): ControlItem {
  return item(ControlKind.goAway, 0, lastStreamId, errorCode, false, text);
}

/** Flush what was put before, then end the socket. */
export function closeItem(): ControlItem {
  return item(ControlKind.close, 0, 0, 0, false);
}

/** Asked inside `executeAndPut`, so that quota checks are atomic with the enqueue. */
export interface PutCheck {
  admits(stream: OutStream): boolean;
}

/** Who drains the buffer; told once when something arrives while it is parked. */
export interface Consumer {
  wake(): void;
}

// A lane this far ahead of its end is moved to the front of its array.
const COMPACT_AT = 1_024;

export class ControlBuffer {
  /** Queued replies to received frames. */
  responseFrames: number;
  /** Control frames, HEADERS and data items queued. */
  items: number;
  /** Bytes queued: header estimates and payloads not yet framed. */
  bytes: number;
  /** Bytes written of messages that are not written to their end: their memory is held still. */
  partWritten: number;
  /** Bytes that may be queued before the memory budget is asked; -1 while it holds back. */
  lease: number;
  /** Bytes queued above which a writer has one message waiting and no more. */
  shareAbove: number;
  /** Streams whose HEADERS or bare trailers wait, first come first served. */
  readonly heads: StreamList;
  private readonly consumer: Consumer;
  private parked: boolean;
  private frames: ControlItem[];
  private nextFrame: number;
  /** Takes nothing any more. */
  private finished: boolean;

  constructor(consumer: Consumer) {
    this.responseFrames = 0;
    this.items = 0;
    this.bytes = 0;
    this.partWritten = 0;
    this.lease = QUEUE_LEASE;
    this.shareAbove = Number.POSITIVE_INFINITY;
    this.heads = new StreamList();
    this.consumer = consumer;
    this.parked = true;
    this.frames = [];
    this.nextFrame = 0;
    this.finished = false;
  }

  /** Queues a control frame. False once finished. */
  put(frame: ControlItem): boolean {
    if (this.finished) return false;
    this.frames.push(frame);
    this.items += 1;
    if (frame.isResponse) this.responseFrames += 1;
    this.wake();
    return true;
  }

  /** Queues a stream's HEADERS (or bare trailers). False once finished. */
  putHead(stream: OutStream, nowMs: number): boolean {
    if (this.finished) return false;
    stream.queuedAt = nowMs;
    this.heads.push(stream);
    this.items += 1;
    this.bytes += stream.headBytes;
    this.wake();
    return true;
  }

  /** Queues the stream's HEADERS only if `check` admits it, in one step with the enqueue. */
  executeAndPut(check: PutCheck, stream: OutStream, nowMs: number): boolean {
    if (this.finished || !check.admits(stream)) return false;
    return this.putHead(stream, nowMs);
  }

  /** The next control frame, or undefined. */
  getFrame(): ControlItem | undefined {
    const frame = this.frames[this.nextFrame];
    if (frame === undefined) return undefined;
    this.nextFrame += 1;
    this.items -= 1;
    if (frame.isResponse) this.responseFrames -= 1;
    if (this.nextFrame === this.frames.length) {
      this.frames.length = 0;
      this.nextFrame = 0;
    } else if (this.nextFrame >= COMPACT_AT) {
      this.frames = this.frames.slice(this.nextFrame);
      this.nextFrame = 0;
    }
    return frame;
  }

  /** The next stream whose HEADERS are due, or undefined. */
  getHead(): OutStream | undefined {
    const stream = this.heads.shift();
    if (stream === undefined) return undefined;
    this.items -= 1;
    this.bytes -= stream.headBytes;
    return stream;
  }

  /** Whether getFrame() or getHead() has something. */
  hasQueued(): boolean {
    return this.frames.length > 0 || this.heads.size > 0;
  }

  /** Loopy has nothing to do: the next put wakes it. */
  park(): void {
    this.parked = true;
  }

  /** Something changed that may let loopy write. */
  wake(): void {
    if (!this.parked) return;
    this.parked = false;
    this.consumer.wake();
  }

  /** Takes a stream out of the HEADERS lane before it was written, and all its data. */
  remove(stream: OutStream): void {
    if (stream.list === this.heads) {
      this.heads.remove(stream);
      this.items -= 1;
      this.bytes -= stream.headBytes;
    }
    this.items -= stream.itemCount;
    this.bytes -= stream.queuedBytes;
    if (stream.first !== undefined) this.partWritten -= stream.first.written;
    stream.dropData();
  }

  /** True while the reader may go on: fewer than 50 queued replies to received frames. */
  throttle(): boolean {
    return this.responseFrames < GATE_RESPONSE_FRAMES || this.finished;
  }

  /**
   * Queues `farewell` and takes nothing any more. The connection then hands each stream in `heads`
   * back to its call as unprocessed.
   * @param keep whether a queued frame is still written before the farewell; the rest is dropped
   */
  finish(farewell: readonly ControlItem[], keep: (frame: ControlItem) => boolean): void {
    if (this.finished) return;
    const queued = this.frames.slice(this.nextFrame);
    this.items -= queued.length;
    this.frames = [];
    this.nextFrame = 0;
    this.responseFrames = 0;
    for (const frame of queued) if (keep(frame)) this.put(frame);
    for (const frame of farewell) this.put(frame);
    this.finished = true;
  }

  /** Milliseconds the oldest HEADERS have waited; 0 when none wait. */
  oldestHeadMs(nowMs: number): number {
    const stream = this.heads.first;
    return stream === undefined || stream.state === OutState.gone ? 0 : nowMs - stream.queuedAt;
  }
}
