// A server under attack, in a process of its own.
// Not here: its methods (runtimes/), how it is judged (measure/).

import { Meter } from './measure/meter.ts';
import { serveParent } from './parent-link.ts';
import { HandlerCount, type ServePlan, type ServingRuntime, serve } from './runtimes/runtime.ts';

export type TargetCommand =
  | { readonly ask: 'serve'; readonly runtime: string; readonly plan: ServePlan }
  | { readonly ask: 'begin' }
  | { readonly ask: 'read' }
  | { readonly ask: 'settle' };

const meter = new Meter();
const handlers = new HandlerCount();
let runtime: ServingRuntime | undefined;

serveParent<TargetCommand>(async (command) => {
  switch (command.ask) {
    case 'serve':
      runtime = await serve(command.runtime, command.plan, handlers);
      return { port: runtime.port };
    case 'begin':
      handlers.reset();
      meter.begin();
      return null;
    case 'read':
      return {
        ...meter.read(),
        acted: runtime?.acted() ?? {},
        handlersMost: handlers.most,
        open: runtime?.open() ?? null,
      };
    case 'settle':
      return meter.settle();
    default:
      return command satisfies never;
  }
});
