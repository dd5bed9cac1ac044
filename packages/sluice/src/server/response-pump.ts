// Sends the messages of a handler's iterable at the pace the client takes them.
// Invariant: the handler has run to its end, or was ended with return(), when its slot is given back.

import { type Messages, pumpMessages, WriteRoom } from '../transport/message-pump.ts';
import type { HandlerSlot } from './handler-slot.ts';

/** The call's listener, as far as writing concerns it. */
export interface ResponseWriter {
  room: WriteRoom | undefined;
}

/** Runs the handler, sends what it yields, then ends the call. */
export function sendAll<I, O>(
  run: () => Messages<O>,
  slot: HandlerSlot<I, O>,
  writer: ResponseWriter,
): void {
  const room = new WriteRoom();
  writer.room = room;
  void pumpMessages(run, slot, room);
  // Ended inside its handler.
  if (slot.isEnded) room.close();
}
