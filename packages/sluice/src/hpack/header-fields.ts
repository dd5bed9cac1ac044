// The header list as every layer passes it, and the size RFC 7541 and RFC 9113 give a field.
// Names and values are latin1 strings: one UTF-16 unit is one octet on the wire.
// Spec: RFC 7541 §4.1, RFC 9113 §6.5.2. Not here: whether a name or value is legal in HTTP
// (RFC 9113 §8.2.1); HPACK carries any octets.

/** A header list, flat: name, value, name, value and so on. Values are latin1. */
export type HeaderFields = readonly string[];

/** Octets that RFC 7541 §4.1 and RFC 9113 §6.5.2 add to the octets of a name and its value. */
export const FIELD_OVERHEAD: number = 32;

/** The size of a field in octets, in a dynamic table and in a header list alike. */
export function fieldSize(name: string, value: string): number {
  return name.length + value.length + FIELD_OVERHEAD;
}
