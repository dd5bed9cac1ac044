// The table of all limits, by the names that stats, events and error texts use: what each is, why it
// is there, what refills it, and how often it acted in this process.
// Invariants: a limit that acts is counted under a name of this table, the types see to that; values
// are the defaults, what an option made of them is in `stats().limits`.
// Not here: the constants (limits.ts), the counts of a connection (limit-counts.ts).
// Longer than 400 lines because it is a table, with a few lines for each limit.

import { MAX_SETTINGS_ENTRIES } from '../frames/settings.ts';
import {
  DRIPPING_CREDIT,
  DRIPS_PER_WINDOW,
  defaultClientLimits,
  defaultServerLimits,
  GATE_RESPONSE_FRAMES,
  GATE_STANDSTILL_MS,
  GLITCH_BURST,
  GLITCHES_PER_SECOND,
  HANDSHAKE_TIMEOUT_MS,
  MAX_CAUSED_RESETS,
  MAX_CONTINUATIONS,
  MAX_EARNED_RESETS,
  MAX_EMPTY_DATA,
  MAX_HEADER_BLOCK,
  MAX_HEADER_LIST,
  MAX_HEADER_LIST_HARD,
  MAX_MESSAGE_LENGTH_DEFAULT,
  MAX_PING_STRIKES,
  MAX_PREMATURE_RESETS,
  MAX_RESPONSE_FRAMES,
  MAX_RETRY_BUFFER_BYTES,
  PARTIAL_WAIT_MS,
  PROGRESS_BYTES,
  PROGRESS_WINDOW_MS,
  STREAMS_BEFORE_SETTINGS,
} from './limits.ts';
import { memoryBudget } from './memory-budget.ts';

/** The name of a limit, as `stats().limits`, `sluice:limit` events and error texts have it. */
export type LimitName =
  | 'open-calls'
  | 'concurrency'
  | 'peer-streams'
  | 'queued-items'
  | 'queued-bytes'
  | 'queue-age'
  | 'waiting-calls'
  | 'waiting-bytes'
  | 'retry-bytes'
  | 'exposure-bytes'
  | 'partial-wait'
  | 'memory-budget'
  | 'streams'
  | 'handlers'
  | 'total-handlers'
  | 'queue-delay'
  | 'shed'
  | 'message-length'
  | 'header-list'
  | 'header-list-hard'
  | 'header-block'
  | 'continuations'
  | 'settings-entries'
  | 'premature-resets'
  | 'caused-resets'
  | 'response-gate'
  | 'response-frames'
  | 'ping-strikes'
  | 'empty-data'
  | 'glitches'
  | 'protocol-errors'
  | 'handshake-timeout'
  | 'slow-read';

/** One limit of the runtime, as {@link limits} has it. */
export interface Limit {
  /** Its default, in `unit`; Infinity where nothing is limited unless an option says so. */
  readonly value: number;
  /** `bytes`, `calls`, `ms` ... */
  readonly unit: string;
  /** Which end has it. */
  readonly side: 'client' | 'server' | 'both';
  /** What it is counted over. */
  readonly scope: 'call' | 'connection' | 'channel' | 'server' | 'process';
  /** The option that sets it, of `connect` or `createServer`; null where it is fixed. */
  readonly option: string | null;
  /** Why it is there and what becomes of what is past it, in a sentence. */
  readonly reason: string;
  /** The fault or the attack that it stops. */
  readonly stops: string;
  /** What pays for more, where it is a budget. */
  readonly refill: string | null;
  /** How often it acted in this process (of a worker thread: in that thread) since it began. */
  readonly acted: number;
}

type Entry = Omit<Limit, 'acted'>;

const COMPLETED = `one for each completed call, up to ${MAX_EARNED_RESETS}`;

const acted = new Map<Limit, number>();

