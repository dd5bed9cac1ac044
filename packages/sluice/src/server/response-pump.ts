// Sends the messages of a handler's iterable at the pace the client takes them.
// Invariant: the handler has run to its end, or was ended with return(), when its slot is given back.

import { type Messages, pumpMessages, WriteRoom } from '../transport/message-pump.ts';
import type { HandlerSlot } from './handler-slot.ts';

/** The call's listener, as far as writing concerns it. */
export interface ResponseWriter {
  room: WriteRoom | undefined;
}

/** Runs the handler, sends what it yields, ends the call; settles when that is done, never rejects. */
export async function sendAll(
  run: () => Messages,
  slot: HandlerSlot,
  writer: ResponseWriter,
): Promise<void> {
  const room = new WriteRoom();
  writer.room = room;
  try {
    await pumpMessages(run(), slot.stream, room);
    slot.succeed();
  } catch (error) {
    slot.fail(error);
  }
}
