// The last stream ids that were added. What they mean is ended-streams.ts.
// Invariant: fixed memory, taken when the first id is added; the oldest id is forgotten first.

export class RecentStreams {
  private readonly capacity: number;
  private ids: Int32Array | undefined;
  private next: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.ids = undefined;
    this.next = 0;
  }

  add(streamId: number): void {
    this.ids ??= new Int32Array(this.capacity);
    this.ids[this.next] = streamId;
    this.next = this.next + 1 === this.capacity ? 0 : this.next + 1;
  }

  /** Forgets an id; false when it was not known. */
  remove(streamId: number): boolean {
    const at = this.ids?.indexOf(streamId) ?? -1;
    if (this.ids === undefined || at < 0) return false;
    this.ids[at] = 0;
    return true;
  }

  has(streamId: number): boolean {
    return this.ids?.includes(streamId) ?? false;
  }
}
