// Writes HPACK integers. The first octet shares its high bits with the representation's pattern;
// `mask` has one bit set for each bit of the prefix. Reading is in block-reader.ts, which keeps
// the cursor.
// Spec: RFC 7541 §5.1.

/** Most octets an integer below 2^28 takes: the prefix octet and four that continue it. */
export const MAX_INTEGER_BYTES: number = 5;

/**
 * Writes `value` with the pattern `flags` in the bits above the prefix; returns the offset behind
 * it. The caller has room for `MAX_INTEGER_BYTES` and a value below 2^28.
 */
export function writeInteger(
  value: number,
  mask: number,
  flags: number,
  out: Buffer,
  at: number,
): number {
  if (value < mask) {
    out[at] = flags | value;
    return at + 1;
  }
  out[at++] = flags | mask;
  value -= mask;
  while (value >= 0x80) {
    out[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  out[at++] = value;
  return at;
}
