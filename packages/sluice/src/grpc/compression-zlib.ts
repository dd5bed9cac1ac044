// The message encodings of node:zlib: gzip, deflate, Brotli and Zstandard.
// Invariants: a message is one whole compressed form, what follows it is damage and not ignored;
// no more than the limit is ever inflated; results own their memory and waste little of it.
// Source: gRPC compression.md; RFC 1950 ("deflate" is zlib's format), RFC 1952, RFC 7932, RFC 8878.

import { constants as bufferConstants } from 'node:buffer';
import * as zlib from 'node:zlib';
import { type InflationEngine, inflate, tooLarge } from './bounded-inflation.ts';
import type { CodecDone, MessageCodec } from './compression-codec.ts';
import { zstdClaimedLength, zstdFrameLength } from './compression-zstd.ts';

/** Bytes; what node:zlib takes for its output at a time by itself. */
const MIN_CHUNK = 16_384;

/** Bytes; an output of unknown length is taken in chunks of no more, each costs a thread a turn. */
const MAX_UNKNOWN_CHUNK = 262_144;

/** Bytes; an output that is claimed to be longer than it may be: each chunk but the last is given back. */
const HOPELESS_CHUNK = 65_536;

/** Bytes; an output that is claimed to be longer is taken in chunks of this size. */
const MAX_CLAIMED_CHUNK = 8_388_608;

/** A compressed form that does not say is likely to stand for so many times its length. */
const LIKELY_RATIO = 4;

/** Bytes; what is compressed goes into one chunk up to here. */
const MAX_COMPRESS_CHUNK = 1_048_576;

/** Deflate makes at most so many bytes of one (1,032), and needs some for itself. */
const MAX_DEFLATE_RATIO = 1_032;

/** Bytes; the shortest form of gzip (RFC 1952 §2.2, §2.3): header, empty block, CRC-32, ISIZE. */
const MIN_GZIP = 20;

/** What node:zlib reads of our settings, whatever the format. */
interface ChunkOptions {
  readonly chunkSize: number;
  readonly maxOutputLength?: number;
  /** Asks for the engine beside the result, which knows how much of the input it read. */
  readonly info?: boolean;
  readonly level?: number;
  readonly params?: { readonly [key: number]: number };
}

/** The four functions of a format. */
interface Format {
  readonly compressSync: (bytes: Uint8Array, options: ChunkOptions) => Buffer;
  readonly decompressSync: (bytes: Uint8Array, options: ChunkOptions) => Buffer;
  readonly compress: (bytes: Uint8Array, options: ChunkOptions, done: ZlibDone) => void;
  readonly engine: (options: ChunkOptions) => InflationEngine;
  /** Bytes of the compressed form by its own account, where node:zlib does not see to its end. */
  readonly frameLength?: (compressed: Uint8Array) => number;
  /** Bytes of the message as the compressed form claims; undefined when it does not say. */
  readonly claimedLength?: (compressed: Uint8Array) => number | undefined;
  /** Bytes at most that a compressed byte can stand for; Infinity for no such bound. */
  readonly maxRatio: number;
}

type ZlibDone = (error: Error | null, result: Buffer) => void;

