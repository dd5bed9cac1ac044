// Row 30: a server is replaced fifty times under 500 calls a second: the next one listens, new
// connections go there, the old one drains (GOAWAY) and ends. No call may fail, or run twice.
// The address stays the same, as behind a balancer of connections.

import { setTimeout as pause } from 'node:timers/promises';
import type { Child } from '../child.ts';
import { Crew, type CrewServer, handlersOf } from '../faults/crew.ts';
import { FaultProxy } from '../faults/fault-proxy.ts';
import type { LoadResult } from '../faults/protocol.ts';
import { type AttackSide, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const RESTARTS = 50;
const RPS = 500;
/** From one restart to the next, at least. */
const EACH_MS = 250;
const DRAIN_SECONDS = 10;
const LOAD = 'drained';

async function drain(server: CrewServer, restart: number): Promise<void> {
  try {
    await server.child.ask({ ask: 'drain' }, DRAIN_SECONDS);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the drain of restart ${restart} did not end: ${why}`);
  }
}

interface Outcome {
  readonly load: LoadResult;
  readonly longestDrainMs: number;
  readonly ranTwice: number;
}

async function restartAll(
  context: RowContext,
  crew: Crew,
  proxy: FaultProxy,
  client: Child,
  servers: CrewServer[],
): Promise<Outcome> {
  const port = await proxy.listen();
  await crew.connect(client, LOAD, port);
  await client.ask({ ask: 'load', name: LOAD, rps: RPS }, DRAIN_SECONDS);
  let longestDrainMs = 0;
  let next = crew.server();
  for (let restart = 1; restart <= RESTARTS; restart += 1) {
    if (restart % 10 === 0) context.progress(`restart ${restart} of ${RESTARTS}`);
    const [heir] = await Promise.all([next, pause(EACH_MS)]);
    if (restart < RESTARTS) next = crew.server();
    const old = servers.at(-1);
    servers.push(heir);
    proxy.upstreamPort = heir.port;
    const startedMs = performance.now();
    if (old !== undefined) await drain(old, restart);
    longestDrainMs = Math.max(longestDrainMs, performance.now() - startedMs);
    old?.child.end();
  }
  const load = await client.ask<LoadResult>({ ask: 'end-load', name: LOAD }, DRAIN_SECONDS);
  const handlers = [...handlersOf(servers).values()];
  return { load, longestDrainMs, ranTwice: handlers.filter(({ began }) => began > 1).length };
}

async function run(context: RowContext): Promise<AttackSide> {
  const crew = new Crew(context.runtime);
  const first = await crew.server();
  const proxy = new FaultProxy(first.port);
  try {
    const outcome = await restartAll(context, crew, proxy, crew.client(), [first]);
    const { load, longestDrainMs, ranTwice } = outcome;
    const faults: string[] = [];
    if (load.lost > 0)
      faults.push(`${load.lost} calls were lost, the first with ${load.firstLost}`);
    if (ranTwice > 0) faults.push(`the handlers of ${ranTwice} calls ran twice`);
    if (proxy.taken <= RESTARTS) faults.push(`only ${proxy.taken} connections were made`);
    return side(faults, {
      restarts: RESTARTS,
      calls: load.offered,
      lost: load.lost,
      p99Ms: Math.round(load.p99Ms),
      longestMs: Math.round(load.longestMs),
      longestDrainMs: Math.round(longestDrainMs),
      connections: proxy.taken,
    });
  } catch (error) {
    return side([error instanceof Error ? error.message : String(error)], {});
  } finally {
    await proxy.close();
    crew.end();
  }
}

export const rows: readonly Row[] = [
  {
    row: 30,
    name: 'drain under 500 rps, 50 restarts',
    direction: 'server',
    tls: false,
    expected: '0 lost RPCs',
    seconds: 30,
    run,
  },
];
