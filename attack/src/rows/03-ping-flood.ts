// Row 3, PING flood by a client that does not read (CVE-2019-9512): replies pile up in the server.
// Its policy of pings is off here, or the third strike of row 5 would end each of these connections.
// The twin is a client that reads late, and has pinged meanwhile.

import type { Attack, AttackModule } from '../attack.ts';
import { calmFaults } from '../measure/connection-end.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Figures, RuntimeName } from '../report.ts';
import type { Row } from '../row.ts';
import { FrameType, ping } from '../wire/frames.ts';
import { askUnread } from '../wire/unread-replies.ts';

const PINGS = 100_000;
/** Replies that wait: the next ends the connection. */
const MOST_WAITING = 999;
/** Reading has paused for 1 s, then went on. */
const UNREAD_MS = 1_700;
/** Below the limit at which reading pauses. */
const TWIN_PINGS = 40;

const flood: Attack = async (address) => {
  const below = await askUnread(address, MOST_WAITING, FrameType.PING, ping, UNREAD_MS);
  const flooded = await askUnread(address, PINGS, FrameType.PING, ping, UNREAD_MS);
  return {
    belowAcks: below.acks,
    belowGoAwayCode: below.goAwayCode,
    goAwayCode: flooded.goAwayCode,
    goAwayText: flooded.goAwayText,
    acks: flooded.acks,
  };
};

/** For row 38: one connection of it. */
const oneOfMany: Attack = async (address) => ({
  ...(await askUnread(address, 10_000, FrameType.PING, ping, UNREAD_MS)),
});

const late: Attack = async (address) => ({
  ...(await askUnread(address, TWIN_PINGS, FrameType.PING, ping, 2_000)),
});

export const attacks: AttackModule['attacks'] = { flood, oneOfMany, late };

/** What rows 3 and 4 ask of replies that nobody reads. */
export function unreadFaults(seen: Figures, below: number, runtime: RuntimeName): string[] {
  const faults = calmFaults(seen.goAwayCode, runtime);
  if (seen.belowGoAwayCode !== 'none' || seen.belowAcks !== below) {
    faults.push(
      `${seen.belowAcks} of ${below} replies came to a late reader, GOAWAY code ${seen.belowGoAwayCode}`,
    );
  }
  return faults;
}

function pingFlood(tls: boolean): Row {
  return floodRow({
    row: 3,
    name: 'PING flood, unread',
    direction: 'server',
    tls,
    expected:
      'reading pauses at 50 queued replies, goes on by single chunks after 1 s, GOAWAY(ENHANCE_YOUR_CALM) at 1,000; at 999 a late reader gets them all',
    module: import.meta.url,
    attack: 'flood',
    seconds: 6,
    counters: ['response-gate', 'response-frames'],
    serve: {
      limits: { streams: 100, handlers: 100 },
      minPingIntervalMs: 0,
    },
    judge: ({ seen }, runtime) => unreadFaults(seen, MOST_WAITING, runtime),
    twin: {
      attack: 'late',
      seconds: 4,
      judge: ({ acks, goAwayCode }) =>
        acks === TWIN_PINGS && goAwayCode === 'none'
          ? []
          : [`${acks} of ${TWIN_PINGS} pings were answered, GOAWAY code ${goAwayCode}`],
    },
  });
}

export const rows: readonly Row[] = [pingFlood(false), pingFlood(true)];
