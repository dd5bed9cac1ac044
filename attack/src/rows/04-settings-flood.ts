// Row 4, SETTINGS flood by a client that does not read (CVE-2019-9515), and a SETTINGS frame of more
// entries than any peer has reason to send. The twin is a client that reads late, and changed its
// window meanwhile, and a frame of as many entries as are allowed.

import type { Attack, AttackModule } from '../attack.ts';
import { type ConnectionEnd, calmFaults, endOf } from '../measure/connection-end.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Row } from '../row.ts';
import { FrameType, Setting, settings } from '../wire/frames.ts';
import { type Address, RawPeer } from '../wire/raw-peer.ts';
import { askUnread } from '../wire/unread-replies.ts';
import { unreadFaults } from './03-ping-flood.ts';

const FRAMES = 100_000;
/** Replies that wait: the next ends the connection. */
const MOST_WAITING = 999;
const MOST_ENTRIES = 32;
/** Reading has paused for 1 s, then went on. */
const UNREAD_MS = 1_700;
/** Below the limit at which reading pauses. */
const TWIN_FRAMES = 40;

const EMPTY = settings();

function entries(count: number): Buffer {
  return settings(Array.from({ length: count }, () => [Setting.MAX_HEADER_LIST_SIZE, 16_384]));
}

/** GOAWAY's code behind a frame of so many entries. */
async function manyEntries(address: Address, count: number): Promise<ConnectionEnd> {
  const peer = await RawPeer.connect(address);
  await peer.fence();
  peer.write(entries(count));
  await peer.fence();
  const code = endOf(peer);
  peer.end();
  return code;
}

const flood: Attack = async (address) => {
  const allowed = await manyEntries(address, MOST_ENTRIES);
  const tooMany = await manyEntries(address, MOST_ENTRIES + 1);
  const below = await askUnread(address, MOST_WAITING, FrameType.SETTINGS, () => EMPTY, UNREAD_MS);
  const flooded = await askUnread(address, FRAMES, FrameType.SETTINGS, () => EMPTY, UNREAD_MS);
  return {
    entries32Code: allowed,
    entries33Code: tooMany,
    belowAcks: below.acks,
    belowGoAwayCode: below.goAwayCode,
    goAwayCode: flooded.goAwayCode,
    goAwayText: flooded.goAwayText,
    acks: flooded.acks,
  };
};

/** For row 38: one connection of it. */
const oneOfMany: Attack = async (address) => ({
  ...(await askUnread(address, 10_000, FrameType.SETTINGS, () => EMPTY, UNREAD_MS)),
});

/** Windows as a client grows them: each frame says something new. */
function grown(i: number): Buffer {
  return settings([[Setting.INITIAL_WINDOW_SIZE, 0x7fff_ff00 + i]]);
}

const late: Attack = async (address) => ({
  entriesCode: await manyEntries(address, MOST_ENTRIES),
  ...(await askUnread(address, TWIN_FRAMES, FrameType.SETTINGS, grown, 2_000)),
});

export const attacks: AttackModule['attacks'] = { flood, oneOfMany, late };

export const rows: readonly Row[] = [
  floodRow({
    row: 4,
    name: 'SETTINGS flood, unread; 33 entries',
    direction: 'server',
    tls: false,
    expected:
      'reading pauses at 50 queued replies, goes on by single chunks after 1 s, GOAWAY(ENHANCE_YOUR_CALM) at 1,000; at 999 a late reader gets them all; the same GOAWAY for a frame of 33 entries',
    module: import.meta.url,
    attack: 'flood',
    seconds: 6,
    counters: ['response-gate', 'response-frames', 'settings-entries'],
    judge: ({ seen }, runtime) => [
      ...unreadFaults(seen, MOST_WAITING, runtime),
      ...calmFaults(seen.entries33Code, runtime).map((text) => `33 entries: ${text}`),
      ...(seen.entries32Code === 'none' ? [] : [`32 entries: GOAWAY code ${seen.entries32Code}`]),
    ],
    twin: {
      attack: 'late',
      seconds: 4,
      judge: ({ acks, goAwayCode, entriesCode }) =>
        acks === TWIN_FRAMES && goAwayCode === 'none' && entriesCode === 'none'
          ? []
          : [`${acks} of ${TWIN_FRAMES} were acknowledged, GOAWAY code ${goAwayCode}`],
    },
  }),
];
