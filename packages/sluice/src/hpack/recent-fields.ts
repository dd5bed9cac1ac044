// Remembers, in a fixed few hundred bytes, which fields an encoder has met lately, so that only
// fields that come again are added to the table. Keeps hashes and no strings; a false match merely
// indexes a field one sighting early.
// Not here: whether the table has room for it (encoder.ts).

// A power of two, because slots are found by masking.
const SLOTS = 64;
// Octets hashed of a name or value; the length is hashed as well. Caps the cost of long tokens.
const HASHED = 64;

function hashText(hash: number, text: string): number {
  const length = text.length;
  hash = Math.imul(hash ^ length, 0x01000193);
  // From the end: names and values differ more often there than at the front.
  for (let i = length - 1, last = Math.max(0, length - HASHED); i >= last; i--) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash;
}

/** A direct-mapped memory of the last fields met. */
export class RecentFields {
  private readonly slots: Int32Array;

  constructor() {
    this.slots = new Int32Array(SLOTS);
  }

  /** Notes the field; true if it was noted before and not displaced since. */
  sighted(name: string, value: string): boolean {
    const hash = hashText(hashText(0x811c9dc5, name), value) | 1;
    const slot = (hash >>> 16) & (SLOTS - 1);
    if (this.slots[slot] === hash) return true;
    this.slots[slot] = hash;
    return false;
  }
}
