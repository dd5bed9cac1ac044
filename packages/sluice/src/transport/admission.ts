// Production control: whether a connection takes one more call, and which limit says no.
// Invariants: the decision and the enqueue are one step (control-buffer.ts `executeAndPut`); a
// refusal allocates nothing; every limit counts how often it acted.
// Not here: the line of calls that wait under policy `wait` (channel/waiting-line.ts).

import type { ConcurrencyLimiter } from './concurrency-limiter.ts';
import type { PutCheck } from './control-buffer.ts';
import type { InboundWindow } from './inbound-window.ts';
import type { LimitCounts } from './limit-counts.ts';
import type { LimitName } from './limit-table.ts';
import { type ClientLimits, MIN_QUEUED_ITEMS } from './limits.ts';
import type { LoopyWriter } from './loopy-writer.ts';
import type { MemoryAccount } from './memory-account.ts';
import type { OutStream } from './out-stream.ts';
import { RateMeter } from './rate-meter.ts';
import type { StallReason } from './stall.ts';

/** The limits of one connection, as refusals and stats name them. */
export type AdmissionLimit =
  | Extract<
      LimitName,
      | 'open-calls'
      | 'concurrency'
      | 'queued-items'
      | 'queued-bytes'
      | 'queue-age'
      | 'exposure-bytes'
      | 'memory-budget'
      | 'peer-streams'
    >
  | 'draining';

/** One limit as it stands. */
export interface LimitReading {
  /** What is allowed, in `unit`; Infinity where nothing limits it. */
  value: number;
  /** `bytes`, `calls`, `ms` ... */
  unit: string;
  /** How much of it is taken now, in `unit`. */
  depth: number;
  /** How often it made a call wait, or refused or ended one. */
  acted: number;
}

/** What admission asks of its transport. */
export interface AdmissionSubject {
  readonly loopy: LoopyWriter;
  readonly inbound: InboundWindow;
  readonly memory: MemoryAccount;
  /** How often limits acted. */
  readonly acted: LimitCounts;
  /** A limit acts: counts it, and tells those who listen. */
  noteLimit(name: LimitName, what: 'waited' | 'refused'): void;
  readonly peerMaxStreams: number;
  readonly socketBytes: number;
  /** Streams the server has ended whose messages are still to be taken: it counts them no more. */
  readonly endedStreams: number;
  /** No new streams on this connection: GOAWAY, ids used up, closed. */
  readonly draining: boolean;
  /** Coarse time of this turn, ms. */
  readonly nowMs: number;
  now(): number;
}

export class Admission implements PutCheck {
  readonly limits: ClientLimits;
  /** Drain rate of loopy's items while it had any. */
  readonly drain: RateMeter;
  /** Calls admitted and not yet over. */
  openCalls: number;
  /** Of `adaptiveConcurrency`. */
  readonly concurrency: ConcurrencyLimiter | undefined;
  private readonly subject: AdmissionSubject;
  private itemsSeen: number;

  constructor(
    limits: ClientLimits,
    subject: AdmissionSubject,
    concurrency: ConcurrencyLimiter | undefined,
  ) {
    this.limits = limits;
    this.drain = new RateMeter();
    this.openCalls = 0;
    this.concurrency = concurrency;
    this.itemsSeen = 0;
    this.subject = subject;
  }

  /** Calls that take, or will take, one of the server's stream slots. */
  private get peerStreams(): number {
    return this.openCalls - this.subject.endedStreams;
  }

  /** Items that may be queued: as many as drain within the age limit, capped. */
  get itemLimit(): number {
    const drained = this.drain.ratePerSecond * (this.limits.queueAgeMs / 1_000);
    return Math.min(this.limits.queuedItems, Math.max(MIN_QUEUED_ITEMS, Math.ceil(drained)));
  }

  /** The limit that refuses a call of so many bytes now, or undefined. Counts nothing. */
  refuses(bytes: number): AdmissionLimit | undefined {
    const { subject, limits } = this;
    if (subject.draining) return 'draining';
    if (this.peerStreams >= subject.peerMaxStreams) return 'peer-streams';
    if (this.openCalls >= limits.openCalls) return 'open-calls';
    if (this.concurrency?.full === true) return 'concurrency';
    if (!subject.inbound.admits) return 'exposure-bytes';
    const buffer = subject.loopy.buffer;
    const fewest = Math.min(MIN_QUEUED_ITEMS, limits.queuedItems);
    if (buffer.items >= fewest && buffer.items >= this.itemLimit) return 'queued-items';
    // An empty account admits one message of any legal size.
    const queued = buffer.bytes + subject.socketBytes;
    if (queued > 0 && queued + bytes > limits.queuedBytes) return 'queued-bytes';
    if (buffer.bytes + bytes > buffer.lease && !subject.memory.admits(bytes)) {
      return 'memory-budget';
    }
    if (subject.loopy.state === 'blocked-on-socket') {
      if (buffer.oldestHeadMs(subject.now()) > limits.queueAgeMs) return 'queue-age';
    }
    return undefined;
  }

  /** PutCheck: asked inside the enqueue; counts the call as open. */
  admits(stream: OutStream): boolean {
    if (this.refuses(stream.queuedBytes + stream.headBytes) !== undefined) return false;
    this.openCalls += 1;
    this.concurrency?.admit();
    this.subject.inbound.admitted = this.openCalls;
    this.drain.begin(this.subject.nowMs);
    return true;
  }

