// Row 38, the memory of the process: 200 hostile connections at once against a budget of 128 MB, a
// part of which hold as much as they can get, while the others go through the attacks of rows 1 to 12.
// Who holds more than its share is to get less first; new connections are refused after that.

import { setTimeout as pause } from 'node:timers/promises';
import type { Attack, AttackModule } from '../attack.ts';
import { floodRow } from '../measure/flood-row.ts';
import type { Figures } from '../report.ts';
import type { Row } from '../row.ts';
import { PAYLOAD, STALL } from '../runtimes/runtime.ts';
import {
  data,
  field,
  headers,
  indexedField,
  message,
  requestBlock,
  Setting,
  windowUpdate,
} from '../wire/frames.ts';
import { type RawAnswer, RawCalls } from '../wire/raw-calls.ts';
import { type Address, RawPeer } from '../wire/raw-peer.ts';
import { WindowedSender } from '../wire/windowed-sender.ts';
import { attacks as rapidReset } from './01-rapid-reset.ts';
import { attacks as madeYouReset } from './02-made-you-reset.ts';
import { attacks as pingFlood } from './03-ping-flood.ts';
import { attacks as settingsFlood } from './04-settings-flood.ts';
import { attacks as pingStrikes } from './05-ping-strikes.ts';
import { attacks as tinyData } from './06-tiny-data.ts';
import { attacks as emptyData } from './07-empty-data.ts';
import { attacks as continuations } from './08-continuation-flood.ts';

const BUDGET_MB = 128;
const OVER_BUDGET_MB = 48;
const HOLDERS = 120;
const OTHERS = 80;
const HOSTILE_MS = 12_000;
/** Milliseconds from one attack of a connection to its next. */
const REST_MS = 200;
const CALM = 11;
const RESOURCE_EXHAUSTED = 8;
const LARGEST = 0x7fff_ffff;
const FIRST_WINDOW = 65_535;

/** What all hostile connections saw together; times from the start of the attack. */
class Watched {
  readonly startedMs: number;
  connections: number;
  failedConnects: number;
  callsRefused: number;
  connectionsRefused: number;
  uploadedBytes: number;
  firstCallRefusedMs: number;
  firstConnectionRefusedMs: number;

  constructor() {
    this.startedMs = performance.now();
    this.connections = 0;
    this.failedConnects = 0;
    this.callsRefused = 0;
    this.connectionsRefused = 0;
    this.uploadedBytes = 0;
    this.firstCallRefusedMs = 0;
    this.firstConnectionRefusedMs = 0;
  }

  get elapsedMs(): number {
    return Math.round(performance.now() - this.startedMs);
  }

  get leftMs(): number {
    return HOSTILE_MS - this.elapsedMs;
  }

  /** Calls of a connection that were refused though it had few: for what the process holds. */
  noteCalls(refused: number): void {
    if (refused > 0 && this.callsRefused === 0) this.firstCallRefusedMs = this.elapsedMs;
    this.callsRefused += refused;
  }

  /** GOAWAY before any stream was taken up: refused as a whole. */
  noteConnection({ goAway }: RawPeer): void {
    if (goAway === undefined || goAway.errorCode !== CALM || goAway.lastStreamId !== 0) return;
    if (this.connectionsRefused === 0) this.firstConnectionRefusedMs = this.elapsedMs;
    this.connectionsRefused += 1;
  }
}

/** One connection that holds what it can, until the time is over or it is closed. */
type Holder = (address: Address, watched: Watched) => Promise<void>;

const CALLS = 3;

/** Three responses of 1 MB, under every limit of a connection: only the budget can refuse them. */
function askPayloads(peer: RawPeer): void {
  for (let i = 0; i < CALLS; i += 1) {
    const id = 2 * i + 1;
    peer.write(
      Buffer.concat([headers(id, requestBlock(PAYLOAD)), data(id, message(Buffer.alloc(0)), true)]),
    );
  }
}

const isRefused = ({ grpcStatus }: RawAnswer): boolean => grpcStatus === RESOURCE_EXHAUSTED;

