// A client call from its start to its one status: the deadline, cancellation, the wait for a stream
// and the one transparent retry of a call the server never saw.
// Invariants: the listener hears onEnd exactly once and nothing after it; messages are kept for a
// retry only until the server answered or they pass REPLAY_BYTES.
// gRFC A6 "transparent retries". Not here: which connection is used (placement.ts).
// Longer than 400 lines because a call may cost one object, and so all of its state is here.

import { sendingCodec } from '../grpc/compression-names.ts';
import { Status } from '../grpc/status.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { ClientStream, ClientStreamListener } from '../transport/client-stream.ts';
import type { ClientTransport } from '../transport/client-transport.ts';
import { headCharge, metadataCharge } from '../transport/head-charge.ts';
import { MESSAGE_CHARGE, REPLAY_BYTES } from '../transport/limits.ts';
import { checkMessage } from '../transport/message-check.ts';
import type { Peer } from '../transport/peer.ts';
import type { ResponseHead } from '../transport/response-head.ts';
import { callText, deadlineText, type StallReason } from '../transport/stall.ts';
import type { WheelTimer } from '../transport/timer-wheel.ts';
import type { PickTracker } from './balancer.ts';
import {
  type CallCredentials,
  credentialFields,
  failureOfCredentials,
} from './call-credentials.ts';
import type { CallHandle, CallPlacer, FieldsListener } from './call-handle.ts';
import type { CallOptions, MethodSettings } from './call-options.ts';
import { AttemptRecord, CallRecord, isRecorded } from './call-record.ts';
import { type BondedCall, CallerBond } from './caller-bond.ts';
import type { CallLine } from './credentials-line.ts';
import { Attempt } from './retry/attempt.ts';

const NO_FIELDS: HeaderFields = [];

interface SentMessage {
  readonly message: Uint8Array | undefined;
  readonly last: boolean;
}

