// The good client, in a process of its own, so that nothing of the server or the attacker delays it.
// It is Sluice's whatever the server is: both columns are seen through the same eyes.

import { GoodLoad } from './measure/good-load.ts';
import { serveParent } from './parent-link.ts';
import { type ConnectPlan, connectTo } from './runtimes/runtime.ts';

export type GoodCommand =
  | { readonly ask: 'connect'; readonly plan: ConnectPlan }
  | { readonly ask: 'warm'; readonly inFlight: number; readonly ms: number }
  | { readonly ask: 'start'; readonly rps: number }
  | { readonly ask: 'stop' };

let load: GoodLoad | undefined;

serveParent<GoodCommand>(async (command) => {
  switch (command.ask) {
    case 'connect':
      load = new GoodLoad(await connectTo('sluice', command.plan));
      return null;
    case 'warm':
      return load?.warmUp(command.inFlight, command.ms);
    case 'start':
      load?.start(command.rps);
      return null;
    case 'stop':
      return load?.stop();
    default:
      return command satisfies never;
  }
});