/** Responses that no window lets out. */
const windowless: Holder = async (address, watched) => {
  const peer = await RawPeer.connect(address, { settings: [[Setting.INITIAL_WINDOW_SIZE, 0]] });
  const calls = new RawCalls(peer);
  askPayloads(peer);
  let refused = 0;
  while (!peer.isOver && watched.leftMs > 0) {
    // As row 12: a byte at a time.
    peer.write(windowUpdate(1, 1));
    await pause(REST_MS);
    const nowRefused = calls.count(isRefused);
    watched.noteCalls(nowRefused - refused);
    refused = nowRefused;
  }
  watched.noteConnection(peer);
  peer.end();
};

/** Responses that nobody reads. */
const unread: Holder = async (address, watched) => {
  const peer = await RawPeer.connect(address, {
    settings: [[Setting.INITIAL_WINDOW_SIZE, LARGEST]],
  });
  const calls = new RawCalls(peer);
  peer.pause();
  peer.write(windowUpdate(0, LARGEST - FIRST_WINDOW));
  askPayloads(peer);
  await pause(Math.max(0, watched.leftMs - 500));
  peer.resume();
  await peer.until(() => peer.isOver || calls.ended === CALLS, Math.max(500, watched.leftMs));
  watched.noteConnection(peer);
  watched.noteCalls(calls.count(isRefused));
  peer.end();
};

/** Of 64 KiB each: three times what a connection's share is, and few objects of the handlers' own. */
const UPLOADS = 30;
const HEADS = 60;
const LARGE_VALUE = 15_000;
const UPLOAD: Buffer = message(Buffer.alloc(FIRST_WINDOW));

/** Requests that no handler reads, as much of them as the windows take. */
const upload: Holder = async (address, watched) => {
  const peer = await RawPeer.connect(address);
  const sender = new WindowedSender(peer);
  peer.onFrame = (frame) => sender.hear(frame);
  const block = requestBlock(STALL);
  await peer.fence();
  for (let i = 0; i < UPLOADS && !peer.isOver; i += 1) {
    peer.write(headers(2 * i + 1, block));
    sender.send(2 * i + 1, UPLOAD, false);
    await pause(5);
  }
  await peer.until(() => peer.isOver, Math.max(0, watched.leftMs));
  watched.noteConnection(peer);
  watched.uploadedBytes += peer.socket.bytesWritten;
  peer.end();
};

/** Requests whose headers are nearly as large as is allowed, and no two alike. */
const metadata: Holder = async (address, watched) => {
  const peer = await RawPeer.connect(address);
  const block = requestBlock(STALL);
  await peer.fence();
  for (let i = 0; i < HEADS && !peer.isOver; i += 1) {
    const value = `${watched.connections}-${i}`.padEnd(LARGE_VALUE, 'v');
    peer.write(headers(2 * i + 1, Buffer.concat([block, field('x-large', value)])));
    await pause(5);
  }
  await peer.until(() => peer.isOver, Math.max(0, watched.leftMs));
  watched.noteConnection(peer);
  peer.end();
};

const HOLDER_KINDS: readonly Holder[] = [windowless, unread, upload, metadata];

/** Row 9 on one connection: blocks of references to one large entry. */
const references: Attack = async (address) => {
  const peer = await RawPeer.connect(address, { settings: [[Setting.INITIAL_WINDOW_SIZE, 0]] });
  const entry = indexedField('x-entry', 's'.repeat(3_000));
  peer.write(headers(1, Buffer.concat([requestBlock(STALL), entry]), true));
  const block = Buffer.concat([requestBlock(STALL), Buffer.alloc(15_000, 0xbe)]);
  await peer.flood(20, (i) => headers(2 * i + 3, block, true), { withinMs: 2_000 });
  await peer.until(() => peer.isOver, 1_000);
  peer.end();
  return {};
};

/** Row 10: lists that are refused softly. */
const headerLists: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  const large = indexedField('x-large', 'v'.repeat(16_000));
  const block = Buffer.concat([requestBlock(STALL), large]);
  // Within one frame; its entry is larger than the table, which it empties.
  await peer.flood(50, (i) => headers(2 * i + 1, block, true), { withinMs: 2_000 });
  await peer.fence(1_000);
  peer.end();
  return {};
};

