// The ring that ring_hash finds the backend of a call on: positions by hash, each with its owner.
// Invariants: a backend has positions in proportion to its weight, at places that depend on its key
// alone, so that a backend more or less moves few calls; same keys, same ring, as in other gRPC
// implementations. gRFC A42, after Envoy. Not here: the states of the backends (ring-hash.ts). Pure.

import { type Hash64, xxHash64 } from './xxhash64.ts';

/**
 * One more than the last position: a position is the upper 53 bits of a hash, what a double holds
 * without loss.
 */
export const POSITIONS: number = 2 ** 53;

const KEY_BYTES = 512;
const keyBytes = Buffer.allocUnsafeSlow(KEY_BYTES);
const hash: Hash64 = { high: 0, low: 0 };

/** Where a key lies, 0 to POSITIONS - 1. */
export function positionOf(key: string): number {
  // A character takes three bytes at most.
  if (key.length * 3 <= KEY_BYTES) {
    xxHash64(keyBytes, keyBytes.write(key), hash);
  } else {
    const bytes = Buffer.from(key);
    xxHash64(bytes, bytes.length, hash);
  }
  return hash.high * 2 ** 21 + (hash.low >>> 11);
}

/** Who is to be placed. */
export interface RingMember {
  readonly hashKey: string;
  /** Above 0. */
  readonly weight: number;
}

/** A ring of a fixed list of members. */
export class HashRing {
  /** Entries, each at a position of its own. */
  readonly size: number;
  private readonly positions: Float64Array;
  /** The member of each entry, by its index in the list. */
  private readonly owners: Uint32Array;

  /**
   * @param members one at least
   * @param least entries to have where weights allow it
   * @param most entries to have in any case
   */
  constructor(members: readonly RingMember[], least: number, most: number) {
    const total = members.reduce((sum, { weight }) => sum + weight, 0);
    const lightest = Math.min(...members.map(({ weight }) => weight)) / total;
    // The lightest gets a whole number of entries, if `most` is enough for that.
    const scale = Math.min(Math.ceil(lightest * least) / lightest, most);
    const placed: { readonly position: number; readonly owner: number }[] = [];
    let wanted = 0;
    members.forEach(({ hashKey, weight }, owner) => {
      wanted += (scale * weight) / total;
      for (let i = 0; placed.length < wanted; i += 1) {
        placed.push({ position: positionOf(`${hashKey}_${i}`), owner });
      }
    });
    placed.sort((a, b) => a.position - b.position);
    this.size = placed.length;
    this.positions = Float64Array.from(placed, ({ position }) => position);
    this.owners = Uint32Array.from(placed, ({ owner }) => owner);
  }

  /** The first entry at `position` or behind it, by its number. */
  entryAt(position: number): number {
    const { positions } = this;
    let from = 0;
    let to = positions.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((positions[middle] ?? 0) < position) from = middle + 1;
      else to = middle;
    }
    return from < positions.length ? from : 0;
  }

  /** The member of an entry, by its index in the list. @param entry counted on beyond the last one */
  ownerOf(entry: number): number {
    return this.owners[entry % this.size] ?? 0;
  }
}
