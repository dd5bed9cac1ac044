// Row 9, references to the HPACK table (CVE-2026-49975): a block of 15,000 octets refers 15,000 times to
// an entry of 4,000 octets, while a window of 0 keeps whatever a server holds for it.
// What is past 64 KiB of list ends the connection with the first block; what is below is refused one by
// one, on connections that live on, and those are held open while their memory is measured.

import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { ECHO } from '../runtimes/runtime.ts';
import { data, headers, indexedField, message, requestBlock, Setting } from '../wire/frames.ts';
import { RawCalls } from '../wire/raw-calls.ts';
import { type Address, RawPeer } from '../wire/raw-peer.ts';

const CONNECTIONS = 10;
const STREAMS = 200;
const REFERENCES = 15_000;
const MB_PER_CONNECTION = 1;
/** Octets of the value that is referred to: the entry just fits the table of 4,096. */
const VALUE = 4_000;
/** The first entry of the dynamic table, as one octet. */
const NEWEST = 0x80 | 62;
/** References of 4,033 octets each: 60 KiB of list, which is below what ends a connection. */
const SOFT_REFERENCES = 15;

interface Aimed {
  readonly peer: RawPeer;
  readonly calls: RawCalls;
}

/** A connection with window 0 and one entry in its table, whose first call waits for its window. */
async function aim(address: Address): Promise<Aimed> {
  const peer = await RawPeer.connect(address, { settings: [[Setting.INITIAL_WINDOW_SIZE, 0]] });
  const calls = new RawCalls(peer);
  const entry = indexedField('x-entry', 's'.repeat(VALUE));
  const first = Buffer.concat([requestBlock(ECHO), entry]);
  peer.write(Buffer.concat([headers(1, first), data(1, message(Buffer.from('held')), true)]));
  await peer.fence();
  return { peer, calls };
}

/** `STREAMS` blocks that refer to the entry so many times each; all handed over, none awaited. */
async function fire({ peer }: Aimed, references: number): Promise<void> {
  const block = Buffer.concat([requestBlock(ECHO), Buffer.alloc(references, NEWEST)]);
  await peer.flood(STREAMS, (i) => headers(2 * i + 3, block), { withinMs: 5_000 });
}

const accepted = ({ calls }: Aimed): number =>
  [...calls.answers].filter(([id, { grpcStatus, resetCode, httpStatus }]) => {
    const isRefused = grpcStatus !== undefined && grpcStatus !== 0;
    return id > 1 && httpStatus === 200 && resetCode === undefined && !isRefused;
  }).length;

const flood: Attack = async (address) => {
  const all = Array.from({ length: CONNECTIONS });
  const bombed = await Promise.all(all.map(() => aim(address)));
  await Promise.all(bombed.map((aimed) => fire(aimed, REFERENCES)));
  await Promise.all(bombed.map(({ peer }) => peer.until(() => peer.isOver, 5_000)));
  const goAways = bombed.filter(({ peer }) => peer.goAway?.errorCode === 11).length;
  const last = bombed[0]?.peer.goAway?.lastStreamId ?? 'none';
  for (const { peer } of bombed) peer.end();
  const soft = await Promise.all(all.map(() => aim(address)));
  await Promise.all(soft.map((aimed) => fire(aimed, SOFT_REFERENCES)));
  await Promise.all(
    soft.map(({ peer, calls }) => peer.until(() => calls.ended >= STREAMS || peer.isOver, 5_000)),
  );
  let refused = 0;
  for (const { calls } of soft) refused += calls.count(({ grpcStatus }) => grpcStatus === 8);
  let taken = 0;
  for (const aimed of [...bombed, ...soft]) taken += accepted(aimed);
  const alive = soft.filter(({ peer }) => !peer.isOver).length;
  // They stay open: what they hold is measured now.
  return {
    goAways,
    blocksUntilGoAway: last === 'none' ? last : (last - 1) / 2,
    refused,
    taken,
    alive,
  };
};

function row(tls: boolean): Row {
  return floodRow({
    row: 9,
    name: 'HPACK references with window 0',
    direction: 'server',
    tls,
    expected:
      'each block rejected: GOAWAY(ENHANCE_YOUR_CALM) past 64 KiB of list, RESOURCE_EXHAUSTED below; at most 1 MB a connection, 200 streams on each of 10',
    module: import.meta.url,
    attack: 'flood',
    seconds: 15,
    counters: ['header-list', 'header-list-hard'],
    mayAct: ['response-gate'],
    judge: ({ seen, heldMB }, runtime) => {
      const faults: string[] = [];
      if (seen.taken !== 0) faults.push(`${seen.taken} blocks were taken`);
      const each = heldMB / CONNECTIONS;
      if (each > MB_PER_CONNECTION) faults.push(`${each.toFixed(2)} MB for each connection`);
      if (runtime !== 'sluice') return faults;
      if (seen.goAways !== CONNECTIONS)
        faults.push(`${seen.goAways} GOAWAY for ${CONNECTIONS} bombs`);
      if (seen.refused !== CONNECTIONS * STREAMS)
        faults.push(`${seen.refused} blocks refused softly`);
      if (seen.alive !== CONNECTIONS) faults.push(`${seen.alive} connections lived on`);
      return faults;
    },
  });
}

export const attacks: AttackModule['attacks'] = { flood };

export const rows: readonly Row[] = [row(false), row(true)];
