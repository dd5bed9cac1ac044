// A method as a server has registered it: codecs and limits of its messages.
// Invariant: made once per registration and shared by all its calls; what was given as a path has
// codecs that hand bytes on, so that calls see one shape.
// Not here: handlers and how they are run (route.ts).

import { sendingCodec } from '../grpc/compression-names.ts';
import type { Codec, Method, MethodKind } from '../grpc/method.ts';
import { checkPositive } from '../transport/option-checks.ts';
import type { MethodInfo } from './context.ts';

/** Settings of one method, in place of those of the server. */
export interface MethodOptions {
  /** Bytes of one request message; default the server's, which is 4 MiB. */
  readonly maxReceiveMessageLength?: number | undefined;
  /** Bytes of one response message; default the server's, which is no limit. */
  readonly maxSendMessageLength?: number | undefined;
  /** Encoding of responses ("gzip"), where the client takes it; default the server's, which is none. */
  readonly compress?: string | undefined;
}

/** What calls need of their method. */
export interface ServedMethod<I, O> extends MethodInfo {
  readonly request: Codec<I>;
  readonly response: Codec<O>;
  /** Bytes; undefined for the connection's own limit. */
  readonly maxReceiveMessageLength: number | undefined;
  /** Bytes; Infinity for none. */
  readonly maxSendMessageLength: number;
  readonly compress: string | undefined;
}

/** A path, or a method of a service definition. */
export type MethodTarget<I, O> = string | Method<I, O>;

interface ByteCodec {
  encode(message: Uint8Array): Uint8Array;
  decode(bytes: Buffer): Buffer;
}

const BYTES: ByteCodec = { encode: (message) => message, decode: (bytes) => bytes };

/**
 * @param kind what it is registered as
 * @throws TypeError for a path that is none, or a method of another kind; RangeError for a limit or
 * an encoding that is not understood
 */
export function servedMethod<I, O>(
  target: MethodTarget<I, O>,
  kind: MethodKind,
  options: MethodOptions,
): ServedMethod<I, O> {
  if (typeof target === 'string') {
    checkPath(target);
    // The overloads of `Server` hold handlers of a path to bytes.
    const codec: Codec<unknown> = BYTES;
    return method(target, kind, codec as Codec<I>, codec as Codec<O>, options);
  }
  checkPath(target.path);
  if (target.kind !== kind) {
    throw new TypeError(`${target.path} is ${target.kind}; it cannot be registered as ${kind}`);
  }
  return method(target.path, kind, target.request, target.response, options);
}

/** The method of a call that is served in bytes, whatever its kind and its path. */
export function byteMethod(path: string, options: MethodOptions): ServedMethod<Buffer, Uint8Array> {
  return method<Buffer, Uint8Array>(path, 'bidiStreaming', BYTES, BYTES, options);
}

/** @throws TypeError */
export function checkPath(path: string): void {
  if (/^\/[^/]+\/[^/]+$/.test(path)) return;
  throw new TypeError(`path ${JSON.stringify(path)} is not "/package.Service/Method"`);
}

function method<I, O>(
  path: string,
  kind: MethodKind,
  request: Codec<I>,
  response: Codec<O>,
  options: MethodOptions,
): ServedMethod<I, O> {
  const { maxReceiveMessageLength, maxSendMessageLength, compress } = options;
  checkPositive('maxReceiveMessageLength', maxReceiveMessageLength, 'bytes');
  checkPositive('maxSendMessageLength', maxSendMessageLength, 'bytes');
  // Throws for an encoding that is not known.
  if (compress !== undefined) sendingCodec(compress);
  return {
    path,
    kind,
    request,
    response,
    maxReceiveMessageLength,
    maxSendMessageLength: maxSendMessageLength ?? Number.POSITIVE_INFINITY,
    compress: compress === 'identity' ? undefined : compress,
  };
}