/** What `info: true` gives in place of the bytes. */
interface WithEngine {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

// The result of a message that was one byte shorter than its memory is kept as it is; one that
// leaves more than an eighth of it unused moves to memory of its size, so that accounts stay true.
function fitted(bytes: Buffer): Buffer {
  const spare = bytes.buffer.byteLength - bytes.length;
  if (spare * 8 <= bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

// node:zlib stops at the end of the compressed form and says nothing of what follows.
function whole(result: Buffer, given: number): Buffer {
  // node's types do not know that `info: true` changes the result.
  const { buffer, engine } = result as unknown as WithEngine;
  const behind = given - engine.bytesWritten;
  if (behind > 0) throw new Error(`${behind} bytes follow its end`);
  return fitted(buffer);
}

class ZlibCodec implements MessageCodec {
  readonly name: string;
  private readonly format: Format;
  private readonly level: Pick<ChunkOptions, 'level' | 'params'>;

  constructor(name: string, format: Format, level: Pick<ChunkOptions, 'level' | 'params'>) {
    this.name = name;
    this.format = format;
    this.level = level;
  }

  claimedLength(compressed: Uint8Array): number {
    return this.format.claimedLength?.(compressed) ?? compressed.length * LIKELY_RATIO;
  }

  private checkEnd(compressed: Uint8Array): void {
    const { frameLength } = this.format;
    if (frameLength !== undefined && frameLength(compressed) > compressed.length) {
      throw new Error('unexpected end of file');
    }
  }

  compress(message: Uint8Array): Buffer {
    return fitted(this.format.compressSync(message, this.compressOptions(message.length)));
  }

  compressAsync(message: Uint8Array, done: CodecDone): void {
    this.format.compress(message, this.compressOptions(message.length), (error, result) => {
      if (error === null) done(null, fitted(result));
      else done(error);
    });
  }

  decompress(compressed: Uint8Array, maxLength: number): Buffer {
    const options = this.decompressOptions(compressed, maxLength);
    this.checkEnd(compressed);
    const message = whole(this.format.decompressSync(compressed, options), compressed.length);
    // node:zlib takes no limit of 0.
    if (message.length > maxLength) throw tooLarge(maxLength);
    return message;
  }

  decompressAsync(compressed: Uint8Array, maxLength: number, done: CodecDone): void {
    const options = this.decompressOptions(compressed, maxLength);
    this.checkEnd(compressed);
    inflate(this.format.engine(options), compressed, maxLength, done);
  }

  private compressOptions(length: number): ChunkOptions {
    // What does not get smaller grows by a header and a little for each block.
    const chunkSize = Math.min(MAX_COMPRESS_CHUNK, length + (length >>> 10) + 64);
    return { ...this.level, chunkSize };
  }

  private decompressOptions(compressed: Uint8Array, maxLength: number): ChunkOptions {
    const { format } = this;
    const claim = format.claimedLength?.(compressed);
    let most = MAX_UNKNOWN_CHUNK;
    if (claim !== undefined && claim > maxLength) most = HOPELESS_CHUNK;
    else if (claim !== undefined)
      most = Math.min(MAX_CLAIMED_CHUNK, compressed.length * format.maxRatio);
    // One byte more than the message: a full chunk would be followed by another.
    const likely = Math.min(claim ?? compressed.length * LIKELY_RATIO, maxLength) + 1;
    const chunkSize = Math.max(MIN_CHUNK, Math.min(likely, most));
    const maxOutputLength = Math.max(1, Math.min(maxLength, bufferConstants.MAX_LENGTH));
    return { chunkSize, maxOutputLength, info: true };
  }
}

// ISIZE (RFC 1952 §2.3.1): the length modulo 2^32 of the last member, and there is mostly one.
function gzipLength(compressed: Uint8Array): number {
  const end = compressed.length;
  if (end < MIN_GZIP) return 0;
  const low = (compressed[end - 4] ?? 0) | ((compressed[end - 3] ?? 0) << 8);
  return low + (compressed[end - 2] ?? 0) * 0x1_0000 + (compressed[end - 1] ?? 0) * 0x100_0000;
}

const GZIP: Format = {
  compressSync: zlib.gzipSync,
  decompressSync: zlib.gunzipSync,
  compress: zlib.gzip,
  engine: zlib.createGunzip,
  claimedLength: gzipLength,
  maxRatio: MAX_DEFLATE_RATIO,
};

const DEFLATE: Format = {
  compressSync: zlib.deflateSync,
  decompressSync: zlib.inflateSync,
  compress: zlib.deflate,
  engine: zlib.createInflate,
  maxRatio: MAX_DEFLATE_RATIO,
};

const BROTLI: Format = {
  compressSync: zlib.brotliCompressSync,
  decompressSync: zlib.brotliDecompressSync,
  compress: zlib.brotliCompress,
  engine: zlib.createBrotliDecompress,
  maxRatio: Number.POSITIVE_INFINITY,
};

/** The functions that Node has from 22.15 on; the types are those of Node 20. */
interface ZstdFunctions {
  readonly zstdCompressSync?: Format['compressSync'];
  readonly zstdDecompressSync?: Format['decompressSync'];
  readonly zstdCompress?: Format['compress'];
  readonly createZstdDecompress?: Format['engine'];
}

// ZSTD_c_compressionLevel, the key of the level among zstd's parameters.
const ZSTD_LEVEL_KEY = 100;

function checkLevel(level: number, lowest: number, highest: number): void {
  if (Number.isInteger(level) && level >= lowest && level <= highest) return;
  throw new RangeError(
    `level is ${String(level)}; it must be an integer from ${lowest} to ${highest}`,
  );
}

/**
 * gzip (RFC 1952), which is registered from the start; register it again to change its level.
 *
 * @param level 0 to 9, from fast to small; default 6
 * @throws RangeError for another level
 */
export function gzipEncoding(level: number = 6): MessageCodec {
  checkLevel(level, 0, 9);
  return new ZlibCodec('gzip', GZIP, { level });
}

/**
 * deflate in zlib's format (RFC 1950), which is registered from the start; register it again to
 * change its level.
 *
 * @param level 0 to 9, from fast to small; default 6
 * @throws RangeError for another level
 */
export function deflateEncoding(level: number = 6): MessageCodec {
  checkLevel(level, 0, 9);
  return new ZlibCodec('deflate', DEFLATE, { level });
}

/**
 * Brotli (RFC 7932), named `br`, to be registered with {@link registerMessageEncoding}.
 *
 * @param quality 0 to 11, from fast to small; default 4, where zlib's own 11 takes a hundred times
 *   as long
 * @throws RangeError for another quality
 */
export function brotliEncoding(quality: number = 4): MessageCodec {
  checkLevel(quality, 0, 11);
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: quality };
  return new ZlibCodec('br', BROTLI, { params });
}

/**
 * Zstandard (RFC 8878), named `zstd`, to be registered with {@link registerMessageEncoding}.
 *
 * @param level 1 to 22, from fast to small; default 3
 * @throws Error on a Node without it: it came with 22.15 and 23.8
 * @throws RangeError for another level
 */
export function zstdEncoding(level: number = 3): MessageCodec {
  checkLevel(level, 1, 22);
  // The types are those of Node 20, which lacks these functions; each is checked below.
  const { zstdCompressSync, zstdDecompressSync, zstdCompress, createZstdDecompress } =
    zlib as ZstdFunctions;
  if (
    zstdCompressSync === undefined ||
    zstdDecompressSync === undefined ||
    zstdCompress === undefined ||
    createZstdDecompress === undefined
  ) {
    throw new Error(`zstd needs Node 22.15 or later; this is Node ${process.versions.node}`);
  }
  const format: Format = {
    compressSync: zstdCompressSync,
    decompressSync: zstdDecompressSync,
    compress: zstdCompress,
    engine: createZstdDecompress,
    frameLength: zstdFrameLength,
    claimedLength: zstdClaimedLength,
    maxRatio: Number.POSITIVE_INFINITY,
  };
  return new ZlibCodec('zstd', format, { params: { [ZSTD_LEVEL_KEY]: level } });
}
