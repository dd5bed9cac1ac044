// The client of a soak, in a process of its own: makes the load, measures what it holds while no call
// is under way, and says at the end what is left.

import {
  type Census,
  settledLeftovers,
  sluiceTimers,
  type TimerCount,
  takeCensus,
} from './census.ts';
import { Load } from './load.ts';
import { liveMB } from './memory.ts';
import { serveSoak } from './process-link.ts';
import type { ClientCommand, Closed, Paused, Sampled, Stopped } from './protocol.ts';
import { Random } from './random.ts';
import { type ChannelPlan, channelMaker, type SoakChannel } from './runtime.ts';

/** Milliseconds that calls may take to end when the load pauses. */
const PAUSE_MS = 2_500;

/** Milliseconds for what is left to go: sockets linger for a second, and @grpc/grpc-js looks for
 * connections that nobody uses every ten. */
const SETTLE_MS = 15_000;

let open: ((plan: ChannelPlan) => SoakChannel) | undefined;
let wheel: TimerCount | undefined;
let start: Census | undefined;
let random = new Random(0);
let load: Load | undefined;

function loaded(): Load {
  if (load === undefined) throw new Error('the load has not begun');
  return load;
}

async function close(): Promise<Closed> {
  const streams = await loaded().closeAll();
  const { stuck } = loaded();
  if (start === undefined) throw new Error('the process has not started');
  return { left: await settledLeftovers(start, wheel, SETTLE_MS), streams, handlers: 0, stuck };
}

async function sample(): Promise<Sampled> {
  const live = await liveMB();
  const rssMB = process.memoryUsage.rss() / 1e6;
  return { liveMB: live, rssMB, handlers: 0, streams: loaded().streams() };
}

serveSoak<ClientCommand>(async (command) => {
  switch (command.do) {
    case 'start':
      open = await channelMaker(command.runtime);
      wheel = command.runtime === 'sluice' ? await sluiceTimers() : undefined;
      random = new Random(command.seed);
      start = takeCensus(wheel);
      return null;
    case 'load':
      if (open === undefined) throw new Error('the process has not started');
      load = new Load(open, command.ports, command.rps, random);
      load.resume();
      return null;
    case 'pause':
      return { quiet: await loaded().pause(PAUSE_MS) } satisfies Paused;
    case 'resume':
      loaded().resume();
      return null;
    case 'sample':
      return sample();
    case 'account':
      return loaded().ledger.account();
    case 'stop': {
      const { account, overdue } = await loaded().stop();
      return { account, overdue, channelsMade: loaded().channelsMade } satisfies Stopped;
    }
    case 'close':
      return close();
    case 'leave':
      return null;
  }
});
