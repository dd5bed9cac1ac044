// The server of the chat example: a room. Each member is one bidirectional call; what a member says
// is put into the mailbox of every other, and the handler yields what is in its own.
// Who reads too slowly for its mailbox is out of the room: what a room holds stays bounded.

import { createServer, type Server, Status, StatusError } from 'sluice';
import { ChatService } from './gen/chat_pb.ts';
import { Mailbox } from './mailbox.ts';

interface Said {
  readonly from: string;
  readonly text: string;
}

/** A server with an empty room, not listening yet. */
export function chatServer(): Server {
  const room = new Map<string, Mailbox<Said>>();

  function broadcast(said: Said): void {
    for (const [name, mailbox] of room) {
      if (name !== said.from && !mailbox.post(said)) leave(name, mailbox);
    }
  }

  function leave(name: string, mailbox: Mailbox<Said>): void {
    // Whoever has left may have come back since, with another mailbox.
    if (room.get(name) !== mailbox) return;
    room.delete(name);
    mailbox.close();
    broadcast({ from: name, text: '(leaves)' });
  }

  async function listenTo(
    name: string,
    requests: AsyncIterable<{ text: string }>,
    mailbox: Mailbox<Said>,
  ): Promise<void> {
    try {
      for await (const { text } of requests) {
        if (room.get(name) !== mailbox) return;
        broadcast({ from: name, text });
      }
    } catch {
      // The client is gone, which is one way to leave a room.
    } finally {
      leave(name, mailbox);
    }
  }

  return createServer().add(ChatService, {
    async *join(requests, context) {
      const name = context.metadata.get('name');
      if (name === undefined) throw new StatusError(Status.INVALID_ARGUMENT, 'no name given');
      if (room.has(name)) throw new StatusError(Status.ALREADY_EXISTS, `${name} is here already`);
      const mailbox = new Mailbox<Said>();
      room.set(name, mailbox);
      // Headers go with the first message; a member wants to know at once that it is in.
      context.sendHeader();
      broadcast({ from: name, text: '(joins)' });
      // Both directions at once: what the member says is read beside what it is told.
      void listenTo(name, requests, mailbox);
      yield* mailbox;
    },
  });
}
