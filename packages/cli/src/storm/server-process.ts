// The server of one runtime, in a process of its own: answers each call when the capacity clock
// gives it a turn. The parent stops the whole process with SIGSTOP where a scenario says so, which
// is the same for every runtime: nothing is read any more, the kernel's buffers fill, that is all.

import { CapacityClock } from './capacity-clock.ts';
import { limitedLink } from './limited-link.ts';
import { servePageHere, serveParent } from './parent-link.ts';
import type { Done, ServerCommand } from './protocol.ts';
import type { ServeRuntime, ServingRuntime } from './runtime.ts';

const TICK_MS = 1;

async function loadServe(runtime: string): Promise<ServeRuntime> {
  if (runtime === 'sluice') return (await import('./runtime-sluice.ts')).serveSluice;
  if (runtime === 'drop-in') return (await import('./runtime-drop-in.ts')).serveDropIn;
  return (await import('./runtime-grpc-js.ts')).serveGrpcJs;
}

const clock = new CapacityClock(performance.now());
setInterval(() => clock.tick(performance.now()), TICK_MS);

let serving: ServingRuntime | null = null;

async function handle(command: ServerCommand): Promise<Done> {
  switch (command.ask) {
    case 'serve': {
      const serve = await loadServe(command.runtime);
      const settings = command.settings ?? {};
      serving = await serve((answer) => clock.awaitTurn(answer), settings);
      const { linkBytesPerSecond } = settings;
      if (linkBytesPerSecond === undefined) return { port: serving.port };
      return { port: await limitedLink(serving.port, linkBytesPerSecond) };
    }
    case 'page':
      return servePageHere();
    case 'memory':
      return { rss: process.memoryUsage().rss, acted: serving?.acted() ?? {} };
    case 'capacity':
      clock.setRate(command.rps);
      return {};
  }
}

serveParent(handle, () => {});
