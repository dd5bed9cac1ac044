// A call of the runtime as interceptors and handlers see it: messages as objects, reads one by one,
// one status.
// Invariants: messages come only for reads; the half-close is told once, for a read; nothing goes out
// behind the status; the runtime's slot is given back when the call is over for its handler.
// Not here: what handlers hold (server-surfaces.ts), what runs them (server-exchange.ts).

import { type ServerCall, type ServerContext, uncompressed } from 'sluice';
import type { AuthContext } from './auth-context.ts';
import type { PartialStatusObject } from './call-interface.ts';
import { authContextOf } from './call-peer.ts';
import { Status } from './constants.ts';
import type { Deadline } from './deadline.ts';
import type { Metadata } from './metadata.ts';
import { fromSluice, isMetadata, toSluice } from './metadata-bridge.ts';
import { GRPC_METRICS_HEADER, PerRequestMetricRecorder } from './orca.ts';
import type { Handler } from './server-call.ts';
import type { ServerCallSettings } from './server-call-settings.ts';
import { connectionInfo, peerText } from './server-connection.ts';
import type {
  ConnectionInfo,
  InterceptingServerListener,
  ServerInterceptingCallInterface,
} from './server-interceptors.ts';
import { throwLater } from './thrown-later.ts';
import { answered, awaitAnswer } from './unanswered-calls.ts';

/** Bytes before each message, which what is told of one that is too large counts as well. */
const PREFIX = 5;

/** Of `flags`, the bit that says: as it is, whatever the call's encoding. */
const NO_COMPRESS = 2;

/** The report of a handler that recorded nothing: a message without fields. */
const NOTHING_RECORDED = Buffer.alloc(0);

/** Whether the half-close came, and was told. */
const HalfClose = { awaited: 0, received: 1, told: 2 } as const;

export class BaseServerInterceptingCall implements ServerInterceptingCallInterface {
  private readonly call: ServerCall;
  private readonly context: ServerContext;
  private readonly handler: Handler<unknown, unknown>;
  private readonly settings: ServerCallSettings;
  private listener: InterceptingServerListener | null;
  private received: Metadata | null;
  private recorder: PerRequestMetricRecorder | null;
  /** Called once there is room for more. */
  private writeDone: (() => void) | null;
  /** Messages that were asked for before anybody read. */
  private ahead: number;
  private readPending: boolean;
  private halfClose: number;
  private metadataSent: boolean;
  private ended: boolean;
  private cancelled: boolean;

  /** @internal */
  constructor(
    call: ServerCall,
    context: ServerContext,
    handler: Handler<unknown, unknown>,
    settings: ServerCallSettings,
  ) {
    this.call = call;
    this.context = context;
    this.handler = handler;
    this.settings = settings;
    this.listener = null;
    this.received = null;
    this.recorder = null;
    this.writeDone = null;
    this.ahead = 0;
    this.readPending = false;
    this.halfClose = HalfClose.awaited;
    this.metadataSent = false;
    this.ended = false;
    this.cancelled = false;
  }

  /** Request metadata. */
  get metadata(): Metadata {
    if (this.received === null) {
      this.received = fromSluice(this.context.metadata);
      this.received.remove('accept-encoding');
    }
    return this.received;
  }

  start(listener: InterceptingServerListener): void {
    if (this.cancelled) {
      listener.onCancel();
      return;
    }
    this.listener = listener;
    listener.onReceiveMetadata(this.metadata);
  }

  /** As `start`, for a listener that needs no telling of metadata and will read so many times. */
  listen(listener: InterceptingServerListener, ahead: number): void {
    this.listener = listener;
    this.ahead = ahead;
    if (ahead > 0) this.call.request(ahead);
  }

  startRead(): void {
    if (this.ended || this.cancelled) return;
    this.readPending = true;
    if (this.halfClose === HalfClose.received) this.tellHalfClose();
    else if (this.ahead > 0) this.ahead -= 1;
    else this.call.request(1);
  }

  // What the handler sends.

  sendMetadata(metadata: Metadata): void {
    if (this.ended || this.cancelled || this.metadataSent) return;
    // Programs without types give none for an empty one.
    const header = metadata ? toSluice(checked(metadata)) : undefined;
    this.metadataSent = true;
    this.context.sendHeader(header);
  }

  sendMessage(message: unknown, callback: () => void): void {
    if (this.ended || this.cancelled) return;
    if (this.send(message, 0)) callback();
    else if (!this.ended && !this.cancelled) this.writeDone = callback;
  }

