// The server of one runtime under faults, in a process of its own; what its handlers do is on disk
// whatever ends it. Not here: the handlers (sluice-server.ts, grpc-js-server.ts).

import { serveParent } from '../parent-link.ts';
import { JournalFile } from './journal.ts';
import type { ServerCommand, Serving } from './protocol.ts';
import { type SubjectServer, serveSubject } from './subject.ts';

let serving: SubjectServer | undefined;

async function handle(command: ServerCommand): Promise<unknown> {
  switch (command.ask) {
    case 'serve': {
      const journal = new JournalFile(command.journal);
      serving = await serveSubject(command.runtime, command.settings, journal);
      const answer: Serving = { port: serving.port };
      return answer;
    }
    case 'connections':
      return serving?.connections() ?? null;
    case 'acted':
      return serving?.acted() ?? {};
    case 'drain':
      await serving?.drain();
      return null;
  }
}

serveParent(handle);
