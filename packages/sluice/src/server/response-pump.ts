// Sends the messages of a handler's iterable at the pace the client takes them.
// Invariants: one message is pulled at a time, none while the stream has no room; when the client
// is gone the iterable is ended with return().

import type { HandlerSlot } from './handler-slot.ts';

/** The call's listener, as far as writing concerns it. */
export interface PumpedResponses {
  writable(): Promise<void>;
}

/** Runs the handler, sends what it yields, ends the call; settles when that is done, never rejects. */
export async function sendAll(
  run: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  slot: HandlerSlot,
  listener: PumpedResponses,
): Promise<void> {
  try {
    for await (const message of run()) {
      if (slot.stream.isEnded) break;
      if (!slot.stream.send(message) && !slot.stream.isEnded) await listener.writable();
    }
    slot.succeed();
  } catch (error) {
    slot.fail(error);
  }
}
