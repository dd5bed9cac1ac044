// What a decoded header block is to the layers above. One object may stand for many blocks that
// were the same bytes in the same state, so nothing of a single stream may be kept in it.
// Spec: RFC 7541 §3.2, RFC 9113 §6.5.2.

import type { HeaderFields } from './header-fields.ts';

/** A decoded header list. Frozen but for `derived`; blocks that repeat share one object. */
export interface HeaderBlock {
  /** The fields in order, frozen; empty when `tooLarge`. */
  readonly fields: HeaderFields;
  /** Octets of all names and values, and 32 for each field, kept or not (RFC 9113 §6.5.2). */
  readonly listSize: number;
  /** True if the list was larger than the decoder's limit and was therefore dropped. */
  readonly tooLarge: boolean;
  /** The reader's: what it parsed out of this block. Starts undefined; the decoder never uses it. */
  derived: unknown;
}

/** The one shape of `HeaderBlock`, so that reading one stays monomorphic. */
export class DecodedBlock implements HeaderBlock {
  readonly fields: HeaderFields;
  readonly listSize: number;
  readonly tooLarge: boolean;
  derived: unknown;

  /** `fields` is frozen here. */
  constructor(fields: HeaderFields, listSize: number, tooLarge: boolean) {
    this.fields = Object.freeze(fields);
    this.listSize = listSize;
    this.tooLarge = tooLarge;
    this.derived = undefined;
  }
}
