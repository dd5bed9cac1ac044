// The sending half of a stream: what waits to be written, and why it waits.
// Invariant: a stream is in at most one StreamList of loopy, and `queuedBytes` is the payload in
// its items that has not become a DATA frame. Flow control: RFC 9113 §5.2, §6.9.
// Not here: the order between streams (loopy-writer.ts), the receiving half (in-flow.ts).

import type { HpackEncoder } from '../hpack/encoder.ts';
import type { DataItem } from './data-item.ts';
import { WRITE_QUOTA } from './limits.ts';
import type { StreamRecord } from './stream-record.ts';

//   queued --HEADERS written--> empty <--data put / last byte written--> active
//   active --no stream quota--> waitingOnStreamQuota --credit--> active
//   any --END_STREAM and cleanup, reset, cancel--> gone
export const OutState: {
  readonly queued: 0;
  readonly empty: 1;
  readonly active: 2;
  readonly waitingOnStreamQuota: 3;
  readonly gone: 4;
} = { queued: 0, empty: 1, active: 2, waitingOnStreamQuota: 3, gone: 4 } as const;

/** What loopy needs of the call a stream belongs to. Called on loopy's turn; must not throw. */
export interface OutStreamOwner {
  /** Most bytes `writeHead` may take. */
  headBound(): number;
  /** Encodes the header block at `at`, returns its end. */
  writeHead(encoder: HpackEncoder, out: Buffer, at: number): number;
  /** Most bytes `writeTrailers` may take. */
  trailersBound(): number;
  writeTrailers(encoder: HpackEncoder, out: Buffer, at: number): number;
  /** HEADERS are about to be written: the last moment to assign an id, or to take the call back. */
  claimId(): number;
  /** Room again after a write was told to pause. */
  onWritable(): void;
  /** END_STREAM is in the batch. */
  onEndWritten(): void;
}

export class OutStream {
  readonly owner: OutStreamOwner;
  /** 0 until HEADERS are written (client); a cancelled call costs the wire nothing. */
  id: number;
  state: number;
  bytesOutstanding: number;
  writeQuota: number;
  /** The writer was told to pause and waits for onWritable. */
  paused: boolean;
  /** HEADERS wait to be written. */
  headPending: boolean;
  /** Trailers (or trailers-only HEADERS) follow the data. */
  trailersPending: boolean;
  /** RST_STREAM(NO_ERROR) follows the trailers: the peer has not ended and need not. */
  resetAfterTrailers: boolean;
  endWritten: boolean;
  first: DataItem | undefined;
  last: DataItem | undefined;
  itemCount: number;
  queuedBytes: number;
  /** Bytes the queued HEADERS are charged with. */
  headBytes: number;
  /** When its HEADERS, or its bare end, were queued, ms. */
  queuedAt: number;
  /** Credit to announce with the next WINDOW_UPDATE, coalesced. */
  windowUpdate: number;
  updateIndex: number;
  list: StreamList | undefined;
  next: OutStream | undefined;
  previous: OutStream | undefined;
  /** For whoever listens to calls. */
  record: StreamRecord | undefined;

  constructor(owner: OutStreamOwner, id: number, headBytes: number) {
    this.owner = owner;
    this.id = id;
    this.state = OutState.queued;
    this.bytesOutstanding = 0;
    this.writeQuota = WRITE_QUOTA;
    this.paused = false;
    this.headPending = false;
    this.trailersPending = false;
    this.resetAfterTrailers = false;
    this.endWritten = false;
    this.first = undefined;
    this.last = undefined;
    this.itemCount = 0;
    this.queuedBytes = 0;
    this.headBytes = headBytes;
    this.queuedAt = 0;
    this.windowUpdate = 0;
    this.updateIndex = -1;
    this.list = undefined;
    this.next = undefined;
    this.previous = undefined;
    this.record = undefined;
  }

  /** Appends; accounts are the caller's (control-buffer.ts). */
  append(item: DataItem): void {
    if (this.last === undefined) this.first = item;
    else this.last.next = item;
    this.last = item;
    this.itemCount += 1;
    this.queuedBytes += item.length;
  }

  /** Removes the written head item. */
  shift(): void {
    this.first = this.first?.next;
    if (this.first === undefined) this.last = undefined;
    this.itemCount -= 1;
  }

  /** Drops all data; accounts are the caller's, as in append. */
  dropData(): void {
    this.first = undefined;
    this.last = undefined;
    this.itemCount = 0;
    this.queuedBytes = 0;
  }
}

/** An intrusive list: no allocation, removal from the middle in constant time. */
export class StreamList {
  first: OutStream | undefined = undefined;
  last: OutStream | undefined = undefined;
  size = 0;

  push(stream: OutStream): void {
    stream.list?.remove(stream);
    stream.list = this;
    stream.previous = this.last;
    stream.next = undefined;
    if (this.last === undefined) this.first = stream;
    else this.last.next = stream;
    this.last = stream;
    this.size += 1;
  }

  remove(stream: OutStream): void {
    if (stream.list !== this) return;
    if (stream.previous === undefined) this.first = stream.next;
    else stream.previous.next = stream.next;
    if (stream.next === undefined) this.last = stream.previous;
    else stream.next.previous = stream.previous;
    stream.next = undefined;
    stream.previous = undefined;
    stream.list = undefined;
    this.size -= 1;
  }

  shift(): OutStream | undefined {
    const stream = this.first;
    if (stream !== undefined) this.remove(stream);
    return stream;
  }
}