  /** The only message of a call, and OK; without waiting for room. */
  reply(message: unknown, metadata: Metadata | null | undefined, flags: number): void {
    if (!this.ended && !this.cancelled) this.send(message, flags);
    this.end(Status.OK, '', metadata);
  }

  /** False: there is room again with `onWritable`, unless the call has ended. */
  private send(message: unknown, flags: number): boolean {
    const { maxSendMessageLength } = this.settings;
    try {
      const bytes = this.handler.serialize(message);
      if (bytes.length > maxSendMessageLength) {
        const framed = bytes.length + PREFIX;
        const text = `Sent message larger than max (${framed} vs. ${maxSendMessageLength})`;
        this.end(Status.RESOURCE_EXHAUSTED, text, null);
        return false;
      }
      this.metadataSent = true;
      return this.call.send((flags & NO_COMPRESS) === 0 ? bytes : uncompressed(bytes));
    } catch {
      this.end(Status.INTERNAL, 'Error serializing response', null);
      return false;
    }
  }

  sendStatus(status: PartialStatusObject): void {
    const { code, details, metadata } = status;
    // Programs say "OK"; without it a good end is two bytes.
    const text = code === Status.OK && details === 'OK' ? '' : String(details ?? '');
    this.end(Number.isInteger(code) ? code : Status.UNKNOWN, text, metadata);
  }

  private end(code: Status, details: string, metadata: Metadata | null | undefined): void {
    if (this.ended) return;
    this.ended = true;
    if (this.cancelled) answered(this.call);
    const { context, recorder } = this;
    if (isMetadata(metadata)) context.trailer.merge(toSluice(metadata));
    if (this.settings.sendsMetrics) {
      context.trailer.append(GRPC_METRICS_HEADER, recorder?.serialize() ?? NOTHING_RECORDED);
    }
    this.call.end(code, details);
    this.over();
  }

  // What the runtime tells.

  onMessage(bytes: Buffer): void {
    this.readPending = false;
    let message: unknown;
    try {
      message = this.handler.deserialize(bytes);
    } catch {
      this.end(Status.INTERNAL, 'Error deserializing request', null);
      return;
    }
    this.listener?.onReceiveMessage(message);
  }

  onHalfClose(): void {
    this.halfClose = HalfClose.received;
    if (this.readPending) this.tellHalfClose();
  }

  private tellHalfClose(): void {
    this.readPending = false;
    this.halfClose = HalfClose.told;
    this.listener?.onReceiveHalfClose();
  }

  onWritable(): void {
    const { writeDone } = this;
    this.writeDone = null;
    if (writeDone !== null) writeDone();
  }

  onCancel(): void {
    this.cancelled = true;
    this.writeDone = null;
    // A handler that answers with a stream has nothing to say any more, and one of a single request
    // begins with the half-close.
    const { type } = this.handler;
    if (type === 'clientStream' || (type === 'unary' && this.halfClose === HalfClose.told)) {
      awaitAnswer(this.call);
    } else {
      this.call.end(Status.CANCELLED);
    }
    this.over();
  }

  /** The listener hears of the end once, whoever caused it, and of nothing after it. */
  private over(): void {
    const { listener } = this;
    this.listener = null;
    if (listener !== null) tellLater(listener);
  }

  // What is known of the call.

  getPeer(): string {
    return peerText(this.context.peer);
  }

  getDeadline(): Deadline {
    return this.context.deadline?.getTime() ?? Number.POSITIVE_INFINITY;
  }

  getHost(): string {
    return this.context.authority;
  }

  getAuthContext(): AuthContext {
    const context = authContextOf(this.context.peer);
    // Of a client that showed no certificate nothing is known.
    return context?.sslPeerCertificate === undefined ? {} : context;
  }

  getConnectionInfo(): ConnectionInfo {
    return connectionInfo(this.context.peer);
  }

  getMetricsRecorder(): PerRequestMetricRecorder {
    this.recorder ??= new PerRequestMetricRecorder();
    return this.recorder;
  }
}

function checked(metadata: Metadata): Metadata {
  if (isMetadata(metadata)) return metadata;
  throw new TypeError('sendMetadata takes Metadata; make it with new Metadata()');
}

// Calls that are over, whose listeners hear of it together, behind the events that their end caused.
let over: InterceptingServerListener[] = [];

function tellLater(listener: InterceptingServerListener): void {
  over.push(listener);
  if (over.length === 1) setImmediate(tellAll);
}

function tellAll(): void {
  const all = over;
  over = [];
  for (const listener of all) {
    try {
      listener.onCancel();
    } catch (error) {
      throwLater(error);
    }
  }
}
