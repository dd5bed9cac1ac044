// Messages whose content can be checked: a number, then noise that the number chooses.
// Invariant: a message with other bytes, another length or another place in its stream is seen.

/** Bytes of noise a message may begin in, and the longest message beside it. */
const STARTS = 65_536;
const LONGEST = 1_048_576;

/** Bytes of the number. */
const NUMBER = 4;

const noise: Buffer = makeNoise();

/** xorshift32, from a fixed start: both ends make the same. */
function makeNoise(): Buffer {
  const bytes = Buffer.alloc(STARTS + LONGEST);
  let state = 0x9e3779b9;
  for (let at = 0; at < bytes.length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state | 0, at);
  }
  return bytes;
}

function noiseOf(number: number, length: number): Buffer {
  const start = Math.imul(number, 4_099) & (STARTS - 1);
  return noise.subarray(start, start + length);
}

/** @param length bytes in all, 4 to 1,048,576 */
export function messageOf(number: number, length: number): Buffer {
  const message = Buffer.allocUnsafe(length);
  message.writeUInt32BE(number >>> 0, 0);
  noiseOf(number, length - NUMBER).copy(message, NUMBER);
  return message;
}

/** Whether these are the bytes of `messageOf(number, length)`. */
export function isMessage(message: Uint8Array, number: number, length: number): boolean {
  if (message.length !== length) return false;
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length);
  return (
    bytes.readUInt32BE(0) === number >>> 0 &&
    bytes.compare(noiseOf(number, length - NUMBER), 0, length - NUMBER, NUMBER, length) === 0
  );
}
