// How often limits acted, at one place: a connection, a channel's line, a server.
// Invariant: only names of the table can be counted, and each count is also one of the process
// (limit-table.ts). Nothing is allocated where nothing acts.

import { countLimit, type LimitName } from './limit-table.ts';

export class LimitCounts {
  private counts: Map<LimitName, number> | undefined;

  constructor() {
    this.counts = undefined;
  }

  /** The limit acted. */
  add(name: LimitName): void {
    countLimit(name);
    this.raise(name, 1);
  }

  of(name: LimitName): number {
    return this.counts?.get(name) ?? 0;
  }

  /** Takes over what another has counted, which begins anew. */
  take(from: LimitCounts): void {
    if (from.counts === undefined) return;
    for (const [name, count] of from.counts) this.raise(name, count);
    from.counts = undefined;
  }

  private raise(name: LimitName, by: number): void {
    this.counts ??= new Map();
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }
}
