// The servers of a soak, in a process of its own: one whose connections end by age, one that stays as
// it is, one that is drained and started again, and one behind the proxies.

import { setTimeout as pause } from 'node:timers/promises';
import {
  type Census,
  settledLeftovers,
  sluiceTimers,
  type TimerCount,
  takeCensus,
} from './census.ts';
import { liveMB } from './memory.ts';
import { serveSoak } from './process-link.ts';
import type { Assignment, Closed, Sampled, ServerCommand, Serving } from './protocol.ts';
import { type HandlerCount, type ServerPlan, type SoakServer, serverMaker } from './runtime.ts';
import { inTime } from './turns.ts';

const PLAN: ServerPlan = { port: 0, ages: false, pings: false, interceptors: false };

/** Milliseconds between two looks at the figures of a server. */
const OBSERVE_MS = 1_000;

/** Milliseconds for handlers of calls that have ended to notice it. */
const QUIET_MS = 1_000;
const CLOSE_MS = 20_000;
const SETTLE_MS = 15_000;

/** A port is free some moments after its listener was closed. */
const LISTEN_TRIES = 50;

const handlers: HandlerCount = { running: 0 };
let serve: ((plan: ServerPlan, handlers: HandlerCount) => Promise<SoakServer>) | undefined;
let wheel: TimerCount | undefined;
let start: Census | undefined;
let fixed: readonly SoakServer[] = [];
let restarted: SoakServer | undefined;
let observer: NodeJS.Timeout | undefined;
const draining = new Set<Promise<void>>();
const stuck: string[] = [];

async function up(plan: ServerPlan): Promise<SoakServer> {
  if (serve === undefined) throw new Error('the process has not started');
  return serve(plan, handlers);
}

async function begin({ runtime }: Assignment): Promise<Serving> {
  serve = await serverMaker(runtime);
  wheel = runtime === 'sluice' ? await sluiceTimers() : undefined;
  start = takeCensus(wheel);
  const aging = await up({ ...PLAN, ages: true });
  const steady = await up({ ...PLAN, interceptors: true });
  const proxied = await up({ ...PLAN, pings: true });
  fixed = [aging, steady, proxied];
  restarted = await up(PLAN);
  observer = setInterval(() => {
    for (const server of fixed) server.observe();
  }, OBSERVE_MS);
  return {
    aging: aging.port,
    steady: steady.port,
    proxied: proxied.port,
    restarted: restarted.port,
  };
}

async function listenAgain(port: number): Promise<SoakServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await up({ ...PLAN, port });
    } catch (error) {
      if (attempt === LISTEN_TRIES) throw error;
      await pause(20);
    }
  }
}

async function restart(): Promise<void> {
  const old = restarted;
  if (old === undefined) throw new Error('the process has not started');
  const drained = inTime(old.drain(), CLOSE_MS).then((isDrained) => {
    if (!isDrained) stuck.push('a server did not drain');
    draining.delete(drained);
  });
  draining.add(drained);
  restarted = await listenAgain(old.port);
}

async function quiet(): Promise<void> {
  const until = performance.now() + QUIET_MS;
  while (handlers.running > 0 && performance.now() < until) await pause(20);
}

function streams(): number {
  const all = restarted === undefined ? fixed : [...fixed, restarted];
  return all.reduce((sum, server) => sum + server.streams(), 0);
}

async function sample(): Promise<Sampled> {
  await quiet();
  const live = await liveMB();
  const rssMB = process.memoryUsage.rss() / 1e6;
  return { liveMB: live, rssMB, handlers: handlers.running, streams: streams() };
}

/** The client has closed by now. */
async function close(): Promise<Closed> {
  if (start === undefined || restarted === undefined)
    throw new Error('the process has not started');
  clearInterval(observer);
  await quiet();
  const until = performance.now() + SETTLE_MS;
  while (streams() > 0 && performance.now() < until) await pause(50);
  const openStreams = streams();
  const closing = [...fixed, restarted].map((server) => server.close());
  if (!(await inTime(Promise.all([...closing, ...draining]), CLOSE_MS))) {
    stuck.push('a server did not close');
  }
  const left = await settledLeftovers(start, wheel, SETTLE_MS);
  return { left, streams: openStreams + streams(), handlers: handlers.running, stuck };
}

serveSoak<ServerCommand>(async (command) => {
  switch (command.do) {
    case 'start':
      return begin(command);
    case 'restart':
      return restart();
    case 'sample':
      return sample();
    case 'close':
      return close();
    case 'leave':
      return null;
  }
});
