// Row 29: a connection through which nothing passes any more, in either direction, without a FIN:
// only keepalive can tell. Quiet connections and busy ones, cut at different times.
// The time that is held against the bound is that from the last byte that came through.

import { setTimeout as pause } from 'node:timers/promises';
import { FOREVER, PLAIN, UNAVAILABLE } from '../faults/call-script.ts';
import { Crew } from '../faults/crew.ts';
import { FaultProxy, type ProxiedConnection } from '../faults/fault-proxy.ts';
import type { CallRecord } from '../faults/scripted-call.ts';
import { type AttackSide, type Direction, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const CONNECTIONS = 6;
/** Between the cuts of two connections. */
const STAGGER_MS = 250;
const TOLERANCE = 0.1;

interface Keepalive {
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
}

/** A client's time has a floor of 10 s, a server's one of 1 s. */
const KEEPALIVES: Readonly<Record<Direction, Keepalive>> = {
  client: { keepaliveTimeMs: 10_000, keepaliveTimeoutMs: 1_500 },
  server: { keepaliveTimeMs: 1_000, keepaliveTimeoutMs: 1_000 },
};

/** Every second connection is busy: a message each way at each turn of a link of 50 ms. */
const QUIET = { ...PLAIN, holdMs: FOREVER };
const BUSY = { ...PLAIN, kind: 'bidiStreaming', requests: 1_000_000, paced: true } as const;
const LINK = { delayMs: 50 };

/** Milliseconds from the last byte to the end, by connection; NaN for what has not ended. */
interface Outcome {
  readonly tookMs: readonly number[];
  readonly statuses: readonly number[];
}

async function cutAll(context: RowContext, direction: Direction): Promise<Outcome> {
  const keepalive = KEEPALIVES[direction];
  const wholeMs = keepalive.keepaliveTimeMs + keepalive.keepaliveTimeoutMs;
  const crew = new Crew(context.runtime, direction === 'server' ? keepalive : {});
  const server = await crew.server();
  const proxy = new FaultProxy(server.port);
  const port = await proxy.listen();
  const connections: ProxiedConnection[] = [];
  proxy.onConnection = (connection) => {
    if (connections.length % 2 === 1) {
      connection.toServer.settings = LINK;
      connection.toClient.settings = LINK;
    }
    connections.push(connection);
  };
  try {
    const client = crew.client();
    const calls = [];
    for (let i = 0; i < CONNECTIONS; i += 1) {
      const name = `b${i}`;
      await crew.connect(client, name, port, direction === 'client' ? keepalive : {});
      // One call each, so that connections come in the order of their channels.
      const first = [{ name, id: `${name}.first`, script: PLAIN }];
      await client.ask({ ask: 'calls', calls: first, withinMs: 5_000 }, 10);
      calls.push({ name, id: name, script: i % 2 === 1 ? BUSY : QUIET });
    }
    const withinMs = wholeMs * 1.5 + CONNECTIONS * STAGGER_MS;
    const ended = client.ask<CallRecord[]>({ ask: 'calls', calls, withinMs }, 60);
    for (const connection of connections) {
      await pause(STAGGER_MS);
      connection.vanish();
    }
    if (direction === 'client') {
      const records = await ended;
      return {
        tookMs: records.map((record, i) => {
          const lastMs = connections[i]?.toClient.lastPassedMs ?? 0;
          return record.ends === 1 ? record.endedMs - lastMs : Number.NaN;
        }),
        statuses: records.map((record) => record.code),
      };
    }
    await pause(wholeMs * 1.3);
    const handlers = server.handlers();
    const tookMs = calls.map(({ id }, i) => {
      const handler = handlers.get(id);
      const lastMs = connections[i]?.toServer.lastPassedMs ?? 0;
      return handler?.over === 1 ? handler.overMs - lastMs : Number.NaN;
    });
    // Its calls go on: a client without keepalive never hears of it.
    ended.catch(() => {});
    return { tookMs, statuses: [] };
  } finally {
    await proxy.close();
    crew.end();
  }
}

async function run(context: RowContext, direction: Direction): Promise<AttackSide> {
  const { keepaliveTimeMs, keepaliveTimeoutMs } = KEEPALIVES[direction];
  const wantedMs = keepaliveTimeMs + keepaliveTimeoutMs;
  try {
    const { tookMs, statuses } = await cutAll(context, direction);
    const faults: string[] = [];
    for (const [i, took] of tookMs.entries()) {
      if (Number.isNaN(took)) faults.push(`connection ${i} was not closed`);
      else if (Math.abs(took - wantedMs) > wantedMs * TOLERANCE) {
        faults.push(`connection ${i} was closed after ${took.toFixed(0)} ms, not ${wantedMs} ms`);
      }
    }
    const odd = statuses.find((status) => status !== UNAVAILABLE);
    if (odd !== undefined) faults.push(`a call ended with status ${odd}, not UNAVAILABLE`);
    return side(faults, {
      connections: CONNECTIONS,
      wantedMs,
      shortestMs: Math.round(Math.min(...tookMs)),
      longestMs: Math.round(Math.max(...tookMs)),
    });
  } catch (error) {
    return side([error instanceof Error ? error.message : String(error)], {});
  }
}

function rowOf(direction: Direction): Row {
  return {
    row: 29,
    name: 'black hole, no FIN',
    direction,
    tls: false,
    expected: 'keepalive closes at its time and timeout after the last byte, +- 10 %',
    seconds: direction === 'client' ? 14 : 5,
    run: (context) => run(context, direction),
  };
}

export const rows: readonly Row[] = [rowOf('server'), rowOf('client')];
