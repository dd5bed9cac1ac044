// The callbacks of `CallOptions`, and what a call made with a promise or an iterator ends with.
// Invariant: what a caller's own code throws ends its call, and is what the caller sees, before any
// status.

import { Metadata } from '../grpc/metadata.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { Peer } from '../transport/peer.ts';
import type { CallHandle } from './call-handle.ts';
import type { CallOptions } from './call-options.ts';

/** How the details of a call begin that its caller's signal has ended. */
export const SIGNAL_ABORTED = 'the signal was aborted';

/** Kept apart from its value, because anything may be thrown, `undefined` too. */
export interface Failure {
  readonly error: unknown;
}

/** A listener that stands for a caller. */
export interface Caller {
  readonly options: CallOptions;
  call: CallHandle | undefined;
  /** The caller's, until it was called. */
  onPeer: ((peer: Peer) => void) | undefined;
  /** An error of the caller's own requests or callbacks, to be thrown instead of the status. */
  failure: Failure | undefined;
}

function tellPeer(caller: Caller): void {
  const { onPeer } = caller;
  const peer = caller.call?.peer;
  if (onPeer === undefined || peer === undefined) return;
  caller.onPeer = undefined;
  try {
    onPeer(peer);
  } catch (error) {
    caller.failure ??= { error };
    caller.call?.cancel('onPeer threw');
  }
}

/** Response headers came. */
export function tellHeader(caller: Caller, header: HeaderFields): void {
  if (caller.onPeer !== undefined) tellPeer(caller);
  const { onHeader } = caller.options;
  // It has thrown, and ended the call.
  if (onHeader === undefined || caller.failure !== undefined) return;
  try {
    onHeader(Metadata.fromFields(header));
  } catch (error) {
    caller.failure = { error };
    caller.call?.cancel('onHeader threw');
  }
}

/** The call ended: tells the trailers, answers what to throw; undefined after OK. */
export function tellTrailer(
  caller: Caller,
  code: Status,
  details: string,
  trailer: HeaderFields,
): Failure | undefined {
  if (caller.onPeer !== undefined) tellPeer(caller);
  const { onTrailer } = caller.options;
  if (onTrailer !== undefined) {
    try {
      onTrailer(Metadata.fromFields(trailer));
    } catch (error) {
      caller.failure ??= { error };
    }
  }
  if (caller.failure !== undefined || code === Status.OK) return caller.failure;
  const cause = code === Status.CANCELLED ? causeOf(caller.options, details) : undefined;
  const metadata = Metadata.fromFields(trailer);
  if (cause === undefined) return { error: StatusError.ended(code, details, metadata) };
  return { error: StatusError.refusal(code, details, { cause, metadata }) };
}

/** The reason of the signal that has ended a call; undefined for another end. */
export function causeOf({ signal }: CallOptions, details: string): unknown {
  return signal?.aborted === true && details.startsWith(SIGNAL_ABORTED) ? signal.reason : undefined;
}
