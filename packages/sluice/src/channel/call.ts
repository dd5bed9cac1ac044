// A client call from its start to its one status: the deadline, cancellation, the wait for a stream
// and the one transparent retry of a call the server never saw.
// Invariants: the listener hears onEnd exactly once and nothing after it; messages are kept for a
// retry only until the server answered or they pass REPLAY_BYTES.
// gRFC A6 "transparent retries". Not here: which connection is used (channel.ts).

import { Metadata } from '../grpc/metadata.ts';
import { Status } from '../grpc/status.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { ClientStream, ClientStreamListener } from '../transport/client-stream.ts';
import { type ClientTransport, headCharge, metadataCharge } from '../transport/client-transport.ts';
import { MESSAGE_CHARGE, REPLAY_BYTES } from '../transport/limits.ts';
import { checkMessage } from '../transport/message-check.ts';
import type { ResponseHead } from '../transport/response-head.ts';
import type { TimerWheel, WheelTimer } from '../transport/timer-wheel.ts';

/** Per call. */
export interface CallOptions {
  /** Milliseconds from now to the deadline; none by default. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Request metadata. */
  readonly metadata?: Metadata | undefined;
  /** Wait for a connection even while the backend is unreachable; default false. */
  readonly waitForReady?: boolean | undefined;
  /** Response headers, once. */
  readonly onHeader?: ((header: Metadata) => void) | undefined;
  /** Trailers, once, before the call ends. */
  readonly onTrailer?: ((trailer: Metadata) => void) | undefined;
}

/** Who makes a call at the callback level. Exceptions thrown here are bugs and crash the process. */
export interface CallListener {
  onHeader(header: Metadata): void;
  /** A message that was asked for with `request`; the buffer is the listener's to keep. */
  onMessage(message: Buffer): void;
  /** Room again after `send` said false. */
  onWritable(): void;
  /** The last thing a call does. */
  onEnd(code: Status, details: string, trailer: Metadata): void;
}

/** What a call asks of its channel. */
export interface CallPlacer {
  readonly wheel: TimerWheel;
  /** Finds a stream, queues the call, or ends it. */
  place(call: ClientCall, again: boolean): void;
  /** A call in the line holds so many bytes more; it may be refused for it. */
  onHeld(call: ClientCall, bytes: number): void;
  /** The call left the line by itself. */
  withdraw(call: ClientCall): void;
  /** What a waiting call waits for. */
  waitReason(): string;
}

const NO_FIELDS: HeaderFields = [];

interface SentMessage {
  readonly message: Uint8Array | undefined;
  readonly last: boolean;
}

/** A call in progress: what `Channel.call` returns, seen as {@link Call}. */
export class ClientCall implements ClientStreamListener, WheelTimer {
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
  readonly metadataBytes: number;
  readonly path: string;
  readonly waitForReady: boolean;
  private readonly placer: CallPlacer;
  private readonly listener: CallListener;
  private readonly fields: HeaderFields;
  private readonly timeoutMs: number;
  private readonly signal: AbortSignal | undefined;
  private onAbort: (() => void) | undefined;
  private stream: ClientStream | undefined;
  private sent: SentMessage[] | undefined;
  private first: Uint8Array | undefined;
  private firstIsLast: boolean;
  private committed: boolean;
  private retried: boolean;
  private ended: boolean;
  /** Messages asked for and not here yet. */
  private wanted: number;
  private headSeen: boolean;

  constructor(placer: CallPlacer, path: string, options: CallOptions, listener: CallListener) {
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
    this.path = path;
    this.waitForReady = options.waitForReady ?? false;
    this.placer = placer;
    this.listener = listener;
    this.fields = options.metadata?.toFields() ?? NO_FIELDS;
    this.metadataBytes = this.fields.length === 0 ? 0 : metadataCharge(this.fields);
    this.timeoutMs = options.timeoutMs ?? Number.POSITIVE_INFINITY;
    this.signal = options.signal;
    this.onAbort = undefined;
    this.stream = undefined;
    this.sent = undefined;
    this.first = undefined;
    this.firstIsLast = false;
    this.committed = false;
    this.retried = false;
    this.ended = false;
    this.wanted = 0;
    this.headSeen = false;
  }

  /** True once onEnd was called. */
  get isEnded(): boolean {
    return this.ended;
  }

  /** Bytes the call takes of a connection's queue: its HEADERS and messages. */
  get queueBytes(): number {
    return this.heldBytes + headCharge(this.path, this.metadataBytes);
  }

  // What the caller does.

