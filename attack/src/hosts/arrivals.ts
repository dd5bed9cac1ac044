// When the bytes of one transfer came in at this end.
// Invariant: one entry per message, bounded by the transfer's own length; taken once.

import type { Arrival } from './traffic.ts';

let entries: Arrival[] = [];
let total = 0;

/** A message of `bytes` bytes came. */
export function noteArrival(bytes: number): void {
  total += bytes;
  entries.push({ atMs: performance.now(), bytes: total });
}

/** A new transfer begins. */
export function takeArrivals(): Arrival[] {
  const taken = entries;
  entries = [];
  total = 0;
  return taken;
}
