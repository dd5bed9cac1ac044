// Between a caller's messages and the bytes on the wire: the codec of a method, or none where a call
// is made by path.
// Invariant: what a codec throws becomes INTERNAL of one call and says which way it failed.

import { keepMark } from '../grpc/compression-mark.ts';
import { Metadata } from '../grpc/metadata.ts';
import type { Method } from '../grpc/method.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import { checkMessage } from '../transport/message-check.ts';

/** A method whose messages are known to its codecs only. */
export type AnyMethod = Method<unknown, unknown>;

/** @throws StatusError when the codec fails; TypeError when a call by path is given no bytes */
export function encodeRequest(method: AnyMethod | undefined, message: unknown): Uint8Array {
  if (method === undefined) {
    checkMessage(message, 'request');
    return message;
  }
  try {
    const bytes = method.request.encode(message);
    checkMessage(bytes, 'request');
    keepMark(message, bytes);
    return bytes;
  } catch (error) {
    const details = `cannot encode the request of ${method.path}: ${reasonOf(error)}`;
    throw new StatusError(Status.INTERNAL, details, { cause: error });
  }
}

/** @throws StatusError when the codec fails */
export function decodeResponse(
  method: AnyMethod | undefined,
  bytes: Buffer,
  trailer: HeaderFields,
): unknown {
  if (method === undefined) return bytes;
  try {
    return method.response.decode(bytes);
  } catch (error) {
    const details = `cannot decode the response of ${method.path}: ${reasonOf(error)}`;
    const metadata = Metadata.fromFields(trailer);
    throw new StatusError(Status.INTERNAL, details, { cause: error, metadata });
  }
}

/** The text of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
