// Writes string literals: Huffman coded where that is shorter, else as they are.
// Spec: RFC 7541 §5.2. Reading is in block-reader.ts.

import { huffmanEncode, huffmanLength } from './huffman.ts';
import { writeInteger } from './integer.ts';
import { HUFFMAN_FLAG, STRING_MASK } from './representation.ts';

// Up to this length a loop beats the call into C++ that writing a string is.
const SHORT_STRING = 24;

// Names repeat, and the same few in every process; their literals are coded once. When this many
// are known, further names are coded each time: whoever makes up names cannot make this grow.
const MAX_KNOWN_NAMES = 128;
// Octets of the longest name remembered: what it bounds is the memory of the map.
const MAX_KNOWN_LENGTH = 64;
const knownNames: Map<string, Uint8Array> = new Map();

/** Writes `text` (latin1); returns the offset behind it. `huffman` false writes it as it is. */
export function writeString(text: string, huffman: boolean, out: Buffer, at: number): number {
  const length = text.length;
  if (huffman && length > 0) {
    const coded = writeCoded(text, out, at);
    if (coded !== -1) return coded;
  }
  at = writeInteger(length, STRING_MASK, 0, out, at);
  if (length <= SHORT_STRING) {
    for (let i = 0; i < length; i++) out[at++] = text.charCodeAt(i);
    return at;
  }
  return at + out.write(text, at, length, 'latin1');
}

/** As `writeString`, for the name of a field. */
export function writeName(name: string, huffman: boolean, out: Buffer, at: number): number {
  if (!huffman) return writeString(name, false, out, at);
  const known = knownNames.get(name);
  if (known !== undefined) {
    out.set(known, at);
    return at + known.length;
  }
  const end = writeString(name, true, out, at);
  if (knownNames.size < MAX_KNOWN_NAMES && name.length <= MAX_KNOWN_LENGTH) {
    knownNames.set(name, new Uint8Array(out.subarray(at, end)));
  }
  return end;
}

/** Writes `text` Huffman coded, or returns -1 if that is not shorter. Not for the empty string. */
function writeCoded(text: string, out: Buffer, at: number): number {
  const length = text.length;
  if (length <= STRING_MASK) {
    // The length takes one octet whatever it turns out to be, so it can be filled in afterwards.
    const end = huffmanEncode(text, out, at + 1, at + length);
    if (end !== -1) out[at] = HUFFMAN_FLAG | (end - at - 1);
    return end;
  }
  const coded = huffmanLength(text);
  if (coded >= length) return -1;
  at = writeInteger(coded, STRING_MASK, HUFFMAN_FLAG, out, at);
  return huffmanEncode(text, out, at, at + coded);
}
