// Methods whose messages are JSON: codecs that can fail in either direction, without generated code.

import type { Codec, Method, MethodKind } from '#sluice/grpc/method.js';

/** Fails for what JSON has no text for, and for bytes that are none. */
export function jsonCodec<T>(): Codec<T> {
  return {
    encode(message) {
      return Buffer.from(JSON.stringify(message));
    },
    decode(bytes): T {
      return JSON.parse(String(bytes));
    },
  };
}

/** A method of messages of the given types. */
export function jsonMethod<I, O>(path: string, kind: MethodKind): Method<I, O> {
  return { path, kind, request: jsonCodec<I>(), response: jsonCodec<O>() };
}
