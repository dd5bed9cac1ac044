// The memory of one received message.
// Invariant: exact size, its own, never pooled: it is whoever reads the message's.
// V8 counts such memory against the limit of its old generation, but frees it with the young one, which
// is collected as often as objects fill it. A reader that makes few of them gets a mark-compact per
// 10 MB instead, which took two thirds of the CPU of a stream of 64 KiB messages. So a large message
// comes with objects of an eighth of its size that are dead at once.

/** Bytes; below them the objects of the message itself are enough. */
const LARGE = 16_384;

/** Bytes of message for each element, which is 8 bytes of the young generation. */
const BYTES_PER_ELEMENT = 64;

/** 64 KiB; more would no longer be young. */
const MAX_ELEMENTS = 8_192;

// Held, so that V8 cannot leave it out; the one before is what is collected.
const young: { filler: unknown[] } = { filler: [] };

/** @throws RangeError where this process can allocate no `length` bytes */
export function messageBuffer(length: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(length);
  if (length >= LARGE) {
    young.filler = new Array(Math.min(MAX_ELEMENTS, Math.ceil(length / BYTES_PER_ELEMENT)));
  }
  return buffer;
}
