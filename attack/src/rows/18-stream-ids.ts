// Row 18: the ids of streams run out. A client at a steady rate gets there on its first connection,
// and near three quarters of them on its second; a peer uses up the last ids of a server.
// Invariant: real sockets and the runtime's own code, but for where the ids begin (first-ids.ts).
// RFC 9113 §5.1.1: whoever has no ids left has to open a new connection.

import type { IdsOfConnection } from '../hosts/first-ids.ts';
import { LAST_ID, useLastIds } from '../hosts/last-ids.ts';
import { Pair } from '../hosts/pair.ts';
import type { LoadResult, TrafficCommand } from '../hosts/traffic.ts';
import { type AttackSide, type Figures, type RuntimeName, side } from '../report.ts';
import type { Row, RowContext } from '../row.ts';

const PER_SECOND = 500;
const SECONDS = 4;

/** Calls that each of the first two connections has left when it begins. */
const LEFT = 300;

/** Where the first connections begin; the second as Sluice is about to replace one by itself. */
const FIRST_IDS: readonly number[] = [
  LAST_ID - 2 * LEFT,
  Math.floor((LAST_ID * 0.75) / 2) * 2 + 1 - 2 * LEFT,
];

const SERVER_CALLS = 8;

/** A client of `runtime` at a steady rate, and a server of either. */
async function client(
  runtime: RuntimeName,
  server: RuntimeName,
  figures: Figures,
): Promise<string[]> {
  const faults: string[] = [];
  const pair = await Pair.start({ server, client: runtime, firstIds: FIRST_IDS });
  try {
    const load: TrafficCommand = { do: 'paced', perSecond: PER_SECOND, seconds: SECONDS };
    const result = await pair.askClient<LoadResult>(load, SECONDS);
    const ids = await pair.askClient<readonly IdsOfConnection[]>({ do: 'ids' });
    const to = `to ${server}`;
    figures[`${to}: calls`] = result.calls;
    figures[`${to}: failed`] = result.failed;
    figures[`${to}: connections`] = ids.map(({ first, last }) => `${first}..${last}`).join(' ');
    if (result.failed > 0)
      faults.push(`${to}: ${result.failed} failed: ${result.firstFault ?? ''}`);
    if (result.wrong > 0) faults.push(`${to}: ${result.wrong} messages were wrong`);
    if (ids.length < 2) faults.push(`${to}: no new connection`);
    if (ids.some(({ last }) => last > LAST_ID)) faults.push(`${to}: an id past ${LAST_ID}`);
  } finally {
    pair.end();
  }
  return faults;
}

/** A server of `runtime`, and a peer that uses the last ids there are. */
async function server(runtime: RuntimeName, figures: Figures): Promise<string[]> {
  const pair = await Pair.start({ server: runtime, client: runtime });
  try {
    const { faults, last } = await useLastIds(pair.target, SERVER_CALLS);
    figures['server: last id'] = last;
    const found = faults.map((fault) => `server: ${fault}`);
    if (last !== LAST_ID) found.push(`server: the last id was ${last}`);
    const load: TrafficCommand = {
      do: 'load',
      load: 'unary',
      workers: 1,
      seconds: 0.2,
      length: 64,
    };
    const after = await pair.askClient<LoadResult>(load);
    if (after.calls === 0 || after.failed > 0) found.push('server: others are not served after it');
    return found;
  } finally {
    pair.end();
  }
}

export const rows: readonly Row[] = [
  {
    row: 18,
    name: 'stream ids run out',
    direction: 'client',
    tls: false,
    expected: 'new connection, 0 failed RPCs; a server answers on the last id there is',
    seconds: 2 * (SECONDS + 1) + 2,
    async run({ runtime, progress }: RowContext): Promise<AttackSide> {
      const figures: Figures = {};
      const faults: string[] = [];
      try {
        for (const peer of ['sluice', 'grpc-js'] as const) {
          progress(`client, server of ${peer}`);
          faults.push(...(await client(runtime, peer, figures)));
        }
        progress('server');
        faults.push(...(await server(runtime, figures)));
      } catch (fault) {
        faults.push(fault instanceof Error ? fault.message : String(fault));
      }
      return side(faults, figures);
    },
  },
];
