// Production control: whether a connection takes one more call, and which limit says no.
// Invariants: the decision and the enqueue are one step (control-buffer.ts `executeAndPut`); a
// refusal allocates nothing; every limit counts how often it acted.
// Not here: the line of calls that wait under policy `wait` (channel/waiting-line.ts).

import type { PutCheck } from './control-buffer.ts';
import type { InboundWindow } from './inbound-window.ts';
import { type ClientLimits, MIN_QUEUED_ITEMS } from './limits.ts';
import type { LoopyWriter } from './loopy-writer.ts';
import type { OutStream } from './out-stream.ts';
import { RateMeter } from './rate-meter.ts';

/** The limits of one connection, as refusals and stats name them. */
export type LimitName =
  | 'open-calls'
  | 'queued-items'
  | 'queued-bytes'
  | 'queue-age'
  | 'exposure-bytes'
  | 'peer-streams'
  | 'draining';

/** One limit as it stands. */
export interface LimitReading {
  value: number;
  unit: string;
  depth: number;
  acted: number;
}

/** What admission asks of its transport. */
export interface AdmissionSubject {
  readonly loopy: LoopyWriter;
  readonly inbound: InboundWindow;
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
  private readonly subject: AdmissionSubject;
  private itemsSeen: number;
  private readonly acted: Record<LimitName, number>;

  constructor(limits: ClientLimits, subject: AdmissionSubject) {
    this.limits = limits;
    this.drain = new RateMeter();
    this.openCalls = 0;
    this.itemsSeen = 0;
    this.subject = subject;
    this.acted = {
      'open-calls': 0,
      'queued-items': 0,
      'queued-bytes': 0,
      'queue-age': 0,
      'exposure-bytes': 0,
      'peer-streams': 0,
      draining: 0,
    };
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
  refuses(bytes: number): LimitName | undefined {
    const { subject, limits } = this;
    if (subject.draining) return 'draining';
    if (this.peerStreams >= subject.peerMaxStreams) return 'peer-streams';
    if (this.openCalls >= limits.openCalls) return 'open-calls';
    if (!subject.inbound.admits) return 'exposure-bytes';
    const buffer = subject.loopy.buffer;
    const fewest = Math.min(MIN_QUEUED_ITEMS, limits.queuedItems);
    if (buffer.items >= fewest && buffer.items >= this.itemLimit) return 'queued-items';
    // An empty account admits one message of any legal size.
    const queued = buffer.bytes + subject.socketBytes;
    if (queued > 0 && queued + bytes > limits.queuedBytes) return 'queued-bytes';
    if (subject.loopy.state === 'blocked-on-socket') {
      if (buffer.oldestHeadMs(subject.now()) > limits.queueAgeMs) return 'queue-age';
    }
    return undefined;
  }

  /** PutCheck: asked inside the enqueue; counts the call as open. */
  admits(stream: OutStream): boolean {
    if (this.refuses(stream.queuedBytes + stream.headBytes) !== undefined) return false;
    this.openCalls += 1;
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
  count(limit: LimitName): void {
    this.acted[limit] += 1;
  }

  /** The limit, its depth, its value and the cure, for refusals and for what a call waits for. */
  describe(limit: LimitName): string {
    const reading = this.readings()[limit];
    if (reading === undefined || limit === 'draining') {
      return 'a connection that is draining; the next one is being made';
    }
    const { value, unit, depth } = reading;
    return `the ${limit} limit: ${depth} of ${value} ${unit} ${CURES[limit]}`;
  }

  readings(): Record<string, LimitReading> {
    const { subject, limits, acted } = this;
    const buffer = subject.loopy.buffer;
    const read = (name: LimitName, value: number, unit: string, depth: number): LimitReading => ({
      value,
      unit,
      depth,
      acted: acted[name],
    });
    const queued = buffer.bytes + subject.socketBytes;
    const age = buffer.oldestHeadMs(subject.now());
    return {
      'open-calls': read('open-calls', limits.openCalls, 'calls', this.openCalls),
      'peer-streams': read('peer-streams', subject.peerMaxStreams, 'streams', this.peerStreams),
      'queued-items': read('queued-items', this.itemLimit, 'items', buffer.items),
      'queued-bytes': read('queued-bytes', limits.queuedBytes, 'bytes', queued),
      'queue-age': read('queue-age', limits.queueAgeMs, 'ms', Math.round(age)),
      'exposure-bytes': read(
        'exposure-bytes',
        subject.inbound.limit,
        'bytes',
        subject.inbound.exposure,
      ),
    };
  }
}

const CURES: Record<LimitName, string> = {
  'open-calls': 'are open on this connection; slow down or raise limits.openCalls',
  'queued-items': 'wait to be written; slow down, or raise limits.queuedItems or limits.queueAgeMs',
  'queued-bytes': 'wait to be written; slow down or raise limits.queuedBytes',
  'queue-age': 'old is the call at the head of the queue; slow down or raise limits.queueAgeMs',
  'exposure-bytes':
    'of credit are granted to open calls; read responses sooner or raise limits.exposureBytes',
  'peer-streams': 'allowed by the peer are open; slow down or use another connection',
  draining: '',
};
