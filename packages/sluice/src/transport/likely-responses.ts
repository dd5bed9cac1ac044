// How much memory the answer of a call will likely take, by its path: what holds back handlers before
// they run, because what they have made is taken already when it is refused.
// Invariants: knows only paths that have answered with large messages, so that a server of small ones
// pays one comparison; a path that does so no more is forgotten.
// Not here: whether there is room (memory-budget.ts).

import { QUEUE_LEASE } from './limits.ts';

/** Paths that are known, at the most: of a proxy anybody can make up any. */
const MAX_PATHS = 256;

/** A new answer counts for so much of the estimate. */
const WEIGHT = 0.25;

export class LikelyResponses {
  private readonly bytes: Map<string, number>;

  constructor() {
    this.bytes = new Map();
  }

  /** Bytes of one message; 0 for a path that is known to have no large ones. */
  of(path: string): number {
    return this.bytes.size === 0 ? 0 : (this.bytes.get(path) ?? 0);
  }

  /** The path has answered with a message of so many bytes; 0 for one not worth asking about. */
  note(path: string, bytes: number): void {
    const known = this.bytes.get(path);
    if (known === undefined) {
      if (bytes > QUEUE_LEASE && this.bytes.size < MAX_PATHS) this.bytes.set(path, bytes);
      return;
    }
    const likely = Math.round(known + (bytes - known) * WEIGHT);
    if (likely > QUEUE_LEASE) this.bytes.set(path, likely);
    else this.bytes.delete(path);
  }
}
