// Feeds a call from an iterable of request messages, at the pace the stream takes them.
// Invariant: one message is pulled at a time, and none while the stream has no room; an iterable
// that throws cancels the call, and its error is what the caller sees.

import type { ClientCall } from './call.ts';

/** Requests of a client-streaming or bidi call. */
export type Requests = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** The call's listener, as far as writing concerns it. */
export interface PumpedListener {
  writable(): Promise<void>;
  failure: { readonly error: unknown } | undefined;
}

/** Sends every message of `requests`, then half-closes; settles when that is done, never rejects. */
export async function pumpRequests(
  requests: Requests,
  call: ClientCall,
  listener: PumpedListener,
): Promise<void> {
  try {
    for await (const message of requests) {
      if (call.isEnded) return;
      if (!call.send(message) && !call.isEnded) await listener.writable();
    }
    call.halfClose();
  } catch (error) {
    listener.failure = { error };
    call.cancel('the request stream failed');
  }
}
