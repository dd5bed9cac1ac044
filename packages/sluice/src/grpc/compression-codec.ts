// What a message encoding can do, as Sluice calls it and as programs may supply their own.
// Invariant: a codec is handed whole messages and keeps nothing of them; whatever it throws fails
// one call and never the process. Source: gRPC compression.md, PROTOCOL-HTTP2.md ("Message-Encoding").
// Not here: the codecs of node:zlib (compression-zlib.ts), which names are known (compression-names.ts).

/** Takes the outcome of a job in another thread; called once. */
export type CodecDone = (error: Error | null, result?: Uint8Array) => void;

/**
 * A message encoding: gzip, deflate and those that {@link registerMessageEncoding} adds. Messages are
 * borrowed until return, or until `done` was called, and must not be changed.
 */
export interface MessageCodec {
  /** The value of `grpc-encoding`: `0-9`, `a-z`, `_`, `.` and `-`. */
  readonly name: string;
  /** The message compressed, in memory of its own. Throwing fails the call with INTERNAL. */
  compress(message: Uint8Array): Uint8Array;
  /**
   * The message that `compressed` holds, and nothing behind it; in memory of its own.
   *
   * @param maxLength bytes; for a longer message the error thrown has the code `ERR_BUFFER_TOO_LARGE`,
   *   as node:zlib's has by `maxOutputLength`, and no more memory than that is taken
   * @throws any other error when the bytes are damaged: the call fails with INTERNAL
   */
  decompress(compressed: Uint8Array, maxLength: number): Uint8Array;
  /** The same off the event loop, for large messages; without it they are compressed on it. */
  compressAsync?(message: Uint8Array, done: CodecDone): void;
  /** The same off the event loop, for large messages; without it they are decompressed on it. */
  decompressAsync?(compressed: Uint8Array, maxLength: number, done: CodecDone): void;
  /**
   * Bytes of the message, as the compressed form claims. Believed only to choose between the event
   * loop and a thread; without it a message counts as four times its compressed length.
   */
  claimedLength?(compressed: Uint8Array): number;
}

/** Whether a codec's error says that the message is longer than it may be. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}
