// A message encoding in a test's hands: what is large waits until the test lets it finish, in the
// order in which the threads would have taken it.
// Its compressed form is the message behind a mark, so that a test can read both.

import type { CodecDone, MessageCodec } from '#sluice/grpc/compression-codec.js';

const MARK = Buffer.from('packed:');

export function packed(message: string | Uint8Array): Buffer {
  return Buffer.concat([MARK, Buffer.from(message)]);
}

function unpacked(bytes: Uint8Array, maxLength: number): Buffer {
  const text = Buffer.from(bytes);
  if (!text.subarray(0, MARK.length).equals(MARK)) throw new Error('it is not packed');
  if (text.length - MARK.length > maxLength) {
    throw Object.assign(new RangeError('too large'), { code: 'ERR_BUFFER_TOO_LARGE' });
  }
  return text.subarray(MARK.length);
}

export class HeldCodec implements MessageCodec {
  readonly name: string;
  /** Jobs that were started and not finished. */
  private readonly jobs: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** How many jobs wait in the threads. */
  get waiting(): number {
    return this.jobs.length;
  }

  /** Finishes the oldest job. */
  release(): void {
    this.jobs.shift()?.();
  }

  compress(message: Uint8Array): Buffer {
    return packed(message);
  }

  decompress(compressed: Uint8Array, maxLength: number): Buffer {
    return unpacked(compressed, maxLength);
  }

  compressAsync(message: Uint8Array, done: CodecDone): void {
    this.jobs.push(() => done(null, packed(message)));
  }

  decompressAsync(compressed: Uint8Array, maxLength: number, done: CodecDone): void {
    this.jobs.push(() => {
      let message: Buffer;
      try {
        message = unpacked(compressed, maxLength);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      done(null, message);
    });
  }
}
