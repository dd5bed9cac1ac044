// The dynamic table of one direction of one connection: a ring of fields, oldest evicted first.
// Invariant: `size` is the sum of the entries' sizes and never above `capacity`; an evicted slot
// holds no string. The ring grows with use, so an idle connection costs a few hundred bytes.
// Spec: RFC 7541 §2.3.2, §4. Not here: finding a field (field-index.ts) and the rules of size
// updates (encoder.ts, decoder.ts).

import { FIELD_OVERHEAD, fieldSize } from './header-fields.ts';

/** SETTINGS_HEADER_TABLE_SIZE until the first SETTINGS, in octets (RFC 9113 §6.5.2). */
export const INITIAL_TABLE_SIZE: number = 4096;

// A power of two, because slots are found by masking.
const FIRST_SLOTS = 16;

/** A FIFO of fields bounded by the size of RFC 7541 §4.1. */
export class DynamicTable {
  /** Most octets the entries may add up to, as RFC 7541 §4.1 counts them. */
  capacity: number;
  /** Octets the entries add up to. */
  size: number;
  /** Entries held. */
  length: number;
  /** Fields ever added; entry n from the newest (0) was addition `additions - n`. */
  additions: number;
  private names: string[];
  private values: string[];
  private mask: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.size = 0;
    this.length = 0;
    this.additions = 0;
    this.names = new Array<string>(FIRST_SLOTS).fill('');
    this.values = new Array<string>(FIRST_SLOTS).fill('');
    this.mask = FIRST_SLOTS - 1;
  }

  /** The name of the entry added as number `addition`, which the table still holds. */
  name(addition: number): string {
    return this.names[addition & this.mask] ?? '';
  }

  /** The value of the entry added as number `addition`, which the table still holds. */
  value(addition: number): string {
    return this.values[addition & this.mask] ?? '';
  }

  /** Number of the addition that would be evicted next; meaningless when empty. */
  oldest(): number {
    return this.additions - this.length + 1;
  }

  /** Drops the oldest entry, of which there must be one. */
  evictOldest(): void {
    const slot = this.oldest() & this.mask;
    this.size -= fieldSize(this.names[slot] ?? '', this.values[slot] ?? '');
    this.names[slot] = '';
    this.values[slot] = '';
    this.length--;
  }

  /** Adds a field for which the caller has made room. */
  add(name: string, value: string): void {
    if (this.length > this.mask) this.grow();
    this.additions++;
    const slot = this.additions & this.mask;
    this.names[slot] = name;
    this.values[slot] = value;
    this.size += name.length + value.length + FIELD_OVERHEAD;
    this.length++;
  }

  private grow(): void {
    const slots = (this.mask + 1) * 2;
    const names = new Array<string>(slots).fill('');
    const values = new Array<string>(slots).fill('');
    for (let addition = this.oldest(); addition <= this.additions; addition++) {
      names[addition & (slots - 1)] = this.name(addition);
      values[addition & (slots - 1)] = this.value(addition);
    }
    this.names = names;
    this.values = values;
    this.mask = slots - 1;
  }
}
