// What one round of a benchmark does with a pair of processes, and which figure it yields. Rounds
// of throughput reuse a warm pair; rounds of memory get a fresh one, because pages and tables that
// an earlier round grew would hide what this one needs.

import { setTimeout as pause } from 'node:timers/promises';
import type { Round } from '../report.ts';
import type { Peer } from './peer.ts';
import type { Command, Reply } from './protocol.ts';

/** A client and a server of the same side, connected by one connection. */
export interface Pair {
  readonly client: Peer;
  readonly server: Peer;
}

/** Time for what was started to reach a state of rest. Milliseconds. */
const SETTLE_MS = 300;
/** How long the server may see no further call before a hanging load counts as stuck. */
const STUCK_MS = 10_000;
const POLL_MS = 50;
/** Load that a client is warmed with before its memory is read. Seconds. */
const WARM_SECONDS = 0.5;

type Figure = (reply: Reply) => number;

export const perSecond: Figure = (reply) => (reply.calls ?? 0) / (reply.seconds ?? 0);
export const megabytesPerSecond: Figure = (reply) =>
  (reply.bytes ?? 0) / 1e6 / (reply.seconds ?? 0);

async function value(peer: Peer, command: Command): Promise<number> {
  return (await peer.ask(command)).value ?? 0;
}

/** Runs one load; CPU of both ends is divided by the calls the load counted. */
export async function throughput(pair: Pair, command: Command, figure: Figure): Promise<Round> {
  const before = await value(pair.server, { do: 'cpu' });
  const reply = await pair.client.ask(command);
  const serverCpuUs = (await value(pair.server, { do: 'cpu' })) - before;
  const calls = reply.calls ?? 0;
  return {
    value: figure(reply),
    clientCpuUsPerCall: calls > 0 ? (reply.cpuUs ?? 0) / calls : null,
    serverCpuUsPerCall: calls > 0 ? serverCpuUs / calls : null,
    rss: null,
  };
}

function memory(value: number, rss: number | null): Round {
  return { value, clientCpuUsPerCall: null, serverCpuUsPerCall: null, rss };
}

interface Live {
  readonly live: number;
  readonly rss: number;
}

async function liveMemory(peers: readonly Peer[]): Promise<Live> {
  let live = 0;
  let rss = 0;
  for (const peer of peers) {
    const reply = await peer.ask({ do: 'live' });
    live += reply.value ?? 0;
    rss += reply.rss ?? 0;
  }
  return { live, rss };
}

/** What `peers` use now over `idle`, per one of `count`. */
async function perUnit(peers: readonly Peer[], idle: Live, count: number): Promise<Round> {
  const now = await liveMemory(peers);
  return memory((now.live - idle.live) / count, (now.rss - idle.rss) / count);
}

/** Live memory of both ends over their warm idle, per stream. */
export async function openStreams(pair: Pair, streams: number): Promise<Round> {
  const peers = [pair.client, pair.server];
  await pair.client.ask({ do: 'open', streams: Math.ceil(streams / 5) });
  await pair.client.ask({ do: 'close-streams' });
  await pause(SETTLE_MS);
  const idle = await liveMemory(peers);
  const { calls = 0 } = await pair.client.ask({ do: 'open', streams });
  if (calls !== streams) throw new Error(`${calls} of ${streams} streams opened`);
  await pause(SETTLE_MS);
  return perUnit(peers, idle, streams);
}

/** Live memory of the client over its warm idle, per call, once the server has seen every call. */
export async function pendingCalls(pair: Pair, calls: number): Promise<Round> {
  await pair.client.ask({ do: 'unary', inFlight: 1000, seconds: WARM_SECONDS });
  await pause(SETTLE_MS);
  const idle = await liveMemory([pair.client]);
  await pair.client.ask({ do: 'hang', calls });
  let seen = 0;
  for (let quietMs = 0; seen < calls; quietMs += POLL_MS) {
    await pause(POLL_MS);
    await pair.client.ask({ do: 'cpu' }); // fails as soon as a call that hangs has ended
    const now = await value(pair.server, { do: 'received' });
    if (now > seen) quietMs = 0;
    if (quietMs > STUCK_MS) throw new Error(`the server saw ${now} of ${calls} calls`);
    seen = now;
  }
  await pause(SETTLE_MS);
  return perUnit([pair.client], idle, calls);
}

/** The greater rise of resident memory of the two ends, in multiples of the message. */
export async function largeMessage(pair: Pair, length: number): Promise<Round> {
  await pair.client.ask({ do: 'unary', inFlight: 10, seconds: WARM_SECONDS });
  await pair.client.ask({ do: 'allocate', length });
  await pair.client.ask({ do: 'watch-peak' });
  await pair.server.ask({ do: 'watch-peak' });
  await pair.client.ask({ do: 'echo' });
  const client = await value(pair.client, { do: 'peak' });
  const server = await value(pair.server, { do: 'peak' });
  return memory(Math.max(client, server) / length, null);
}
