// The patterns that open a field representation, each with the mask of its integer prefix.
// Spec: RFC 7541 §6.

/** Indexed field, RFC 7541 §6.1: 1xxxxxxx. */
export const INDEXED: number = 0x80;
/** Prefix of an indexed field: 7 bits. */
export const INDEXED_MASK: number = 0x7f;

/** Literal with incremental indexing, RFC 7541 §6.2.1: 01xxxxxx. */
export const INCREMENTAL: number = 0x40;
/** Prefix of a literal with incremental indexing: 6 bits. */
export const INCREMENTAL_MASK: number = 0x3f;

/** Dynamic table size update, RFC 7541 §6.3: 001xxxxx. */
export const SIZE_UPDATE: number = 0x20;
/** Prefix of a size update: 5 bits. */
export const SIZE_UPDATE_MASK: number = 0x1f;

/** Literal never indexed, RFC 7541 §6.2.3: 0001xxxx. */
export const NEVER_INDEXED: number = 0x10;
/** Literal without indexing, RFC 7541 §6.2.2: 0000xxxx. */
export const WITHOUT_INDEXING: number = 0x00;
/** Prefix of the two literals that leave the table alone: 4 bits. */
export const LITERAL_MASK: number = 0x0f;

/** The first octet of a string literal, RFC 7541 §5.2: H bit, then the length. */
export const HUFFMAN_FLAG: number = 0x80;
/** Prefix of a string's length: 7 bits. */
export const STRING_MASK: number = 0x7f;
