// Many calls over one connection on a host of small socket buffers, whose link stops taking bytes:
// of both directions, of one, of the other. Both peers then have more to write than the link takes,
// answers to each other's resets among it, and must not wait for each other for good. Then as many
// unary calls at once, again and again, with nothing between the peers but their small buffers.
// Invariant: each pause begins at the end of a frame, so that it finds the load under way.
// Not here: the host (small-buffers-process.ts), the verdict (34-both-stop-reading.ts).

import { setTimeout as pause } from 'node:timers/promises';
import type { Child } from '../child.ts';
import type { RuntimeName } from '../report.ts';
import { type CallScript, PLAIN } from './call-script.ts';
import { Crew } from './crew.ts';
import { FaultProxy, type ProxiedConnection } from './fault-proxy.ts';
import { monotonicMs } from './monotonic-clock.ts';
import type { CallRecord } from './scripted-call.ts';

/** At once. */
const CALLS = 512;
/** Every eighth call is ended by the server, every eighth by the client, before its time. */
const EIGHTH = 8;
const ABORTED = 10;
const MESSAGES = 20;
const MESSAGE_BYTES = 2_000;
/** What the link holds of each direction. */
const LINK_BYTES = 4_096;
/** Of the calls through the link, and of each round without it. */
const WITHIN_MS = 30_000;
/** Unary calls of all at once, without a link in between: that many times. */
const DIRECT_ROUNDS = 10;

/** What became of it. */
export interface StopOutcome {
  readonly calls: number;
  /** Calls that did not end as their script says. */
  readonly odd: number;
  readonly firstOdd: string;
  /** Through the link. */
  readonly connections: number;
  /** Pauses that found the load under way. */
  readonly pauses: number;
  readonly movedMB: number;
  /** From the end of a pause to the first byte in both directions; the longest. */
  readonly resumedMs: number;
  readonly seconds: number;
  /** Times that reading paused for the sake of queued replies, at the server. */
  readonly gatesClosed: number;
}

interface Pause {
  /** Frames towards the server after which it begins. */
  readonly frame: number;
  readonly toServer: boolean;
  readonly toClient: boolean;
  readonly forMs: number;
}

const PAUSES: readonly Pause[] = [
  { frame: 1_000, toServer: true, toClient: true, forMs: 3_000 },
  { frame: 2_500, toServer: true, toClient: false, forMs: 1_500 },
  { frame: 4_000, toServer: false, toClient: true, forMs: 1_500 },
];

const CHAT: CallScript = {
  ...PLAIN,
  kind: 'bidiStreaming',
  requests: MESSAGES,
  requestBytes: MESSAGE_BYTES,
  replyBytes: MESSAGE_BYTES,
};

const UNARY: CallScript = { ...PLAIN, requestBytes: 4_000, replyBytes: 4_000 };

function ask(client: Child, calls: readonly object[]): Promise<CallRecord[]> {
  const command = { ask: 'calls', calls, withinMs: WITHIN_MS };
  return client.ask<CallRecord[]>(command, WITHIN_MS / 1000 + 10);
}

function scriptOf(number: number): CallScript {
  const turn = 1 + ((number >> 3) % (MESSAGES - 4));
  if (number % EIGHTH === 3) return { ...CHAT, replies: turn, code: ABORTED };
  if (number % EIGHTH === 6) return { ...CHAT, cancelAfter: turn };
  return CHAT;
}

/** Pauses the link of a connection by the plan and measures how it comes back. */
class PausingLink {
  pauses: number;
  resumedMs: number;
  readonly connection: ProxiedConnection;

  constructor(connection: ProxiedConnection) {
    this.pauses = 0;
    this.resumedMs = 0;
    this.connection = connection;
    this.arm(0);
  }

  private arm(place: number): void {
    const plan = PAUSES[place];
    if (plan === undefined) return;
    const { toServer, toClient } = this.connection;
    this.connection.breakAtFrame('toServer', plan.frame, () => {
      this.pauses += 1;
      if (plan.toServer) toServer.stopReading();
      if (plan.toClient) {
        toClient.stopReading();
        toClient.hold();
      }
      // What the lane has read already waits as well.
      if (!plan.toServer) toServer.release();
      setTimeout(() => {
        const bytes = [toServer.bytes, toClient.bytes] as const;
        this.connection.resumeReading();
        this.arm(place + 1);
        toServer.release();
        toClient.release();
        void this.measure(bytes, monotonicMs());
      }, plan.forMs);
    });
  }

  private async measure(bytes: readonly [number, number], sinceMs: number): Promise<void> {
    const { toServer, toClient } = this.connection;
    while (toServer.bytes === bytes[0] || toClient.bytes === bytes[1]) {
      if (monotonicMs() - sinceMs > WITHIN_MS) break;
      await pause(5);
    }
    this.resumedMs = Math.max(this.resumedMs, monotonicMs() - sinceMs);
  }
}

export async function stopPeers(runtime: RuntimeName): Promise<StopOutcome> {
  const crew = new Crew(runtime, { streams: 2 * CALLS });
  const server = await crew.server();
  const proxy = new FaultProxy(server.port, { laneBytes: LINK_BYTES });
  const links: PausingLink[] = [];
  proxy.onConnection = (connection) => {
    links.push(new PausingLink(connection));
  };
  try {
    const client = crew.client();
    const name = 'stopped';
    await crew.connect(client, name, await proxy.listen());
    const calls = Array.from({ length: CALLS }, (_, number) => ({
      name,
      id: `s${number}`,
      script: scriptOf(number),
    }));
    const startedMs = monotonicMs();
    const records = await ask(client, calls);
    const direct = 'direct';
    await crew.connect(client, direct, server.port);
    for (let round = 0; round < DIRECT_ROUNDS; round += 1) {
      const unary = calls.map(({ id }) => {
        return { name: direct, id: `${id}.${round}`, script: UNARY };
      });
      const ended = await ask(client, unary);
      records.push(...ended);
      // Nothing will come of the next round either.
      if (ended.some(({ ends }) => ends === 0)) break;
    }
    const seconds = (monotonicMs() - startedMs) / 1000;
    const acted = await server.child.ask<Record<string, number>>({ ask: 'acted' }, 10);
    const odd = records.filter(({ ends, code, expected }) => ends !== 1 || code !== expected);
    const first = odd[0];
    const lanes = links.flatMap(({ connection }) => [connection.toServer, connection.toClient]);
    return {
      calls: records.length,
      odd: odd.length,
      firstOdd: first === undefined ? '' : `${first.code} "${first.details}", ${first.ends} ends`,
      connections: proxy.taken,
      pauses: links[0]?.pauses ?? 0,
      movedMB: lanes.reduce((sum, lane) => sum + lane.bytes, 0) / 1e6,
      resumedMs: links[0]?.resumedMs ?? 0,
      seconds,
      gatesClosed: acted['response-gate'] ?? 0,
    };
  } finally {
    await proxy.close();
    crew.end();
  }
}
