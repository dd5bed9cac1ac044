// A cursor over the bytes of one header block: reads HPACK integers and string literals.
// Invariant: it never reads at or past `end`, and never throws; what the bytes cannot mean is
// reported in `fault`, which its caller checks after each read.
// Spec: RFC 7541 §5. Not here: what the integers and strings mean (decoder.ts).

import { huffmanDecode } from './huffman.ts';
import { HUFFMAN_FLAG, STRING_MASK } from './representation.ts';

// Integers are held to 28 bits behind the prefix: no length or index comes near it, and nothing
// overflows 32 bits.
const MAX_SHIFT = 21;

// Where Huffman coded strings are decoded before they become strings; shared, since a read ends
// before the next begins. Grows to the longest string that any decoder was willing to keep.
let scratch: Buffer = Buffer.allocUnsafeSlow(1024);

const NO_BYTES: Buffer = Buffer.alloc(0);

/** Reads one block at a time; `open` before, `close` after. */
export class BlockReader {
  /** Offset of the next octet. */
  at: number;
  /** What was wrong with the last thing read; '' while nothing was. */
  fault: string;
  /** Decoded length, in octets, of the last string read, kept or not. */
  stringLength: number;
  private buf: Buffer;
  private end: number;

  constructor() {
    this.at = 0;
    this.fault = '';
    this.stringLength = 0;
    this.buf = NO_BYTES;
    this.end = 0;
  }

  /** Starts on a block. `buf` is borrowed until `close`. */
  open(buf: Buffer, start: number, end: number): void {
    this.at = start;
    this.fault = '';
    this.stringLength = 0;
    this.buf = buf;
    this.end = end;
  }

  /** Lets go of the bytes. */
  close(): void {
    this.buf = NO_BYTES;
    this.end = 0;
    this.at = 0;
  }

  /** Reads an integer whose prefix is the bits of `mask` in the next octet (RFC 7541 §5.1). */
  readInteger(mask: number): number {
    const buf = this.buf;
    let value = (buf[this.at++] ?? 0) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MAX_SHIFT; shift += 7) {
      if (this.at >= this.end) return this.fail('the block ends inside an integer');
      const octet = buf[this.at++] ?? 0;
      value += (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    return this.fail('an integer is longer than 5 octets');
  }

  /**
   * Reads a string literal (RFC 7541 §5.2) and sets `stringLength`. Of a string of more than
   * `keep` octets only the length is found out, and '' returned.
   */
  readString(keep: number): string {
    this.stringLength = 0;
    if (this.at >= this.end) {
      this.fail('the block ends where a string should start');
      return '';
    }
    const coded = (this.buf[this.at] ?? 0) >= HUFFMAN_FLAG;
    const length = this.readInteger(STRING_MASK);
    if (this.fault !== '') return '';
    const start = this.at;
    const end = start + length;
    if (end > this.end) {
      this.fail('the block ends inside a string');
      return '';
    }
    this.at = end;
    if (coded) return this.readHuffman(start, end, keep);
    this.stringLength = length;
    if (length === 0 || length > keep) return '';
    return this.buf.toString('latin1', start, end);
  }

  private readHuffman(start: number, end: number, keep: number): string {
    // The shortest code has 5 bits, so this many octets at most.
    const room = Math.min(keep, ((end - start) * 8) / 5);
    if (room > scratch.length) scratch = Buffer.allocUnsafeSlow(Math.ceil(room));
    const length = huffmanDecode(this.buf, start, end, scratch);
    if (length < 0) {
      this.fail('a Huffman coded string holds EOS or is padded wrongly');
      return '';
    }
    this.stringLength = length;
    return length > keep ? '' : scratch.toString('latin1', 0, length);
  }

  private fail(reason: string): number {
    this.fault = reason;
    return 0;
  }
}
