// The outline of a Zstandard frame: where it ends, and the length that it claims for its content.
// Needed because the zstd of Node 22 takes a frame cut short anywhere for an empty message.
// Invariant: pure, never throws, reads no byte past the end. RFC 8878 §3.1.1.
// Not here: what is in the blocks (node:zlib).

const HEADER_AT = 5;
const BLOCK_HEADER = 3;
const RLE_BLOCK = 1;
const CHECKSUM = 4;

const CHECKSUM_FLAG = 4;
const SINGLE_SEGMENT_FLAG = 32;

/** Bytes of the dictionary id and of the content size, by their flags (RFC 8878 §3.1.1.1.1). */
const DICTIONARY_ID: readonly number[] = [0, 1, 2, 4];
const CONTENT_SIZE: readonly number[] = [0, 2, 4, 8];

function descriptorOf(frame: Uint8Array): number {
  return frame[HEADER_AT - 1] ?? 0;
}

/** Where the content size stands: behind the window's and the dictionary's descriptors. */
function contentSizeAt(descriptor: number): number {
  const window = (descriptor & SINGLE_SEGMENT_FLAG) === 0 ? 1 : 0;
  return HEADER_AT + window + (DICTIONARY_ID[descriptor & 3] ?? 0);
}

function contentSizeBytes(descriptor: number): number {
  const flag = descriptor >>> 6;
  // Without a window the size is always there.
  if (flag === 0) return (descriptor & SINGLE_SEGMENT_FLAG) === 0 ? 0 : 1;
  return CONTENT_SIZE[flag] ?? 0;
}

/** Bytes that the frame at the start of `bytes` takes, if what it says is so; may be past its end. */
export function zstdFrameLength(bytes: Uint8Array): number {
  const descriptor = descriptorOf(bytes);
  let at = contentSizeAt(descriptor) + contentSizeBytes(descriptor);
  for (let isLast = false; !isLast; ) {
    if (at + BLOCK_HEADER > bytes.length) return at + BLOCK_HEADER;
    const low = bytes[at] ?? 0;
    const size = (low | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)) >>> 3;
    isLast = (low & 1) === 1;
    at += BLOCK_HEADER + (((low >>> 1) & 3) === RLE_BLOCK ? 1 : size);
  }
  return (descriptor & CHECKSUM_FLAG) === 0 ? at : at + CHECKSUM;
}

/** Bytes of the content as the frame claims; undefined when it does not say. */
export function zstdClaimedLength(bytes: Uint8Array): number | undefined {
  const descriptor = descriptorOf(bytes);
  const count = contentSizeBytes(descriptor);
  if (count === 0) return undefined;
  const at = contentSizeAt(descriptor);
  let size = 0;
  for (let i = count - 1; i >= 0; i -= 1) size = size * 256 + (bytes[at + i] ?? 0);
  // A size of two bytes counts from 256 (RFC 8878 §3.1.1.1.4).
  return count === 2 ? size + 256 : size;
}
