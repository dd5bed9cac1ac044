// The 32- and 31-bit integers of frames (RFC 9113 §4.1), big-endian. Buffer's own methods check value
// and range on each call and throw; here both are settled by the caller, and nothing throws.

/**
 * Writes a uint32; the caller has made room for it.
 *
 * @returns the offset behind the four bytes
 */
export function writeUint32(out: Buffer, at: number, value: number): number {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
  return at + 4;
}

/** Reads a uint32; bytes past the end read as 0, so it never throws. */
export function readUint32(from: Buffer, at: number): number {
  return (
    (((from[at] ?? 0) << 24) |
      ((from[at + 1] ?? 0) << 16) |
      ((from[at + 2] ?? 0) << 8) |
      (from[at + 3] ?? 0)) >>>
    0
  );
}

/** Reads 31 bits, ignoring the reserved one in front (RFC 9113 §4.1, §6.9). Never throws. */
export function readUint31(from: Buffer, at: number): number {
  return (
    (((from[at] ?? 0) & 0x7f) << 24) |
    ((from[at + 1] ?? 0) << 16) |
    ((from[at + 2] ?? 0) << 8) |
    (from[at + 3] ?? 0)
  );
}