  /** Loopy ended a turn, having written so many items in all. */
  onDrained(nowMs: number, itemsWritten: number): void {
    this.drain.note(nowMs, itemsWritten - this.itemsSeen);
    this.itemsSeen = itemsWritten;
    if (this.subject.loopy.buffer.items === 0) this.drain.end(nowMs);
  }

  /** The refusal of a writer that goes on while more than the limit is queued; or undefined. */
  writerRefusal(): string | undefined {
    const { queuedBytes, queuedItems } = this.limits;
    const { bytes, items } = this.subject.loopy.buffer;
    const queued = bytes + this.subject.socketBytes;
    if (queued > queuedBytes) {
      this.count('queued-bytes');
      return `refused by the queued-bytes limit: ${queued} of ${queuedBytes} bytes wait to be written`;
    }
    const { memory } = this.subject;
    if (memory.isConstrained) {
      this.count('memory-budget');
      return `refused by ${memory.describe()}`;
    }
    if (items <= queuedItems) return undefined;
    this.count('queued-items');
    return `refused by the queued-items limit: ${items} of ${queuedItems} items wait to be written`;
  }

  /** An admitted call is over. */
  release(): void {
    this.openCalls -= 1;
    this.subject.inbound.admitted = this.openCalls;
  }

  /** Notes that a limit made a call wait or refused it. */
  count(limit: AdmissionLimit, what: 'waited' | 'refused' = 'refused'): void {
    // To drain is no limit.
    if (limit === 'draining') return;
    this.subject.noteLimit(limit, what);
    if (limit === 'memory-budget') this.subject.memory.noteRefusal();
  }

  /** The limit, its depth, its value and the cure, for refusals and for what a call waits for. */
  describe(limit: AdmissionLimit): string {
    if (limit === 'draining') return 'a connection that is draining; the next one is being made';
    if (limit === 'memory-budget') {
      return `${this.subject.memory.describe()}; read responses sooner, slow down or raise memoryBudget.limitBytes`;
    }
    const { value, unit, depth } = this.reading(limit);
    return `the ${limit} limit: ${depth} of ${value} ${unit} ${CURES[limit]}`;
  }

  /** The limit as what a call waits for, with so many calls before it in the line. */
  stall(limit: AdmissionLimit, forMs: number, ahead: number): StallReason {
    if (limit === 'draining') return { kind: 'draining', forMs, ahead };
    const { value, unit, depth } = this.reading(limit);
    if (limit === 'peer-streams') return { kind: 'peer-streams', forMs, ahead, limit: value };
    return { kind: 'limit', forMs, ahead, limit, value, depth, unit, text: this.describe(limit) };
  }

  /** Every limit that this connection has. */
  readings(): Record<string, LimitReading> {
    const found: Record<string, LimitReading> = {};
    for (const limit of READ) {
      if (limit !== 'concurrency' || this.concurrency !== undefined) {
        found[limit] = this.reading(limit);
      }
    }
    return found;
  }

  /** One of them by its name; undefined for those of others. */
  readingOf(name: LimitName): LimitReading | undefined {
    const own = READ.find((limit) => limit === name);
    return own === undefined ? undefined : this.reading(own);
  }

  private reading(limit: Exclude<AdmissionLimit, 'draining'>): LimitReading {
    const { subject, limits, concurrency } = this;
    const { buffer } = subject.loopy;
    switch (limit) {
      case 'open-calls':
        return this.read(limit, limits.openCalls, 'calls', this.openCalls);
      case 'peer-streams':
        return this.read(limit, subject.peerMaxStreams, 'streams', this.peerStreams);
      case 'queued-items':
        return this.read(limit, this.itemLimit, 'items', buffer.items);
      case 'queued-bytes':
        return this.read(limit, limits.queuedBytes, 'bytes', buffer.bytes + subject.socketBytes);
      case 'queue-age': {
        const age = buffer.oldestHeadMs(subject.now());
        return this.read(limit, limits.queueAgeMs, 'ms', Math.round(age));
      }
      case 'exposure-bytes':
        return this.read(limit, subject.inbound.limit, 'bytes', subject.inbound.exposure);
      case 'memory-budget': {
        const { limitBytes, usedBytes } = subject.memory.budget;
        return this.read(limit, limitBytes, 'bytes', usedBytes);
      }
      case 'concurrency':
        return this.read(limit, concurrency?.limit ?? 0, 'calls', concurrency?.inFlight ?? 0);
    }
  }

  private read(limit: LimitName, value: number, unit: string, depth: number): LimitReading {
    return { value, unit, depth, acted: this.subject.acted.of(limit) };
  }
}

/** In the order of stats. */
const READ: readonly Exclude<AdmissionLimit, 'draining'>[] = [
  'open-calls',
  'peer-streams',
  'queued-items',
  'queued-bytes',
  'queue-age',
  'exposure-bytes',
  'memory-budget',
  'concurrency',
];

const CURES: Record<AdmissionLimit, string> = {
  concurrency: 'are all that the server answers without a queue; slow down or add servers',
  'open-calls': 'are open on this connection; slow down or raise limits.openCalls',
  'queued-items': 'wait to be written; slow down, or raise limits.queuedItems or limits.queueAgeMs',
  'queued-bytes': 'wait to be written; slow down or raise limits.queuedBytes',
  'queue-age': 'old is the call at the head of the queue; slow down or raise limits.queueAgeMs',
  'exposure-bytes':
    'of credit are granted to open calls; read responses sooner or raise limits.exposureBytes',
  'peer-streams': 'allowed by the peer are open; slow down or use another connection',
  'memory-budget': '',
  draining: '',
};
