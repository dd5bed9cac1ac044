// Decompresses one message in a thread, chunk by chunk, and gives the memory of what turns out too
// long or damaged back at once. Left to the garbage collector, which counts on 64 MB of such memory
// before it looks, a few kilobytes of a decompression bomb cost their receiver as much.
// Invariants: no more than the limit and a chunk is ever held; `done` is called once; memory that
// the engine may still write to is never given back.

import type { CodecDone } from './compression-codec.ts';

/** What is used of a stream of node:zlib. */
export interface InflationEngine {
  /** Bytes of its input that it read. */
  readonly bytesWritten: number;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  end(compressed: Uint8Array): unknown;
  destroy(): unknown;
}

/** The error of a message that decompresses to more than it may, as node:zlib has it. */
export function tooLarge(maxLength: number): Error {
  const error = new RangeError(`it is longer than ${maxLength} bytes`);
  return Object.assign(error, { code: 'ERR_BUFFER_TOO_LARGE' });
}

/**
 * @param engine new, with its output chunks sized
 * @param done given the message, or why there is none; it may have been larger, damaged, or followed
 *   by bytes that are not its own
 */
export function inflate(
  engine: InflationEngine,
  compressed: Uint8Array,
  maxLength: number,
  done: CodecDone,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let isOpen = true;
  const fail = (error: Error): void => {
    if (!isOpen) return;
    isOpen = false;
    engine.destroy();
    giveBack(chunks);
    done(error);
  };
  engine.on('data', (chunk: Buffer) => {
    if (!isOpen) return;
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxLength) fail(tooLarge(maxLength));
  });
  engine.on('error', fail);
  engine.on('end', () => {
    if (!isOpen) return;
    const behind = compressed.length - engine.bytesWritten;
    if (behind > 0) {
      fail(new Error(`${behind} bytes follow its end`));
      return;
    }
    isOpen = false;
    engine.destroy();
    done(null, joined(chunks, length));
  });
  engine.end(compressed);
}

/** One chunk stays where it is, unless it leaves more than an eighth of its memory unused. */
function joined(chunks: readonly Buffer[], length: number): Buffer {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) {
    const spare = only.buffer.byteLength - only.length;
    if (spare * 8 <= only.length) return only;
  }
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** All but the memory of the last chunk, which the engine may be filling still. */
function giveBack(chunks: Buffer[]): void {
  const last = chunks.at(-1)?.buffer;
  const done = new Set<ArrayBuffer>();
  for (const { buffer } of chunks) {
    if (buffer !== last && buffer instanceof ArrayBuffer) done.add(buffer);
  }
  chunks.length = 0;
  if (done.size === 0) return;
  // What is transferred to a closed port is nobody's: a transfer happens whether or not anybody
  // receives it, and then its memory is free.
  const { port1 } = new MessageChannel();
  port1.close();
  port1.postMessage(null, [...done]);
}