/** Row 11: index 0. */
const indexZero: Attack = async (address) => {
  const peer = await RawPeer.connect(address);
  peer.write(headers(1, Buffer.of(0x80), true));
  await peer.until(() => peer.isOver, 1_000);
  peer.end();
  return {};
};

const OTHER_KINDS: readonly Attack[] = [
  ...[rapidReset, madeYouReset, pingFlood, settingsFlood].map(oneOf),
  ...[pingStrikes, tinyData, emptyData, continuations].map(oneOf),
  references,
  headerLists,
  indexZero,
];

function oneOf(attacks: AttackModule['attacks']): Attack {
  const attack = attacks?.oneOfMany;
  if (attack === undefined) throw new Error('a row has no attack for one connection');
  return attack;
}

/** A connection after the other, as long as there is time. */
async function lane(watched: Watched, connect: () => Promise<unknown>): Promise<void> {
  while (watched.leftMs > 0) {
    watched.connections += 1;
    try {
      await connect();
    } catch {
      watched.failedConnects += 1;
    }
    if (watched.leftMs > REST_MS) await pause(REST_MS);
  }
}

const mixed: Attack = async (address) => {
  const watched = new Watched();
  const lanes: Promise<void>[] = [];
  for (let i = 0; i < HOLDERS; i += 1) {
    const holder = HOLDER_KINDS[i % HOLDER_KINDS.length];
    if (holder !== undefined) lanes.push(lane(watched, () => holder(address, watched)));
  }
  for (let i = 0; i < OTHERS; i += 1) {
    let turn = i;
    const next = async (): Promise<void> => {
      const attack = OTHER_KINDS[turn % OTHER_KINDS.length];
      turn += 1;
      await attack?.(address);
    };
    lanes.push(lane(watched, next));
  }
  await Promise.all(lanes);
  return figuresOf(watched);
};

function figuresOf(watched: Watched): Figures {
  return {
    connections: watched.connections,
    failedConnects: watched.failedConnects,
    uploadedMB: Math.round(watched.uploadedBytes / 1e6),
    callsRefused: watched.callsRefused,
    connectionsRefused: watched.connectionsRefused,
    firstCallRefusedMs: watched.callsRefused === 0 ? 'never' : watched.firstCallRefusedMs,
    firstConnectionRefusedMs:
      watched.connectionsRefused === 0 ? 'never' : watched.firstConnectionRefusedMs,
  };
}

export const attacks: AttackModule['attacks'] = { mixed };

export const rows: readonly Row[] = [
  floodRow({
    row: 38,
    name: 'process budget of 128 MB, 200 hostile connections',
    direction: 'server',
    tls: false,
    expected: `RSS at most warm idle + ${BUDGET_MB} + ${OVER_BUDGET_MB} MB; connections above their share get less first, then new connections are refused; the good client has 99 % of its calls`,
    module: import.meta.url,
    attack: 'mixed',
    seconds: 15,
    counters: ['memory-budget'],
    mayAct: [
      'streams',
      'handlers',
      'queued-bytes',
      'exposure-bytes',
      'premature-resets',
      'caused-resets',
      'response-gate',
      'response-frames',
      'settings-entries',
      'ping-strikes',
      'empty-data',
      'continuations',
      'header-block',
      'header-list',
      'header-list-hard',
      'glitches',
      'protocol-errors',
      'handshake-timeout',
      'slow-read',
      'partial-wait',
    ],
    serve: {
      limits: { streams: 100, handlers: 100 },
      memoryBudgetBytes: BUDGET_MB * 1e6,
    },
    growthMB: BUDGET_MB + OVER_BUDGET_MB,
    goodShare: 0.99,
    judge: ({ seen }, runtime) => {
      if (runtime !== 'sluice') return [];
      const faults: string[] = [];
      if (seen.callsRefused === 0) faults.push('no connection got less than it asked for');
      return faults;
    },
  }),
];
