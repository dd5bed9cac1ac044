// The server of one runtime, in a process of its own: answers each call when the capacity clock
// gives it a turn. The parent stops the whole process with SIGSTOP where a scenario says so, which
// is the same for every runtime: nothing is read any more, the kernel's buffers fill, that is all.

import { CapacityClock } from './capacity-clock.ts';
import { serveParent } from './parent-link.ts';
import type { Done, ServerCommand } from './protocol.ts';
import type { ServeRuntime } from './runtime.ts';

const TICK_MS = 1;

async function loadServe(runtime: string): Promise<ServeRuntime> {
  if (runtime === 'sluice') return (await import('./runtime-sluice.ts')).serveSluice;
  return (await import('./runtime-grpc-js.ts')).serveGrpcJs;
}

const clock = new CapacityClock(performance.now());
setInterval(() => clock.tick(performance.now()), TICK_MS);

async function handle(command: ServerCommand): Promise<Done> {
  switch (command.ask) {
    case 'serve': {
      const serve = await loadServe(command.runtime);
      return { port: await serve((answer) => clock.awaitTurn(answer)) };
    }
    case 'capacity':
      clock.setRate(command.rps);
      return {};
  }
}

serveParent(handle, () => {});