/** One attempt of a call, with its transparent retry: all there is to most calls. */
export class ClientCall implements BondedCall, CallHandle, ClientStreamListener, WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  // The waiting line's links.
  nextInLine: ClientCall | undefined;
  previousInLine: ClientCall | undefined;
  inLine: boolean;
  waitingSinceMs: number;
  /** Bytes of the messages kept for sending or for a retry. */
  heldBytes: number;
  /** Those of them that the connection of the stream counts. */
  private replayBytes: number;
  /** Bytes of the request metadata, as they are charged. */
  metadataBytes: number;
  readonly path: string;
  readonly waitForReady: boolean;
  private readonly placer: CallPlacer;
  private readonly listener: FieldsListener;
  private readonly options: CallOptions;
  private readonly settings: MethodSettings | undefined;
  /** Request metadata, flat. */
  fields: HeaderFields;
  private timeoutMs: number;
  /** Milliseconds of the timeout that earlier attempts of the same call took. */
  elapsedMs: number;
  /** Ended by its caller, its deadline or a limit of this process, not for want of a backend. */
  endedHere: boolean;
  /** To the caller's signal and the parent call, where there are any. */
  private bond: CallerBond | undefined;
  private awaitsCredentials: boolean;
  private stream: ClientStream | undefined;
  /** The balancer's, for the attempt under way. */
  private tracker: PickTracker | undefined;
  private sent: SentMessage[] | undefined;
  private first: Uint8Array | undefined;
  private committed: boolean;
  private retried: boolean;
  private ended: boolean;
  /** Messages asked for and not here yet. */
  private wanted: number;
  /** For whoever listens to calls. */
  private record: AttemptRecord | undefined;

  constructor(placer: CallPlacer, path: string, options: CallOptions, listener: FieldsListener) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.nextInLine = undefined;
    this.previousInLine = undefined;
    this.inLine = false;
    this.waitingSinceMs = 0;
    this.heldBytes = 0;
    this.replayBytes = 0;
    const settings = placer.settingsOf(path);
    this.path = path;
    this.waitForReady = options.waitForReady ?? settings?.waitForReady ?? false;
    this.placer = placer;
    this.listener = listener;
    this.options = options;
    this.settings = settings;
    this.fields = options.metadata?.toFields() ?? NO_FIELDS;
    this.metadataBytes = this.fields.length === 0 ? 0 : metadataCharge(this.fields);
    this.timeoutMs = options.timeoutMs ?? Number.POSITIVE_INFINITY;
    if (typeof this.timeoutMs !== 'number' || Number.isNaN(this.timeoutMs)) {
      throw new RangeError(`timeoutMs is ${String(this.timeoutMs)}; it must be a number of ms`);
    }
    this.elapsedMs = 0;
    this.endedHere = false;
    if (settings !== undefined) this.timeoutMs = stricter(this.timeoutMs, settings.timeoutMs);
    if (options.compress !== undefined) sendingCodec(options.compress);
    this.bond = undefined;
    this.awaitsCredentials = false;
    this.stream = undefined;
    this.tracker = undefined;
    this.sent = undefined;
    this.first = undefined;
    this.committed = false;
    this.retried = false;
    this.ended = false;
    this.wanted = 0;
    this.record = undefined;
    placer.counts.started += 1;
  }

  /** True once onEnd was called. */
  get isEnded(): boolean {
    return this.ended;
  }

  /** The server it was sent to; of one that waits to be sent again, none. */
  get peer(): Peer | undefined {
    return this.stream?.written === true ? this.stream.peer : undefined;
  }

  /** The channel's. */
  get target(): string {
    return this.placer.target;
  }

  /** Bytes the call takes of a connection's queue: its HEADERS and messages. */
  get queueBytes(): number {
    return this.heldBytes + headCharge(this.path, this.metadataBytes);
  }

  // What the caller does.

  /** Begins; `message` is the whole request of a call that sends one. */
  start(message: Uint8Array | undefined): void {
    if (isRecorded()) this.startRecord();
    if (message !== undefined) {
      const tooLong = this.tooLong(message);
      if (tooLong !== undefined) {
        this.abandon(Status.RESOURCE_EXHAUSTED, tooLong);
        return;
      }
      this.first = message;
      this.heldBytes = message.length;
    }
    const { signal, parent, credentials } = this.options;
    if ((parent !== undefined || signal !== undefined) && !this.tie()) return;
    if (this.timeoutMs !== Number.POSITIVE_INFINITY) {
      if (this.timeoutMs <= 0) {
        this.refuse(Status.DEADLINE_EXCEEDED, 'the deadline had passed before the call');
        return;
      }
      this.placer.wheel.add(this, this.placer.wheel.now() + this.timeoutMs - this.elapsedMs);
    }
    const common = this.placer.callDefaults.credentials;
    if (credentials === undefined && common === undefined) this.placer.place(this, false);
    else this.fetchCredentials(common, credentials);
  }

  private tooLong(message: Uint8Array): string | undefined {
    const { options, placer, settings } = this;
    const own = options.maxSendMessageLength ?? placer.callDefaults.maxSendMessageLength;
    const most = settings === undefined ? own : stricter(own, settings.maxRequestBytes);
    if (message.length <= most) return undefined;
    return `a request message of ${message.length} bytes exceeds the limit of ${most}; raise maxSendMessageLength`;
  }

  /** False when the call was ended by it. */
  private tie(): boolean {
    const bond = new CallerBond(this.options, this);
    this.bond = bond;
    this.timeoutMs = Math.min(this.timeoutMs, bond.parentMs);
    bond.tie();
    return !this.ended;
  }

  /**
   * Queues a message; it must not change until it was written.
   * @returns false when the caller should wait for onWritable
   */
  send(message: Uint8Array): boolean {
    checkMessage(message, 'request');
    if (this.ended) return true;
    const tooLong = this.tooLong(message);
    if (tooLong !== undefined) {
      this.abandon(Status.RESOURCE_EXHAUSTED, tooLong);
      return true;
    }
    this.keep(message, false);
    const stream = this.stream;
    if (stream === undefined) return false;
    const wasPaused = stream.out.paused;
    const writable = stream.send(message, false);
    if (wasPaused) this.stopWriter(stream.writerRefusal());
    return writable;
  }

  /** No more messages. */
  halfClose(): void {
    if (this.ended) return;
    this.keep(undefined, true);
    this.stream?.halfClose();
  }

  /** Asks for so many more messages; nothing arrives unasked. */
  request(count: number): void {
    this.wanted += count;
    this.stream?.request(count);
  }

  /** Ends the call with CANCELLED; the server is told if it knows of the call. */
  cancel(details = 'cancelled by the caller'): void {
    this.abandon(Status.CANCELLED, details);
  }

  /** Ends the call for a reason of ours. */
  abandon(code: Status, details: string): void {
    if (this.ended) return;
    this.endedHere = true;
    this.stream?.cancel();
    this.finish(code, details, NO_FIELDS);
  }

  /** The deadline. */
  onTimer(): void {
    const { wheel } = this.placer;
    const startMs = this.wheelDeadline - this.timeoutMs;
    const reason = wheel.stalls.within(startMs, wheel.now()) ?? this.stall(false);
    this.abandon(Status.DEADLINE_EXCEEDED, deadlineText(this.timeoutMs, reason, this.lineMs));
  }

  /** Milliseconds that a call which has a stream was in the line for it. */
  private get lineMs(): number {
    const { stream, waitingSinceMs } = this;
    return stream === undefined || waitingSinceMs === 0 ? 0 : stream.out.queuedAt - waitingSinceMs;
  }

  /** What it waits for; undefined when that is nothing. @param detail the kernel is asked as well */
  stall(detail: boolean): StallReason | undefined {
    if (this.ended) return undefined;
    if (this.stream !== undefined) return this.stream.stall(detail);
    return this.inLine ? this.line.stallOf(this) : undefined;
  }

  explain(): string {
    return callText(this.ended, this.stall(true));
  }

  /** The call that this one is made for is over for its caller. */
  onParentCancelled(reason: string): void {
    // Its deadline has passed, which is told before anything else.
    if (this.timeoutMs <= 0 && this.options.parent?.deadline !== undefined) return;
    // Both have the same deadline: whoever notices first, the status is the same.
    if (this.isPastDeadline()) this.onTimer();
    else this.cancel(`the parent call was cancelled: ${reason}`);
  }

  // A writer that ignores `false` is stopped before it holds more than the queue may. One that
  // waits is not, however large its messages are: an empty account admits one of any size.
  private stopWriter(refusal: string | undefined): void {
    if (refusal === undefined) return;
    const cure = 'this call writes on; wait for onWritable after send() returns false';
    this.abandon(Status.RESOURCE_EXHAUSTED, `${refusal}; ${cure}`);
  }

  private keep(message: Uint8Array | undefined, last: boolean): void {
    if (this.committed) return;
    this.sent ??= [];
    this.sent.push({ message, last });
    const bytes = message === undefined ? 0 : message.length + MESSAGE_CHARGE;
    this.heldBytes += bytes;
    if (this.inLine) this.line.onHeld(this, bytes);
    this.countReplay();
  }

  /** What is kept for a retry only, and waits in no queue, has an account of its own. */
  private countReplay(): void {
    const { stream } = this;
    // What was not written is in the queue of its stream, whatever its size.
    if (stream === undefined || this.committed || !stream.written) return;
    const bytes = this.heldBytes - this.replayBytes;
    if (this.heldBytes <= REPLAY_BYTES && stream.keepForReplay(bytes)) this.replayBytes += bytes;
    else this.commit();
  }

  private dropReplay(): void {
    if (this.replayBytes > 0) this.stream?.dropReplay(this.replayBytes);
    this.replayBytes = 0;
  }

  /** Nothing is kept from now on, and so nothing is tried again. */
  private commit(): void {
    this.dropReplay();
    this.committed = true;
    this.first = undefined;
    this.sent = undefined;
    this.heldBytes = 0;
  }

  // Credentials.

  /** Where the call waits, if it does. */
  private get line(): CallLine {
    return this.awaitsCredentials ? this.placer.credentialsLine : this.placer;
  }

  private get authority(): string {
    return this.options.authority ?? this.placer.callDefaults.authority;
  }

  private fetchCredentials(
    common: CallCredentials | undefined,
    own: CallCredentials | undefined,
  ): void {
    const { security } = this.placer.callDefaults;
    if (security === 'none') {
      this.refuse(
        Status.UNAUTHENTICATED,
        'call credentials are sent over TLS only; connect with tls or send metadata instead',
      );
      return;
    }
    this.awaitsCredentials = true;
    if (!this.placer.credentialsLine.enter(this)) return;
    credentialFields(common, own, this.path, this.authority).then(
      (fields) => this.onCredentials(fields),
      (error: unknown) => {
        const { code, details } = failureOfCredentials(error);
        this.fail(code, details);
      },
    );
  }

  private onCredentials(made: HeaderFields): void {
    if (this.ended) return;
    this.line.withdraw(this);
    this.awaitsCredentials = false;
    this.fields = this.fields.length === 0 ? made : [...this.fields, ...made];
    this.metadataBytes = metadataCharge(this.fields);
    this.placer.place(this, false);
  }

  // What the channel does.

  /** Opens a stream on `transport`; false when its limits refused after all. */
  open(transport: ClientTransport, tracker: PickTracker | undefined): boolean {
    const unsendable = transport.unsendable(this.path, this.fields);
    if (unsendable !== undefined) {
      this.refuse(Status.RESOURCE_EXHAUSTED, unsendable);
      return true;
    }
    const stream = transport.newStream(
      this,
      this.path,
      this.fields,
      this.remainingMs(),
      this.maxReceiveLength(transport),
      sendingCodec(this.options.compress ?? this.placer.callDefaults.compress),
      this.options.authority,
    );
    if (stream === undefined) return false;
    this.stream = stream;
    if (this.record !== undefined) {
      stream.out.record = this.record;
      this.record.placed(transport);
    }
    if (tracker !== undefined) {
      this.tracker = tracker;
      tracker.onStart();
    }
    // Before anything that tells the listener, which may ask for more from there.
    if (this.wanted > 0) stream.request(this.wanted);
    if (this.first !== undefined) stream.send(this.first, true);
    if (this.sent !== undefined) this.replay(stream, this.sent);
    return true;
  }

  private replay(stream: ClientStream, sent: readonly SentMessage[]): void {
    let writable = true;
    for (const { message, last } of sent) {
      if (message !== undefined) writable = stream.send(message, false);
      if (last) stream.halfClose();
    }
    this.countReplay();
    // While the call waited `send` said false; it may go on now.
    if (writable && !this.ended) this.listener.onWritable();
  }

  private remainingMs(): number {
    if (this.timeoutMs === Number.POSITIVE_INFINITY) return -1;
    // The line is left by now; what the call waited there is gone from its time.
    const isFirst = this.waitingSinceMs === 0 && !this.retried && this.elapsedMs === 0;
    if (isFirst) return this.timeoutMs;
    return Math.max(1, Math.round(this.wheelDeadline - this.placer.wheel.now()));
  }

  private maxReceiveLength(transport: ClientTransport): number {
    const own = this.options.maxReceiveMessageLength ?? transport.maxReceiveMessageLength;
    const { settings } = this;
    return settings === undefined ? own : stricter(own, settings.maxResponseBytes);
  }

  /** Ends a call that gets no stream, for a reason of ours. */
  refuse(code: Status, details: string): void {
    this.endedHere = true;
    this.finish(code, details, NO_FIELDS);
  }

  /** Ends a call for which there is no backend, or no credentials: another attempt may find one. */
  fail(code: Status, details: string): void {
    this.finish(code, details, NO_FIELDS);
  }

  // ClientStreamListener.

  onHead(head: ResponseHead): void {
    if (!this.committed) this.commit();
    this.listener.onHeader(head.metadataFields);
  }

  onMessage(message: Buffer, compressed: boolean): void {
    this.wanted -= 1;
    this.listener.onMessage(message, compressed);
  }

  onWritable(): void {
    this.countReplay();
    this.listener.onWritable();
  }

  // Until here a request was queued, whatever its size, and a call not written is always retried.
  onSent(): void {
    this.countReplay();
  }

  isPastDeadline(): boolean {
    return this.wheelSlot >= 0 && this.placer.wheel.now() >= this.wheelDeadline;
  }

  onEnd(code: Status, details: string, trailers: HeaderFields, unprocessed: boolean): void {
    const again = unprocessed && !this.committed && !this.ended;
    // Never written: any number of times. Refused by the server: once (gRFC A6).
    if (again && (this.stream?.written === false || !this.retried)) {
      if (this.stream?.written !== false) this.retried = true;
      this.dropReplay();
      this.stream = undefined;
      this.endTracking(code, trailers, details);
      if (this.record !== undefined) this.recordAgain(this.record, code, details);
      this.placer.place(this, true);
      return;
    }
    this.finish(code, details, trailers);
  }

  private endTracking(code: Status, trailers: HeaderFields, details: string): void {
    const { tracker } = this;
    if (tracker === undefined) return;
    this.tracker = undefined;
    tracker.onEnd(code, trailers, details);
  }

  /** Whether this channel makes the call. */
  isOf(placer: CallPlacer): boolean {
    return placer === this.placer;
  }

  // For whoever listens to calls.

  private startRecord(): void {
    const { listener, path, placer } = this;
    if (listener instanceof Attempt) {
      this.record = listener.startRecord();
    } else {
      const call = new CallRecord(placer, path, listener.method);
      call.start();
      this.record = new AttemptRecord(call, 'first', 0);
    }
    if (this.record !== undefined) this.tellStart(this.record);
  }

  /** Listeners may add to the request metadata. */
  private tellStart(record: AttemptRecord): void {
    this.fields = record.start(this.fields);
    this.metadataBytes = this.fields.length === 0 ? 0 : metadataCharge(this.fields);
  }

  private recordAgain(before: AttemptRecord, code: Status, details: string): void {
    before.end(code, details);
    this.record = new AttemptRecord(before.call, 'transparent', before.previous);
    this.tellStart(this.record);
  }

  private endRecord(record: AttemptRecord, code: Status, details: string): void {
    record.end(code, details);
    if (!(this.listener instanceof Attempt)) record.call.end(code, details);
  }

  private finish(code: Status, details: string, trailers: HeaderFields): void {
    if (this.ended) return;
    this.ended = true;
    if (code === Status.OK) this.placer.counts.succeeded += 1;
    else this.placer.counts.failed += 1;
    this.endTracking(code, trailers, details);
    if (this.inLine) this.line.withdraw(this);
    if (this.wheelSlot >= 0) this.placer.wheel.remove(this);
    this.bond?.release();
    // The caller may hold the call for longer than what it sent.
    if (!this.committed) this.commit();
    if (this.record !== undefined) this.endRecord(this.record, code, details);
    this.listener.onEnd(code, details, trailers);
  }
}

function stricter(own: number, configured: number | undefined): number {
  return configured === undefined ? own : Math.min(own, configured);
}
