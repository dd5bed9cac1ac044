// Streams of one connection by their id: an open-addressing table with integer keys.
// Invariants: capacity is a power of two and at least twice the size; every entry is reachable from
// its home slot without passing an empty one (linear probing, deletion by shifting back, so that
// churn leaves no tombstones and never forces a rehash). Id 0 is the connection (RFC 9113 §5.1.1)
// and marks an empty slot. A Map does the same work at three to five times the cost per frame.

/** Slots of a new table: a connection with few streams stays small. */
const MIN_CAPACITY = 16;
/** A table of this many slots or fewer is not worth shrinking, so waves of calls never resize it. */
const SHRINK_ABOVE = 256;
/** 2^32 divided by the golden ratio, odd: spreads ids that come in sequence (Knuth, TAOCP 6.4). */
const SPREAD = 0x9e3779b1;

/** A map from stream id (1 to 2^31-1) to the stream's object. */
export class StreamTable<T extends object> {
  private ids: Int32Array;
  private values: (T | undefined)[];
  private mask: number;
  private shift: number;
  private count: number;

  constructor() {
    this.ids = new Int32Array(MIN_CAPACITY);
    this.values = new Array<T | undefined>(MIN_CAPACITY).fill(undefined);
    this.mask = MIN_CAPACITY - 1;
    this.shift = Math.clz32(MIN_CAPACITY - 1);
    this.count = 0;
  }

  /** Streams in the table. */
  get size(): number {
    return this.count;
  }

  /** Slots held: the table's account of its memory. */
  get capacity(): number {
    return this.mask + 1;
  }

  /** The stream with this id, or undefined. */
  get(id: number): T | undefined {
    if (id === 0) return undefined;
    const ids = this.ids;
    const mask = this.mask;
    let slot = Math.imul(id, SPREAD) >>> this.shift;
    for (;;) {
      const found = ids[slot];
      if (found === id) return this.values[slot];
      if (found === 0) return undefined;
      slot = (slot + 1) & mask;
    }
  }

  /**
   * Puts a stream in, in place of one with the same id.
   * @throws RangeError when the id is no stream id.
   */
  set(id: number, value: T): void {
    if (id <= 0 || id !== (id | 0)) throw new RangeError(`${id} is no stream id`);
    if ((this.count + 1) * 2 > this.mask + 1) this.resize((this.mask + 1) * 2);
    const slot = this.find(id);
    if (this.ids[slot] !== id) {
      this.ids[slot] = id;
      this.count++;
    }
    this.values[slot] = value;
  }

  /** Takes a stream out and answers it; undefined when it was not there. */
  delete(id: number): T | undefined {
    if (id === 0) return undefined;
    const slot = this.find(id);
    if (this.ids[slot] !== id) return undefined;
    const value = this.values[slot];
    this.closeGap(slot);
    this.count--;
    const capacity = this.mask + 1;
    // To a quarter when a sixteenth is used: it takes as many inserts again before it grows.
    if (capacity > SHRINK_ABOVE && this.count * 16 < capacity) this.resize(capacity / 4);
    return value;
  }

  /**
   * Calls `visit` for every stream that is there now and still there at its turn, in no order.
   * `visit` may set and delete as it likes. Allocates a list of the ids: not for each frame.
   */
  forEach(visit: (value: T, id: number) => void): void {
    const present = this.ids.filter((id) => id !== 0);
    for (const id of present) {
      const value = this.get(id);
      if (value !== undefined) visit(value, id);
    }
  }

  /** The slot of `id`, or the empty slot where it belongs. */
  private find(id: number): number {
    let slot = Math.imul(id, SPREAD) >>> this.shift;
    for (;;) {
      const found = this.ids[slot];
      if (found === id || found === 0) return slot;
      slot = (slot + 1) & this.mask;
    }
  }

  /** Moves back the entries behind an emptied slot that would no longer be found past it. */
  private closeGap(gap: number): void {
    const { ids, values, mask } = this;
    let slot = gap;
    for (;;) {
      slot = (slot + 1) & mask;
      const id = ids[slot] ?? 0;
      if (id === 0) break;
      const home = Math.imul(id, SPREAD) >>> this.shift;
      // Stays when its home lies after the gap (cyclically) and up to where it is.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      ids[gap] = id;
      values[gap] = values[slot];
      gap = slot;
    }
    ids[gap] = 0;
    values[gap] = undefined;
  }

  private allocate(capacity: number): void {
    this.ids = new Int32Array(capacity);
    this.values = new Array<T | undefined>(capacity).fill(undefined);
    this.mask = capacity - 1;
    this.shift = Math.clz32(capacity - 1);
  }

  private resize(capacity: number): void {
    const { ids, values } = this;
    this.allocate(capacity);
    for (let from = 0; from < ids.length; from++) {
      const id = ids[from] ?? 0;
      if (id === 0) continue;
      const slot = this.find(id);
      this.ids[slot] = id;
      this.values[slot] = values[from];
    }
  }
}
