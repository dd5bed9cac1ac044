// The clients of one runtime under faults, in a process of its own: channels by their names, calls and
// loads on them. Not here: what a call does (scripted-call.ts).

import { serveParent } from '../parent-link.ts';
import { converse } from './conversation.ts';
import type { ClientCommand } from './protocol.ts';
import { runTogether } from './scripted-call.ts';
import { SteadyLoad } from './steady-load.ts';
import { connectSubject, type SubjectClient } from './subject.ts';

const clients = new Map<string, SubjectClient>();
const loads = new Map<string, SteadyLoad>();

function clientOf(name: string): SubjectClient {
  const client = clients.get(name);
  if (client === undefined) throw new Error(`no channel is called ${name}`);
  return client;
}

async function handle(command: ClientCommand): Promise<unknown> {
  switch (command.ask) {
    case 'connect': {
      const { runtime, name, ...settings } = command;
      clients.set(name, await connectSubject(runtime, settings));
      return null;
    }
    case 'converse':
      return converse(clientOf(command.name), command.name);
    case 'calls':
      return runTogether(
        command.calls.map(({ name, id, script }) => ({ client: clientOf(name), id, script })),
        command.withinMs,
      );
    case 'load':
      loads.set(command.name, new SteadyLoad(clientOf(command.name), command.name, command.rps));
      return null;
    case 'end-load':
      return loads.get(command.name)?.end();
    case 'close':
      clients.get(command.name)?.close();
      clients.delete(command.name);
      return null;
  }
}

serveParent(handle);
