// Client interceptors: code around a call that sees and changes its options, messages, metadata and
// outcome, with typed messages where the caller's are typed.
// Invariants: nothing is read ahead of whoever iterates; leaving an iteration cancels the call.
// Not here: how a chain is run (intercepted-call.ts).

import type { Metadata } from '../grpc/metadata.ts';
import type { MethodKind } from '../grpc/method.ts';
import type { CallOptions } from './call-options.ts';

interface AnyCallRequest {
  readonly method: { readonly path: string; readonly kind: MethodKind };
  /**
   * The caller's, without `interceptors`, `onHeader` and `onTrailer`. What is passed to `next`
   * instead holds for that attempt, within the deadline of the call.
   */
  readonly options: CallOptions;
}

/** A call with one request and one response. */
export interface UnaryCallRequest extends AnyCallRequest {
  readonly stream: false;
  readonly message: unknown;
}

/** A call of any other kind: what is sent once is a sequence of one. */
export interface StreamCallRequest extends AnyCallRequest {
  readonly stream: true;
  /** Can be iterated again where the caller's own requests can, as an array. */
  readonly message: AsyncIterable<unknown>;
}

/** A call about to be made. Messages are the caller's: objects with a Method, bytes with a path. */
export type CallRequest = UnaryCallRequest | StreamCallRequest;

/** The answer to a unary call that ended with OK. */
export interface UnaryCallResponse {
  readonly stream: false;
  readonly header: Metadata;
  readonly message: unknown;
  readonly trailer: Metadata;
}

/** The answer to a call of any other kind, once its headers are here. */
export interface StreamCallResponse {
  readonly stream: true;
  readonly header: Metadata;
  /** Ends with the call, throws its StatusError unless it ended with OK. */
  readonly message: AsyncIterable<unknown>;
  /** Empty until `message` has ended. */
  readonly trailer: Metadata;
}

/** The answer to a call. */
export type CallResponse = UnaryCallResponse | StreamCallResponse;

/**
 * Runs around calls. `next` makes the call and rejects with a StatusError when it fails before its
 * response headers (unary: at all); it may be called more than once, or not at all. What an
 * interceptor throws is what the caller sees.
 */
export type ClientInterceptor = (
  request: CallRequest,
  next: (request: CallRequest) => Promise<CallResponse>,
) => Promise<CallResponse>;
