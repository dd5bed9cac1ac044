// One end of the traffic in a process of its own, wherever it was started: a server, a client, or a
// link between them with a delay. Carries out the commands of traffic.ts, one at a time.

import { FaultProxy } from '../faults/fault-proxy.ts';
import { serveParent } from '../parent-link.ts';
import type { RuntimeName } from '../report.ts';
import { takeArrivals } from './arrivals.ts';
import { idsUsed, startIdsAt } from './first-ids.ts';
import { runLoad, runPaced, runSmallCalls, runTransfer } from './loads.ts';
import type { LinkPlan, TrafficClient, TrafficCommand } from './traffic.ts';

/** Milliseconds of bytes that may wait for their turn on a link: the router's buffer. */
const ROUTER_MS = 20;

let client: TrafficClient | undefined;

/** Loads one runtime alone: the other is neither measured nor in the way. */
async function serve(runtime: RuntimeName, host: string): Promise<{ port: number }> {
  const side =
    runtime === 'sluice'
      ? await (await import('./traffic-sluice.ts')).serveSluice(host)
      : await (await import('./traffic-grpc-js.ts')).serveGrpcJs(host);
  return { port: side.port };
}

async function connect(
  runtime: RuntimeName,
  target: string,
  firstIds: readonly number[],
): Promise<void> {
  if (firstIds.length > 0) await startIdsAt(runtime, firstIds);
  client =
    runtime === 'sluice'
      ? await (await import('./traffic-sluice.ts')).connectSluice(target)
      : await (await import('./traffic-grpc-js.ts')).connectGrpcJs(target);
}

async function carry(host: string, port: number, link: LinkPlan): Promise<{ port: number }> {
  const bytesPerSecond = link.bitsPerSecond / 8;
  const lane = { delayMs: link.oneWayMs, bytesPerSecond };
  const laneBytes = (bytesPerSecond * (link.oneWayMs + ROUTER_MS)) / 1000;
  const proxy = new FaultProxy(port, { toServer: lane, toClient: lane, laneBytes });
  return { port: await proxy.listen(host) };
}

function connected(): TrafficClient {
  if (client === undefined) throw new Error('this process has not connected to anything');
  return client;
}

async function carryOut(command: TrafficCommand): Promise<unknown> {
  switch (command.do) {
    case 'serve':
      return await serve(command.runtime, command.host);
    case 'proxy':
      return await carry(command.host, command.port, command.link);
    case 'connect':
      return await connect(command.runtime, command.target, command.firstIds ?? []);
    case 'load': {
      const { load, workers, seconds, length } = command;
      return await runLoad(connected(), load, workers, seconds, length);
    }
    case 'transfer': {
      const { direction, length, count } = command;
      return await runTransfer(connected(), direction, length, count);
    }
    case 'small-calls': {
      const { workers, seconds, bulk } = command;
      return await runSmallCalls(connected(), workers, seconds, bulk);
    }
    case 'paced':
      return await runPaced(connected(), command.perSecond, command.seconds);
    case 'arrivals':
      return takeArrivals();
    case 'ids':
      return idsUsed();
  }
}

serveParent<TrafficCommand>(carryOut);
