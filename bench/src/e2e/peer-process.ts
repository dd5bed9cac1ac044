// One end of a pair in a process of its own: `peer-process.js server SIDE` or
// `peer-process.js client SIDE PORT [roomy]`. Carries out the commands of protocol.ts, one at a
// time, and ends when its stdin does. Nothing but replies may go to stdout.

import { createInterface } from 'node:readline';
import {
  downloadLoad,
  echo,
  hangingCalls,
  openStreams,
  typedLoad,
  unaryLoad,
  uploadLoad,
} from './loads.ts';
import type { Command, Reply } from './protocol.ts';
import { SIDE_MODULES } from './sides/registry.ts';
import type { ClientSide, ServerSide } from './sides/side.ts';
import { cpuUs, liveMemory, PeakMemory } from './usage.ts';

type Handler = (command: Command) => Promise<Reply>;

const peak = new PeakMemory();

async function measure(command: Command): Promise<Reply> {
  switch (command.do) {
    case 'cpu':
      return { value: cpuUs() };
    case 'live': {
      const { live, rss } = await liveMemory();
      return { value: live, rss };
    }
    case 'watch-peak':
      return { value: await peak.watch() };
    case 'peak':
      return { value: peak.peak() };
    default:
      return { error: `this end has no command ${command.do}` };
  }
}

function serverHandler(side: ServerSide): Handler {
  return async (command) =>
    command.do === 'received' ? { value: side.received() } : measure(command);
}

function clientHandler(side: ClientSide): Handler {
  let payload: Buffer = Buffer.alloc(0);
  let hangFault: unknown;
  return async (command) => {
    if (hangFault !== undefined) throw hangFault;
    switch (command.do) {
      case 'unary':
        return unaryLoad(side, command.inFlight, command.seconds);
      case 'typed':
        return typedLoad(side, command.inFlight, command.seconds);
      case 'download':
        return downloadLoad(side, command.messageLength, command.seconds);
      case 'upload':
        return uploadLoad(side, command.messageLength, command.seconds);
      case 'open':
        return openStreams(side, command.streams);
      case 'close-streams':
        await side.closeStreams();
        return {};
      case 'hang':
        return hangingCalls(side, command.calls, (fault) => {
          hangFault ??= fault;
        });
      case 'allocate':
        payload = Buffer.alloc(command.length, 7);
        return {};
      case 'echo':
        return echo(side, payload);
      default:
        return measure(command);
    }
  };
}

function say(reply: Reply): void {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

async function main(): Promise<void> {
  const [role, name = '', port = '', roomy] = process.argv.slice(2);
  const load = SIDE_MODULES[name];
  if (load === undefined) throw new Error(`no side is called ${name}`);
  const side = await load();
  let handler: Handler;
  if (role === 'server') {
    const server = await side.startServer();
    handler = serverHandler(server);
    say({ version: server.version, port: server.port });
  } else {
    const client = await side.startClient({ port: Number(port), roomy: roomy === 'roomy' });
    handler = clientHandler(client);
    say({ version: client.version });
  }
  // Even in the middle of a load.
  process.stdin.once('end', () => process.exit(0));
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      // The orchestrator writes these lines and is the only one who can.
      say(await handler(JSON.parse(line) as Command));
    } catch (fault) {
      say({ error: fault instanceof Error ? fault.message : String(fault) });
    }
  }
}

main().then(
  () => process.exit(0),
  (fault: unknown) => {
    say({ error: fault instanceof Error ? fault.message : String(fault) });
    process.exit(1);
  },
);