  /** Begins; `message` is the whole request of a call that sends one. */
  start(message: Uint8Array | undefined): void {
    if (message !== undefined) {
      checkMessage(message, 'request');
      this.first = message;
      this.firstIsLast = true;
      this.heldBytes = message.length;
    }
    if (typeof this.timeoutMs !== 'number' || Number.isNaN(this.timeoutMs)) {
      throw new RangeError(`timeoutMs is ${String(this.timeoutMs)}; it must be a number of ms`);
    }
    if (this.signal !== undefined && !this.watch(this.signal)) return;
    if (this.timeoutMs !== Number.POSITIVE_INFINITY) {
      if (this.timeoutMs <= 0) {
        this.finish(Status.DEADLINE_EXCEEDED, 'the deadline had passed before the call', NO_FIELDS);
        return;
      }
      this.placer.wheel.add(this, this.placer.wheel.now() + this.timeoutMs);
    }
    this.placer.place(this, false);
  }

  private watch(signal: AbortSignal): boolean {
    if (signal.aborted) {
      this.finish(Status.CANCELLED, 'the signal was aborted before the call', NO_FIELDS);
      return false;
    }
    this.onAbort = () => this.cancel('the signal was aborted');
    signal.addEventListener('abort', this.onAbort, { once: true });
    return true;
  }

  /**
   * Queues a message; it must not change until it was written.
   * @returns false when the caller should wait for onWritable
   */
  send(message: Uint8Array): boolean {
    checkMessage(message, 'request');
    if (this.ended) return true;
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
    this.stream?.cancel();
    this.finish(code, details, NO_FIELDS);
  }

  /** The deadline. */
  onTimer(): void {
    const waits = this.inLine ? `; the call waited: ${this.placer.waitReason()}` : '';
    const text = `deadline of ${this.timeoutMs} ms exceeded${waits}`;
    this.abandon(Status.DEADLINE_EXCEEDED, text);
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
    if (this.inLine) this.placer.onHeld(this, bytes);
    this.countReplay();
  }

  /** What is kept for a retry only, and waits in no queue, has an account of its own. */
  private countReplay(): void {
    const { stream } = this;
    if (stream === undefined || this.committed) return;
    const bytes = this.heldBytes - this.replayBytes;
    if (this.heldBytes > REPLAY_BYTES) this.commit();
    else if (!stream.written) return;
    else if (stream.keepForReplay(bytes)) this.replayBytes += bytes;
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

  // What the channel does.

  /** Opens a stream on `transport`; false when its limits refused after all. */
  open(transport: ClientTransport): boolean {
    const unsendable = transport.unsendable(this.path, this.fields);
    if (unsendable !== undefined) {
      this.finish(Status.RESOURCE_EXHAUSTED, unsendable, NO_FIELDS);
      return true;
    }
    const stream = transport.newStream(this, this.path, this.fields, this.remainingMs());
    if (stream === undefined) return false;
    this.stream = stream;
    if (this.first !== undefined) stream.send(this.first, this.firstIsLast);
    if (this.sent !== undefined) this.replay(stream, this.sent);
    if (this.wanted > 0) stream.request(this.wanted);
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
    if (writable) this.listener.onWritable();
  }

  private remainingMs(): number {
    if (this.timeoutMs === Number.POSITIVE_INFINITY) return -1;
    // The line is left by now; what the call waited there is gone from its time.
    if (this.waitingSinceMs === 0 && !this.retried) return this.timeoutMs;
    return Math.max(1, Math.round(this.wheelDeadline - this.placer.wheel.now()));
  }

  /** Ends a call that never got a stream. */
  refuse(code: Status, details: string): void {
    this.finish(code, details, NO_FIELDS);
  }

  // ClientStreamListener.

  onHead(head: ResponseHead): void {
    this.headSeen = true;
    if (!this.committed) this.commit();
    this.listener.onHeader(Metadata.fromFields(head.metadataFields));
  }

  onMessage(message: Buffer): void {
    this.wanted -= 1;
    this.listener.onMessage(message);
  }

  onWritable(): void {
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
    const again = unprocessed && !this.committed && !this.headSeen && !this.ended;
    // Never written: any number of times. Refused by the server: once (gRFC A6).
    if (again && (this.stream?.written === false || !this.retried)) {
      if (this.stream?.written !== false) this.retried = true;
      this.dropReplay();
      this.stream = undefined;
      this.placer.place(this, true);
      return;
    }
    this.finish(code, details, trailers);
  }

  private finish(code: Status, details: string, trailers: HeaderFields): void {
    if (this.ended) return;
    this.ended = true;
    if (this.inLine) this.placer.withdraw(this);
    if (this.wheelSlot >= 0) this.placer.wheel.remove(this);
    if (this.onAbort !== undefined) this.signal?.removeEventListener('abort', this.onAbort);
    // The caller may hold the call for longer than what it sent.
    if (!this.committed) this.commit();
    this.listener.onEnd(code, details, Metadata.fromFields(trailers));
  }
}
