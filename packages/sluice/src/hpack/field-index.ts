// Finds the index of a field or a name for an encoder: the static table first, then the fields its
// dynamic table holds. Invariant: the maps know exactly the entries of the table, so evicted names
// cost nothing, and a lookup is at most two hash lookups per table.
// Spec: RFC 7541 §2.3.3.

import { DynamicTable } from './dynamic-table.ts';
import { fieldSize } from './header-fields.ts';
import { STATIC_LENGTH, STATIC_NAMES } from './static-table.ts';

/** A name that the dynamic table holds: its newest addition, and the addition of each value. */
interface DynamicName {
  newest: number;
  readonly values: Map<string, number>;
}

/** The encoder's dynamic table together with its inverse. */
export class FieldIndex {
  private readonly table: DynamicTable;
  private readonly names: Map<string, DynamicName>;

  /** `capacity` in octets of RFC 7541 §4.1. */
  constructor(capacity: number) {
    this.table = new DynamicTable(capacity);
    this.names = new Map();
  }

  /** Most octets the dynamic table may hold. */
  get capacity(): number {
    return this.table.capacity;
  }

  /** Index of the field, or 0 if neither table holds it. */
  field(name: string, value: string): number {
    const index = STATIC_NAMES.get(name)?.values.get(value);
    if (index !== undefined) return index;
    const addition = this.names.get(name)?.values.get(value);
    return addition === undefined ? 0 : this.indexOf(addition);
  }

  /** Index of some field of this name, or 0 if neither table holds one. */
  name(name: string): number {
    const listed = STATIC_NAMES.get(name);
    if (listed !== undefined) return listed.index;
    const entry = this.names.get(name);
    return entry === undefined ? 0 : this.indexOf(entry.newest);
  }

  /** Whether a field of this size (RFC 7541 §4.1) goes in without evicting another. */
  fits(size: number): boolean {
    return this.table.size + size <= this.table.capacity;
  }

  /** Adds a field that is not held and no larger than the capacity, evicting what must go. */
  add(name: string, value: string): void {
    this.shrinkTo(this.table.capacity - fieldSize(name, value));
    this.table.add(name, value);
    const addition = this.table.additions;
    const entry = this.names.get(name);
    if (entry === undefined) {
      this.names.set(name, { newest: addition, values: new Map([[value, addition]]) });
    } else {
      entry.newest = addition;
      entry.values.set(value, addition);
    }
  }

  /** Changes the capacity, evicting what no longer fits (RFC 7541 §4.3). */
  resize(capacity: number): void {
    this.table.capacity = capacity;
    this.shrinkTo(capacity);
  }

  private indexOf(addition: number): number {
    return STATIC_LENGTH + 1 + this.table.additions - addition;
  }

  private shrinkTo(size: number): void {
    const table = this.table;
    while (table.size > size && table.length > 0) {
      const oldest = table.oldest();
      const name = table.name(oldest);
      const values = this.names.get(name)?.values;
      values?.delete(table.value(oldest));
      if (values?.size === 0) this.names.delete(name);
      table.evictOldest();
    }
  }
}
