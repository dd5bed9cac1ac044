// Rich error details: the google.rpc.Status that servers attach to an error in the trailer
// `grpc-status-details-bin`.
// Invariant: bytes of a peer that make no sense are no details, never another error.
// Source: gRPC "Richer error model" (grpc.io, Error handling). The standard messages are exported
// by google-rpc.ts.

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type Any, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { StatusSchema } from '../gen/google/rpc/status_pb.ts';
import { Metadata } from '../grpc/metadata.ts';
import type { Status } from '../grpc/status.ts';
import { StatusError, type StatusErrorOptions } from '../grpc/status-error.ts';

const KEY = 'grpc-status-details-bin';

/** A detail to attach: a message, or what `create` makes one of, and its schema. */
export interface StatusDetail<D extends DescMessage> {
  readonly schema: D;
  readonly message: MessageInitShape<D>;
}

/**
 * All details of an error, still packed, in the sender's order. Empty for an error without details,
 * with details that cannot be read, and for what is no StatusError.
 */
export function statusDetails(error: unknown): readonly Any[] {
  if (!(error instanceof StatusError)) return [];
  const bytes = error.metadata.get(KEY);
  if (bytes === undefined) return [];
  try {
    return fromBinary(StatusSchema, bytes).details;
  } catch {
    return [];
  }
}

/**
 * The details of one type: `findDetails(error, BadRequestSchema)`. Empty where `statusDetails` is;
 * a detail whose bytes are no such message is left out.
 */
export function findDetails<D extends DescMessage>(error: unknown, schema: D): MessageShape<D>[] {
  const found: MessageShape<D>[] = [];
  for (const detail of statusDetails(error)) {
    const message = unpacked(detail, schema);
    if (message !== undefined) found.push(message);
  }
  return found;
}

/**
 * An error with details, for a handler to throw. They travel in the trailers, of which many peers
 * take no more than 8 KiB.
 * @param message the text of `grpc-message`; code and text are part of what is attached too
 */
export function statusErrorWithDetails<const Schemas extends readonly DescMessage[]>(
  code: Status,
  message: string,
  details: { readonly [I in keyof Schemas]: StatusDetail<Schemas[I]> },
  options?: StatusErrorOptions,
): StatusError {
  const packed = details.map(({ schema, message: init }) => anyPack(schema, create(schema, init)));
  const status = create(StatusSchema, { code, message, details: packed });
  const metadata = options?.metadata?.clone() ?? new Metadata();
  metadata.set(KEY, toBinary(StatusSchema, status));
  return new StatusError(code, message, { cause: options?.cause, metadata });
}

function unpacked<D extends DescMessage>(detail: Any, schema: D): MessageShape<D> | undefined {
  try {
    return anyUnpack(detail, schema);
  } catch {
    return undefined;
  }
}