/** Counts for the process; everybody else counts by LimitCounts, which calls this. */
export function countLimit(name: LimitName): void {
  const limit = limits[name];
  acted.set(limit, (acted.get(limit) ?? 0) + 1);
}

function limit(entry: Entry): Limit {
  const counted: Limit = Object.freeze({
    ...entry,
    get value(): number {
      return entry.value;
    },
    get acted(): number {
      return acted.get(counted) ?? 0;
    },
  });
  return counted;
}

/**
 * Every limit of the runtime by its name: default, unit, reason, what it stops, and how often it acted in
 * this process. Frozen; `acted` and the value of `memory-budget` are read anew each time. What the
 * options of one channel or server made of them, and how close they are, is in its `stats().limits`.
 * Not to be mixed up with the option `limits` of `connect` and `createServer`, which sets some of them.
 */
export const limits: Readonly<Record<LimitName, Limit>> = Object.freeze({
  'open-calls': limit({
    value: defaultClientLimits.openCalls,
    unit: 'calls',
    side: 'client',
    scope: 'connection',
    option: 'limits.openCalls',
    reason: 'an open call takes memory until it ends; further ones wait or are refused',
    stops: 'a server that reads everything and answers slowly',
    refill: null,
  }),
  concurrency: limit({
    value: Number.POSITIVE_INFINITY,
    unit: 'calls',
    side: 'client',
    scope: 'connection',
    option: 'adaptiveConcurrency',
    reason: 'more at once than the server answers without a queue only makes all of them late',
    stops: 'overload of a server whose capacity is not known',
    refill: null,
  }),
  'peer-streams': limit({
    value: STREAMS_BEFORE_SETTINGS,
    unit: 'streams',
    side: 'client',
    scope: 'connection',
    option: null,
    reason: "the server's MAX_CONCURRENT_STREAMS; this many before its SETTINGS came",
    stops: 'calls that the server would refuse',
    refill: null,
  }),
  'queued-items': limit({
    value: defaultClientLimits.queuedItems,
    unit: 'items',
    side: 'client',
    scope: 'connection',
    option: 'limits.queuedItems',
    reason: 'messages too small for bytes to count take memory and time as well',
    stops: 'a server or network that takes less than is sent',
    refill: null,
  }),
  'queued-bytes': limit({
    value: defaultClientLimits.queuedBytes,
    unit: 'bytes',
    side: 'both',
    scope: 'connection',
    option: 'limits.queuedBytes',
    reason: 'what waits to be written is held until the peer takes it; past it calls are refused',
    stops: 'a peer that asks and does not read',
    refill: null,
  }),
  'queue-age': limit({
    value: defaultClientLimits.queueAgeMs,
    unit: 'ms',
    side: 'client',
    scope: 'connection',
    option: 'limits.queueAgeMs',
    reason: 'a call behind one that waits for so long already would only wait longer',
    stops: 'a socket that takes nothing',
    refill: null,
  }),
  'waiting-calls': limit({
    value: defaultClientLimits.waitingCalls,
    unit: 'calls',
    side: 'client',
    scope: 'channel',
    option: 'limits.waitingCalls',
    reason: 'a line without an end is memory without an end; further calls are refused',
    stops: 'more calls than the backends take',
    refill: null,
  }),
  'waiting-bytes': limit({
    value: defaultClientLimits.waitingBytes,
    unit: 'bytes',
    side: 'client',
    scope: 'channel',
    option: 'limits.waitingBytes',
    reason: 'the same, for what the calls of the line hold',
    stops: 'more calls than the backends take',
    refill: null,
  }),
  'retry-bytes': limit({
    value: MAX_RETRY_BUFFER_BYTES,
    unit: 'bytes',
    side: 'client',
    scope: 'channel',
    option: null,
    reason: 'messages kept for further attempts; past it a call goes on and is not tried again',
    stops: 'large requests to a backend that fails',
    refill: null,
  }),
  'exposure-bytes': limit({
    value: defaultClientLimits.exposureBytes,
    unit: 'bytes',
    side: 'both',
    scope: 'connection',
    option: 'limits.exposureBytes',
    reason: 'credit that was granted may be used at any time; past it no stream begins',
    stops: 'many streams whose windows are filled at once (CVE-2026-84304)',
    refill: null,
  }),
  'partial-wait': limit({
    value: PARTIAL_WAIT_MS,
    unit: 'ms',
    side: 'both',
    scope: 'call',
    option: null,
    reason: 'a large message that finds no room beside older ones is given up after this time',
    stops: 'messages that are begun and never completed',
    refill: null,
  }),
  'memory-budget': limit({
    get value(): number {
      return memoryBudget.limitBytes;
    },
    unit: 'bytes',
    side: 'both',
    scope: 'process',
    option: 'memoryBudget.limitBytes',
    reason: 'many connections within their limits are too much together; the largest give way',
    stops: 'a flood of connections, each of which is modest',
    refill: null,
  }),
  streams: limit({
    value: defaultServerLimits.streams,
    unit: 'streams',
    side: 'server',
    scope: 'connection',
    option: 'limits.streams',
    reason: 'announced to the client; streams past it are refused with REFUSED_STREAM',
    stops: 'clients that open streams without end',
    refill: null,
  }),
  handlers: limit({
    value: defaultServerLimits.handlers,
    unit: 'handlers',
    side: 'server',
    scope: 'connection',
    option: 'limits.handlers',
    reason: 'a slot is free when its handler has returned, whatever the client resets',
    stops: 'rapid reset (CVE-2023-44487): handlers of cancelled calls that pile up',
    refill: null,
  }),
  'total-handlers': limit({
    value: defaultServerLimits.totalHandlers,
    unit: 'handlers',
    side: 'server',
    scope: 'server',
    option: 'limits.totalHandlers',
    reason: 'connections within their limits may be too many together; calls are refused unread',
    stops: 'overload by many clients',
    refill: null,
  }),
  'queue-delay': limit({
    value: Number.POSITIVE_INFINITY,
    unit: 'ms',
    side: 'server',
    scope: 'server',
    option: 'shedQueueDelay',
    reason: 'calls that would be answered too late are refused while it costs nothing yet',
    stops: 'overload of this process',
    refill: null,
  }),
  shed: limit({
    value: Number.POSITIVE_INFINITY,
    unit: 'handlers',
    side: 'server',
    scope: 'server',
    option: 'shed',
    reason: 'whatever your function turns away, by a measure of its own',
    stops: 'overload of what stands behind the server',
    refill: null,
  }),
  'message-length': limit({
    value: MAX_MESSAGE_LENGTH_DEFAULT,
    unit: 'bytes',
    side: 'both',
    scope: 'call',
    option: 'maxReceiveMessageLength',
    reason: 'told by the prefix before a byte of it is kept, and held to while decompressing',
    stops: 'length prefixes that lie, decompression bombs (CVE-2026-48069)',
    refill: null,
  }),
  'header-list': limit({
    value: MAX_HEADER_LIST,
    unit: 'bytes',
    side: 'both',
    scope: 'call',
    option: 'maxHeaderListBytes',
    reason: 'decoded headers of one call; larger ones are refused, and the connection goes on',
    stops: 'metadata that grew too large by mistake',
    refill: null,
  }),
  'header-list-hard': limit({
    value: MAX_HEADER_LIST_HARD,
    unit: 'bytes',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: 'decoded headers that nobody sends by mistake; the connection ends',
    stops: 'HPACK bombs (CVE-2026-49975)',
    refill: null,
  }),
  'header-block': limit({
    value: MAX_HEADER_BLOCK,
    unit: 'bytes',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: 'compressed headers are gathered until they are whole; past it the connection ends',
    stops: 'CONTINUATION floods (CVE-2024-27316)',
    refill: null,
  }),
  continuations: limit({
    value: MAX_CONTINUATIONS,
    unit: 'frames',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: 'frames of one field block, empty ones too, cost work; past it the connection ends',
    stops: 'CONTINUATION floods (CVE-2024-27316)',
    refill: null,
  }),
  'settings-entries': limit({
    value: MAX_SETTINGS_ENTRIES,
    unit: 'entries',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: 'HTTP/2 has six settings; a frame of more entries than this ends the connection',
    stops: 'SETTINGS floods (CVE-2019-9515)',
    refill: null,
  }),
  'premature-resets': limit({
    value: MAX_PREMATURE_RESETS,
    unit: 'resets',
    side: 'server',
    scope: 'connection',
    option: null,
    reason: 'a call that is reset at once costs the client nothing; past it the connection ends',
    stops: 'rapid reset (CVE-2023-44487)',
    refill: COMPLETED,
  }),
  'caused-resets': limit({
    value: MAX_CAUSED_RESETS,
    unit: 'resets',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: 'faults that make this end reset a stream are resets as well; the connection ends',
    stops: 'MadeYouReset (CVE-2025-8671)',
    refill: COMPLETED,
  }),
  'response-gate': limit({
    value: GATE_RESPONSE_FRAMES,
    unit: 'frames',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: `replies to received frames that wait; reading pauses, after ${GATE_STANDSTILL_MS} ms it goes on by single chunks`,
    stops: 'PING, SETTINGS and reset floods (CVE-2019-9512, CVE-2019-9514, CVE-2019-9515)',
    refill: null,
  }),
  'response-frames': limit({
    value: MAX_RESPONSE_FRAMES,
    unit: 'frames',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: 'replies that wait for a peer which never reads them; the connection ends',
    stops: 'the same floods by a peer that does not read',
    refill: null,
  }),
  'ping-strikes': limit({
    value: MAX_PING_STRIKES,
    unit: 'pings',
    side: 'server',
    scope: 'connection',
    option: 'minPingIntervalMs',
    reason: 'pings sooner than the interval are forgiven this often; then the connection ends',
    stops: 'ping floods (CVE-2019-9512), keepalive set too short by many clients',
    refill: 'all, by HEADERS or DATA that were sent',
  }),
  'empty-data': limit({
    value: MAX_EMPTY_DATA,
    unit: 'frames',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: 'DATA without data, padding aside, moves nothing; past it the connection ends',
    stops: 'empty frame floods (CVE-2019-9518)',
    refill: 'one for each DATA frame with data; END_STREAM is free',
  }),
  glitches: limit({
    value: GLITCH_BURST,
    unit: 'frames',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: 'legal frames of no use that no other limit counts; past it the connection ends',
    stops: 'floods that have no name yet',
    refill: `${GLITCHES_PER_SECOND} a second`,
  }),
  'protocol-errors': limit({
    value: 0,
    unit: 'faults',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: 'a peer that breaks HTTP/2 itself; the connection ends with the code of RFC 9113',
    stops: 'broken and hostile peers: bad HPACK, bad lengths, windows that overflow',
    refill: null,
  }),
  'handshake-timeout': limit({
    value: HANDSHAKE_TIMEOUT_MS,
    unit: 'ms',
    side: 'server',
    scope: 'connection',
    option: null,
    reason: 'time for TLS, and again for preface and SETTINGS; then the connection ends',
    stops: 'connections that are opened and say nothing',
    refill: null,
  }),
  'slow-read': limit({
    value: PROGRESS_BYTES,
    unit: 'bytes',
    side: 'both',
    scope: 'connection',
    option: null,
    reason: `the least that is taken in ${PROGRESS_WINDOW_MS} ms while the socket is blocked, or while ${DRIPS_PER_WINDOW} credits of less than ${DRIPPING_CREDIT} bytes came; then the connection ends`,
    stops: 'slow readers (CVE-2019-9511, CVE-2019-9517)',
    refill: null,
  }),
});
