// XXH64 with seed 0: the hash that gRPC places backends and calls on a ring with.
// Invariant: 64-bit arithmetic in two 32-bit halves, the result of each step in `high` and `low`:
// BigInt would allocate at every step of every call. xxHash specification, "XXH64 Algorithm".
// Not here: the ring (hash-ring.ts). Pure.

// PRIME64_1 to PRIME64_5 of the specification, in halves.
const PRIME1_HIGH = 0x9e3779b1;
const PRIME1_LOW = 0x85ebca87;
const PRIME2_HIGH = 0xc2b2ae3d;
const PRIME2_LOW = 0x27d4eb4f;
const PRIME3_HIGH = 0x165667b1;
const PRIME3_LOW = 0x9e3779f9;
const PRIME4_HIGH = 0x85ebca77;
const PRIME4_LOW = 0xc2b2ae63;
const PRIME5_HIGH = 0x27d4eb2f;
const PRIME5_LOW = 0x165667c5;

const STRIPE = 32;

// The register that every step below leaves its result in.
let high = 0;
let low = 0;

function set(h: number, l: number): void {
  high = h | 0;
  low = l | 0;
}

function add(h: number, l: number): void {
  const sum = (low >>> 0) + (l >>> 0);
  high = (high + h + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  low = sum | 0;
}

function xor(h: number, l: number): void {
  high ^= h;
  low ^= l;
}

function multiply(h: number, l: number): void {
  const a0 = low & 0xffff;
  const a1 = low >>> 16;
  const b0 = l & 0xffff;
  const b1 = l >>> 16;
  // Each sum stays below 2^32, so a double holds it and >>> may take it apart.
  const middle = a0 * b1 + ((a0 * b0) >>> 16);
  const other = a1 * b0 + (middle & 0xffff);
  const carry = a1 * b1 + (middle >>> 16) + (other >>> 16);
  high = (carry + Math.imul(low, h) + Math.imul(high, l)) | 0;
  low = Math.imul(low, l);
}

/** @param bits 1 to 31 */
function rotateLeft(bits: number): void {
  const h = high;
  high = (h << bits) | (low >>> (32 - bits));
  low = (low << bits) | (h >>> (32 - bits));
}

/** @param bits 1 to 63 */
function xorShifted(bits: number): void {
  if (bits < 32) {
    xor(high >>> bits, (low >>> bits) | (high << (32 - bits)));
  } else {
    low ^= high >>> (bits - 32);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

// One lane of a stripe, or an accumulator in the merge; the register holds the lane's accumulator.
function round(h: number, l: number): void {
  const accumulatorHigh = high;
  const accumulatorLow = low;
  set(h, l);
  multiply(PRIME2_HIGH, PRIME2_LOW);
  add(accumulatorHigh, accumulatorLow);
  rotateLeft(31);
  multiply(PRIME1_HIGH, PRIME1_LOW);
}

const lanes = new Int32Array(8);

function consumeStripes(bytes: Uint8Array, length: number): number {
  set(PRIME1_HIGH, PRIME1_LOW);
  add(PRIME2_HIGH, PRIME2_LOW);
  lanes[0] = high;
  lanes[1] = low;
  lanes[2] = PRIME2_HIGH;
  lanes[3] = PRIME2_LOW;
  lanes[4] = 0;
  lanes[5] = 0;
  // 0 - PRIME64_1
  set(~PRIME1_HIGH, ~PRIME1_LOW);
  add(0, 1);
  lanes[6] = high;
  lanes[7] = low;
  let at = 0;
  for (; at + STRIPE <= length; at += STRIPE) {
    for (let lane = 0; lane < 4; lane += 1) {
      set(lanes[2 * lane] ?? 0, lanes[2 * lane + 1] ?? 0);
      round(word(bytes, at + 8 * lane + 4), word(bytes, at + 8 * lane));
      lanes[2 * lane] = high;
      lanes[2 * lane + 1] = low;
    }
  }
  converge();
  return at;
}

const CONVERGENCE: readonly number[] = [1, 7, 12, 18];

function converge(): void {
  let sumHigh = 0;
  let sumLow = 0;
  for (let lane = 0; lane < 4; lane += 1) {
    set(lanes[2 * lane] ?? 0, lanes[2 * lane + 1] ?? 0);
    rotateLeft(CONVERGENCE[lane] ?? 1);
    add(sumHigh, sumLow);
    sumHigh = high;
    sumLow = low;
  }
  for (let lane = 0; lane < 4; lane += 1) {
    const h = high;
    const l = low;
    set(0, 0);
    round(lanes[2 * lane] ?? 0, lanes[2 * lane + 1] ?? 0);
    xor(h, l);
    multiply(PRIME1_HIGH, PRIME1_LOW);
    add(PRIME4_HIGH, PRIME4_LOW);
  }
}

function consumeRest(bytes: Uint8Array, from: number, length: number): void {
  let at = from;
  for (; at + 8 <= length; at += 8) {
    const h = high;
    const l = low;
    set(0, 0);
    round(word(bytes, at + 4), word(bytes, at));
    xor(h, l);
    rotateLeft(27);
    multiply(PRIME1_HIGH, PRIME1_LOW);
    add(PRIME4_HIGH, PRIME4_LOW);
  }
  if (at + 4 <= length) {
    const h = high;
    const l = low;
    set(0, word(bytes, at));
    multiply(PRIME1_HIGH, PRIME1_LOW);
    xor(h, l);
    rotateLeft(23);
    multiply(PRIME2_HIGH, PRIME2_LOW);
    add(PRIME3_HIGH, PRIME3_LOW);
    at += 4;
  }
  for (; at < length; at += 1) {
    const h = high;
    const l = low;
    set(0, bytes[at] ?? 0);
    multiply(PRIME5_HIGH, PRIME5_LOW);
    xor(h, l);
    rotateLeft(11);
    multiply(PRIME1_HIGH, PRIME1_LOW);
  }
}

/** A hash in two halves, each 0 to 2^32 - 1. */
export interface Hash64 {
  high: number;
  low: number;
}

/** Writes the hash of the first `length` bytes to `hash`. The bytes are borrowed until return. */
export function xxHash64(bytes: Uint8Array, length: number, hash: Hash64): void {
  let at = 0;
  if (length >= STRIPE) at = consumeStripes(bytes, length);
  else set(PRIME5_HIGH, PRIME5_LOW);
  add(0, length);
  consumeRest(bytes, at, length);
  xorShifted(33);
  multiply(PRIME2_HIGH, PRIME2_LOW);
  xorShifted(29);
  multiply(PRIME3_HIGH, PRIME3_LOW);
  xorShifted(32);
  hash.high = high >>> 0;
  hash.low = low >>> 0;
}
