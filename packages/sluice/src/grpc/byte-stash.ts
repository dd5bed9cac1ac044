// Bytes that wait: a queue of chunks which packs small pieces together.
// Invariant: memory taken is at most twice the bytes held plus MIN_CHUNK_LENGTH; once bytes were
// read, plus the read part of the head and the spare part of the tail, MAX_CHUNK_LENGTH each. An
// empty stash holds no chunk at all. It copies what it is given and never keeps a view of a socket
// chunk, because a view of one byte would keep 64 KiB alive. It knows nothing of messages.

/** Bytes of the first chunk: about what a chunk's own bookkeeping costs. */
export const MIN_CHUNK_LENGTH = 256;

/** Bytes of the largest chunk, one DATA frame: what a partly read head can waste. */
export const MAX_CHUNK_LENGTH = 16_384;

interface Chunk {
  readonly bytes: Buffer;
  next: Chunk | null;
}

/** A first-in first-out queue of bytes; `length` and `capacity` may be read at any time. */
export class ByteStash {
  /** Bytes held. */
  length: number;
  /** Bytes of memory taken by the chunks. */
  capacity: number;
  /** Where the unread bytes of `head()` begin. */
  headAt: number;
  private first: Chunk | null;
  private last: Chunk | null;
  private lastEnd: number;

  constructor() {
    this.length = 0;
    this.capacity = 0;
    this.headAt = 0;
    this.first = null;
    this.last = null;
    this.lastEnd = 0;
  }

  /** Copy `piece[start, end)` in; the piece is borrowed until return. */
  append(piece: Buffer, start: number, end: number): void {
    while (start < end) {
      let tail = this.last;
      if (tail === null || this.lastEnd === tail.bytes.length) tail = this.grow(end - start);
      const room = tail.bytes.length - this.lastEnd;
      const count = Math.min(room, end - start);
      copyBytes(piece, start, start + count, tail.bytes, this.lastEnd);
      this.lastEnd += count;
      this.length += count;
      start += count;
    }
  }

  /** The oldest chunk, or null when empty. Its unread bytes are `[headAt, headEnd())`. */
  head(): Buffer | null {
    return this.first === null ? null : this.first.bytes;
  }

  /** Where the unread bytes of `head()` end. */
  headEnd(): number {
    const first = this.first;
    if (first === null) return 0;
    return first === this.last ? this.lastEnd : first.bytes.length;
  }

  /** Forget the bytes of `head()` before `at`; a chunk that is read to its end is released. */
  advance(at: number): void {
    const first = this.first;
    if (first === null) return;
    this.length -= at - this.headAt;
    if (at < this.headEnd()) {
      this.headAt = at;
      return;
    }
    this.capacity -= first.bytes.length;
    this.first = first.next;
    this.headAt = 0;
    if (this.first === null) {
      this.last = null;
      this.lastEnd = 0;
    }
  }

  /** Move up to `count` bytes to `out[at...]`; returns how many were moved. */
  moveTo(out: Buffer, at: number, count: number): number {
    const limit = at + count;
    let to = at;
    while (to < limit) {
      const chunk = this.head();
      if (chunk === null) break;
      const end = Math.min(this.headEnd(), this.headAt + limit - to);
      to += copyBytes(chunk, this.headAt, end, out, to);
      this.advance(end);
    }
    return to - at;
  }

  /** Repack a remnant that keeps alive far more memory than it needs. */
  trim(): void {
    const first = this.first;
    if (first === null || first !== this.last) return;
    if (this.capacity <= MIN_CHUNK_LENGTH || this.length * 4 > this.capacity) return;
    const bytes = Buffer.allocUnsafeSlow(Math.max(MIN_CHUNK_LENGTH, this.length));
    first.bytes.copy(bytes, 0, this.headAt, this.lastEnd);
    this.first = this.last = { bytes, next: null };
    this.headAt = 0;
    this.lastEnd = this.length;
    this.capacity = bytes.length;
  }

  // The new chunk is as long as what is held already, so n pieces cost O(log n) chunks at first
  // and never more than as much spare room as there are bytes.
  private grow(incoming: number): Chunk {
    const size = Math.max(MIN_CHUNK_LENGTH, incoming, this.length);
    const bytes = Buffer.allocUnsafeSlow(Math.min(size, MAX_CHUNK_LENGTH));
    const chunk: Chunk = { bytes, next: null };
    if (this.last === null) this.first = chunk;
    else this.last.next = chunk;
    this.last = chunk;
    this.lastEnd = 0;
    this.capacity += bytes.length;
    return chunk;
  }
}

// Below this a byte loop beats Buffer.copy, whose checks cost about 50 ns.
const LOOP_LENGTH = 16;

/** Copy `from[start, end)` to `to[at...]`, which has room for it; returns the count. */
export function copyBytes(
  from: Buffer,
  start: number,
  end: number,
  to: Buffer,
  at: number,
): number {
  const count = end - start;
  if (count > LOOP_LENGTH) return from.copy(to, at, start, end);
  for (let i = start; i < end; i++) to[at++] = from[i] ?? 0;
  return count;
}
