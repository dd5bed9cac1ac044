// Huffman coding of string literals. Encoding walks two tables indexed by octet; decoding is a
// state machine over nibbles, built once per process: a state is an inner node of the code tree,
// and since the shortest code has 5 bits a nibble completes at most one symbol.
// Spec: RFC 7541 §5.2, Appendix B. Not here: when a string is worth coding (string-literal.ts).

import { EOS, HUFFMAN_CODES, HUFFMAN_LENGTHS } from './huffman-code.ts';

/** Octets that `huffmanEncode` writes for `text`. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += HUFFMAN_LENGTHS[text.charCodeAt(i) & 0xff] ?? 0;
  return (bits + 7) >>> 3;
}

/**
 * Writes `text` (latin1) Huffman coded; returns the offset behind it, or -1 if it would be past
 * `limit`, and then what is written below `limit` means nothing.
 */
export function huffmanEncode(text: string, out: Buffer, at: number, limit: number): number {
  // At most 7 bits wait in `pending`, so 24 more fit a 32-bit integer; longer codes go in two parts.
  let pending = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i) & 0xff;
    const code = HUFFMAN_CODES[octet] ?? 0;
    let length = HUFFMAN_LENGTHS[octet] ?? 0;
    if (length > 24) {
      length -= 16;
      pending = (pending << length) | (code >>> 16);
      bits += length;
      while (bits >= 8) {
        if (at >= limit) return -1;
        bits -= 8;
        out[at++] = pending >>> bits;
      }
      length = 16;
      pending = (pending << 16) | (code & 0xffff);
    } else {
      pending = (pending << length) | code;
    }
    bits += length;
    while (bits >= 8) {
      if (at >= limit) return -1;
      bits -= 8;
      out[at++] = pending >>> bits;
    }
  }
  if (bits > 0) {
    if (at >= limit) return -1;
    out[at++] = (pending << (8 - bits)) | (0xff >>> bits);
  }
  return at;
}

// A transition: the octet it completes in bits 0-7, EMITS if it completes one, FAILS for EOS, and
// the next state from bit 16. State 0 is the root.
const EMITS = 0x100;
const FAILS = 0x200;
const STATE_SHIFT = 16;

const TRANSITIONS: Uint32Array = new Uint32Array(256 * 16);
// 1 where a string may end: at the root, or up to 7 one-bits below it (RFC 7541 §5.2).
const ENDS: Uint8Array = new Uint8Array(256);

function buildStates(): void {
  // Child of node n by bit b at 2n + b: an inner node's number, or a leaf as -1 - symbol; 0 is none.
  const children: number[] = [0, 0];
  for (let symbol = 0; symbol <= EOS; symbol++) {
    const code = HUFFMAN_CODES[symbol] ?? 0;
    let node = 0;
    for (let bit = (HUFFMAN_LENGTHS[symbol] ?? 0) - 1; bit > 0; bit--) {
      const edge = 2 * node + ((code >>> bit) & 1);
      let child = children[edge] ?? 0;
      if (child === 0) {
        child = children.length >>> 1;
        children.push(0, 0);
        children[edge] = child;
      }
      node = child;
    }
    children[2 * node + (code & 1)] = -1 - symbol;
  }
  for (let state = 0; state < children.length >>> 1; state++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      let result = 0;
      for (let bit = 3; bit >= 0; bit--) {
        const child = children[2 * node + ((nibble >>> bit) & 1)] ?? 0;
        if (child < 0) {
          const symbol = -1 - child;
          result |= symbol === EOS ? FAILS : EMITS | symbol;
          node = 0;
        } else {
          node = child;
        }
      }
      TRANSITIONS[state * 16 + nibble] = result | (node << STATE_SHIFT);
    }
  }
  let node = 0;
  for (let ones = 0; ones <= 7; ones++) {
    ENDS[node] = 1;
    node = children[2 * node + 1] ?? 0;
  }
}
buildStates();

/**
 * Decodes the octets of `buf` from `start` to `end` into `out`; returns how many octets they stand
 * for, or -1 if they hold EOS or end in anything but up to 7 one-bits. Octets that `out` has no
 * room for are counted and dropped.
 */
export function huffmanDecode(buf: Buffer, start: number, end: number, out: Buffer): number {
  const room = out.length;
  let length = 0;
  let state = 0;
  let seen = 0;
  for (let i = start; i < end; i++) {
    const octet = buf[i] ?? 0;
    const high = TRANSITIONS[(state << 4) | (octet >>> 4)] ?? FAILS;
    if ((high & EMITS) !== 0) {
      if (length < room) out[length] = high;
      length++;
    }
    const low = TRANSITIONS[((high >>> STATE_SHIFT) << 4) | (octet & 0x0f)] ?? FAILS;
    if ((low & EMITS) !== 0) {
      if (length < room) out[length] = low;
      length++;
    }
    state = low >>> STATE_SHIFT;
    seen |= high | low;
  }
  return (seen & FAILS) !== 0 || ENDS[state] !== 1 ? -1 : length;
}
