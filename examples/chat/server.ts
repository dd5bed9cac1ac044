// The server of the chat example: a room. Each member is one bidirectional call; what a member says
// is sent to the outbox of every other, which is what the handler answers with.
// Who reads too slowly for its outbox is out of the room: what a room holds stays bounded.

import { createServer, Outbox, type Server, type ServerContext, Status, StatusError } from 'sluice';
import { ChatService } from './gen/chat_pb.ts';

interface Said {
  readonly from: string;
  readonly text: string;
}

interface Member {
  readonly outbox: Outbox<Said>;
  readonly context: ServerContext;
}

/** A server with an empty room, not listening yet. */
export function chatServer(): Server {
  const room = new Map<string, Member>();

  function broadcast(said: Said): void {
    for (const [name, { outbox, context }] of room) {
      if (name === said.from || outbox.send(said)) continue;
      // It is full now, because this member's client does not read what was sent before.
      context.abort(new StatusError(Status.RESOURCE_EXHAUSTED, `${name} reads too slowly`));
    }
  }

  async function listenTo(name: string, requests: AsyncIterable<{ text: string }>): Promise<void> {
    try {
      for await (const { text } of requests) broadcast({ from: name, text });
    } catch {
      // The call is over, which is one way to leave a room.
    }
    room.get(name)?.outbox.end();
    room.delete(name);
    broadcast({ from: name, text: '(leaves)' });
  }

  return createServer().add(ChatService, {
    join(requests, context) {
      const name = context.metadata.get('name');
      if (name === undefined) throw new StatusError(Status.INVALID_ARGUMENT, 'no name given');
      if (room.has(name)) throw new StatusError(Status.ALREADY_EXISTS, `${name} is here already`);
      const outbox = new Outbox<Said>();
      room.set(name, { outbox, context });
      // Headers go with the first message; a member wants to know at once that it is in.
      context.sendHeader();
      broadcast({ from: name, text: '(joins)' });
      // Both directions at once: what the member says is read beside what it is told.
      void listenTo(name, requests);
      return outbox;
    },
  });
}
