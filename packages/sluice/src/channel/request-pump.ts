// Feeds a call from an iterable of request messages, at the pace the stream takes them.
// Invariant: an iterable that throws cancels the call, and its error is what the caller sees.

import { type Messages, pumpMessages, WriteRoom } from '../transport/message-pump.ts';
import type { ClientCall } from './call.ts';
import type { Failure } from './caller-callbacks.ts';

/** Requests of a client-streaming or bidi call. */
export type Requests = Messages;

/** The call's listener, as far as writing concerns it. */
export interface RequestWriter {
  room: WriteRoom | undefined;
  failure: Failure | undefined;
}

/** Sends every message of `requests`, then half-closes; settles when that is done, never rejects. */
export async function pumpRequests(
  requests: Requests,
  call: ClientCall,
  writer: RequestWriter,
): Promise<void> {
  const room = new WriteRoom();
  writer.room = room;
  try {
    await pumpMessages(requests, call, room);
    call.halfClose();
  } catch (error) {
    writer.failure = { error };
    call.cancel('the request stream failed');
  }
}
