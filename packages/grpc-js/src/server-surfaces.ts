// The objects that handlers hold: an emitter, a stream to read, to write, or both.
// Invariant: `metadata` is made when it is first read; a call that nobody asks for it pays nothing.
// Not here: how a call is run (server-exchange.ts), what its methods do (server-base-call.ts).
// Longer than 400 lines because all four have the methods of a call, and three inherit from Node's streams.

import { EventEmitter } from 'node:events';
import { Duplex, Readable, Writable } from 'node:stream';
import type { AuthContext } from './auth-context.ts';
import type { PartialStatusObject } from './call-interface.ts';
import { Status } from './constants.ts';
import type { Deadline } from './deadline.ts';
import { Metadata } from './metadata.ts';
import { isMetadata } from './metadata-bridge.ts';
import type { PerRequestMetricRecorder } from './orca.ts';
import type {
  ServerDuplexStream,
  ServerErrorResponse,
  ServerReadableStream,
  ServerStatusResponse,
  ServerUnaryCall,
  ServerWritableStream,
} from './server-call.ts';
import type { ServerInterceptingCallInterface } from './server-interceptors.ts';
import { serverErrorToStatus } from './server-status.ts';
import { WriteRoom } from './write-room.ts';

/** A call below a surface; one that was not intercepted makes its metadata when they are read. */
export interface SurfaceCall extends ServerInterceptingCallInterface {
  readonly metadata?: Metadata;
}

/** Whether a call ends with its stream, or with the handler's answer. */
export const EndsCall: { readonly byStream: 0; readonly byAnswer: 1 } = {
  byStream: 0,
  byAnswer: 1,
};

export class ServerUnaryCallImpl<RequestType, ResponseType>
  extends EventEmitter
  implements ServerUnaryCall<RequestType, ResponseType>
{
  request: RequestType;
  cancelled: boolean;
  private readonly path: string;
  private readonly call: SurfaceCall;
  private given: Metadata | null;

  constructor(path: string, call: SurfaceCall, metadata: Metadata | null, request: RequestType) {
    super();
    this.path = path;
    this.call = call;
    this.given = metadata;
    this.request = request;
    this.cancelled = false;
  }

  get metadata(): Metadata {
    this.given ??= metadataOf(this.call);
    return this.given;
  }

  set metadata(metadata: Metadata) {
    this.given = metadata;
  }

  /** An error is what the call ends with, though nobody listens; not by a listener, of which each costs. */
  // biome-ignore lint/suspicious/noExplicitAny: the type of Node
  override emit(event: string | symbol, ...args: any[]): boolean {
    if (event !== 'error') return super.emit(event, ...args);
    this.call.sendStatus(serverErrorToStatus(args[0]));
    if (this.listenerCount(event) > 0) super.emit(event, ...args);
    return true;
  }

  getPeer(): string {
    return this.call.getPeer();
  }

  sendMetadata(responseMetadata: Metadata): void {
    this.call.sendMetadata(responseMetadata);
  }

  getDeadline(): Deadline {
    return this.call.getDeadline();
  }

  getPath(): string {
    return this.path;
  }

  getHost(): string {
    return this.call.getHost();
  }

  getAuthContext(): AuthContext {
    return this.call.getAuthContext();
  }

  getMetricsRecorder(): PerRequestMetricRecorder {
    return this.call.getMetricsRecorder();
  }
}

export class ServerReadableStreamImpl<RequestType, ResponseType>
  extends Readable
  implements ServerReadableStream<RequestType, ResponseType>
{
  cancelled: boolean;
  private readonly path: string;
  private readonly call: SurfaceCall;
  private given: Metadata | null;
  private hasRead: boolean;

  constructor(path: string, call: SurfaceCall, metadata: Metadata | null) {
    super({ objectMode: true });
    this.path = path;
    this.call = call;
    this.given = metadata;
    this.hasRead = false;
    this.cancelled = false;
  }

  get metadata(): Metadata {
    this.given ??= metadataOf(this.call);
    return this.given;
  }

  set metadata(metadata: Metadata) {
    this.given = metadata;
  }

  override _read(_size: number): void {
    if (this.hasRead) {
      this.call.startRead();
    } else {
      this.hasRead = true;
      setImmediate(startRead, this.call);
    }
  }

  getPeer(): string {
    return this.call.getPeer();
  }

  sendMetadata(responseMetadata: Metadata): void {
    this.call.sendMetadata(responseMetadata);
  }

  getDeadline(): Deadline {
    return this.call.getDeadline();
  }

  getPath(): string {
    return this.path;
  }

  getHost(): string {
    return this.call.getHost();
  }

  getAuthContext(): AuthContext {
    return this.call.getAuthContext();
  }

  getMetricsRecorder(): PerRequestMetricRecorder {
    return this.call.getMetricsRecorder();
  }
}

/** Ends with OK unless an error is emitted, or it is destroyed with one. */
export class ServerWritableStreamImpl<RequestType, ResponseType>
  extends Writable
  implements ServerWritableStream<RequestType, ResponseType>
{
  request: RequestType;
  cancelled: boolean;
  private readonly path: string;
  private readonly call: SurfaceCall;
  private given: Metadata | null;
  private trailingMetadata: Metadata | null;
  private pendingStatus: PartialStatusObject;
  private readonly room: WriteRoom;

  constructor(path: string, call: SurfaceCall, metadata: Metadata | null, request: RequestType) {
    super({ objectMode: true });
    this.path = path;
    this.call = call;
    this.given = metadata;
    this.request = request;
    this.cancelled = false;
    this.trailingMetadata = null;
    this.pendingStatus = OK;
    this.room = new WriteRoom(this);
    // Emitters are the `this` of their listeners.
    this.on('error', this.failed);
  }

  get metadata(): Metadata {
    this.given ??= metadataOf(this.call);
    return this.given;
  }

  set metadata(metadata: Metadata) {
    this.given = metadata;
  }

  private failed(error: ServerErrorResponse | ServerStatusResponse): void {
    this.pendingStatus = serverErrorToStatus(error);
    this.end();
  }

  override _write(
    chunk: ResponseType,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): void {
    this.call.sendMessage(chunk, this.room.enter(callback));
  }

  /** False as soon as a message waits for the client, besides when Node says so. */
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  override write(chunk: any, encoding?: any, callback?: any): boolean {
    const room = super.write(chunk, encoding, callback);
    return this.cancelled ? room : this.room.tell(room);
  }

  override _final(callback: (error?: Error | null) => void): void {
    callback(null);
    this.call.sendStatus(withTrailers(this.pendingStatus, this.trailingMetadata));
  }

  /** Destroyed before its end, it cannot be ended any more: the call ends here. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.writableFinished) this.call.sendStatus(destroyedStatus(error));
    callback(error);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the published type
  override end(metadata?: any): this {
    if (isMetadata(metadata)) this.trailingMetadata = metadata;
    return super.end();
  }

  getPeer(): string {
    return this.call.getPeer();
  }

  sendMetadata(responseMetadata: Metadata): void {
    this.call.sendMetadata(responseMetadata);
  }

  getDeadline(): Deadline {
    return this.call.getDeadline();
  }

  getPath(): string {
    return this.path;
  }

  getHost(): string {
    return this.call.getHost();
  }

  getAuthContext(): AuthContext {
    return this.call.getAuthContext();
  }

  getMetricsRecorder(): PerRequestMetricRecorder {
    return this.call.getMetricsRecorder();
  }
}

/** As a stream that is written, and read as well. */
export class ServerDuplexStreamImpl<RequestType, ResponseType>
  extends Duplex
  implements ServerDuplexStream<RequestType, ResponseType>
{
  cancelled: boolean;
  private readonly path: string;
  private readonly call: SurfaceCall;
  private given: Metadata | null;
  private hasRead: boolean;
  private trailingMetadata: Metadata | null;
  private pendingStatus: PartialStatusObject;
  private readonly room: WriteRoom;
  private readonly endsCall: number;

  constructor(
    path: string,
    call: SurfaceCall,
    metadata: Metadata | null,
    endsCall: number = EndsCall.byStream,
  ) {
    super({ objectMode: true });
    this.path = path;
    this.call = call;
    this.given = metadata;
    this.hasRead = false;
    this.cancelled = false;
    this.trailingMetadata = null;
    this.pendingStatus = OK;
    this.room = new WriteRoom(this);
    this.endsCall = endsCall;
    // Emitters are the `this` of their listeners.
    this.on('error', this.failed);
  }

  get metadata(): Metadata {
    this.given ??= metadataOf(this.call);
    return this.given;
  }

  set metadata(metadata: Metadata) {
    this.given = metadata;
  }

  private failed(error: ServerErrorResponse | ServerStatusResponse): void {
    this.pendingStatus = serverErrorToStatus(error);
    this.end();
  }

  override _read(_size: number): void {
    if (this.hasRead) {
      this.call.startRead();
    } else {
      this.hasRead = true;
      setImmediate(startRead, this.call);
    }
  }

  override _write(
    chunk: ResponseType,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): void {
    this.call.sendMessage(chunk, this.room.enter(callback));
  }

  /** False as soon as a message waits for the client, besides when Node says so. */
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  override write(chunk: any, encoding?: any, callback?: any): boolean {
    const room = super.write(chunk, encoding, callback);
    return this.cancelled ? room : this.room.tell(room);
  }

  override _final(callback: (error?: Error | null) => void): void {
    callback(null);
    this.call.sendStatus(withTrailers(this.pendingStatus, this.trailingMetadata));
  }

  /** Destroyed before its end, it cannot be ended any more: the call ends here. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.endsCall === EndsCall.byStream && !this.writableFinished) {
      this.call.sendStatus(destroyedStatus(error));
    }
    callback(error);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the published type
  override end(metadata?: any): this {
    if (isMetadata(metadata)) this.trailingMetadata = metadata;
    return super.end();
  }

  getPeer(): string {
    return this.call.getPeer();
  }

  sendMetadata(responseMetadata: Metadata): void {
    this.call.sendMetadata(responseMetadata);
  }

  getDeadline(): Deadline {
    return this.call.getDeadline();
  }

  getPath(): string {
    return this.path;
  }

  getHost(): string {
    return this.call.getHost();
  }

  getAuthContext(): AuthContext {
    return this.call.getAuthContext();
  }

  getMetricsRecorder(): PerRequestMetricRecorder {
    return this.call.getMetricsRecorder();
  }
}

/**
 * For the first message: a handler that goes on in promises once it listens is to have come through
 * them, whatever the client sent at once.
 */
function startRead(call: SurfaceCall): void {
  call.startRead();
}

const OK: PartialStatusObject = { code: Status.OK, details: 'OK', metadata: null };

function metadataOf(call: SurfaceCall): Metadata {
  return call.metadata ?? new Metadata();
}

function withTrailers(status: PartialStatusObject, trailers: Metadata | null): PartialStatusObject {
  const { code, details, metadata } = status;
  // Interceptors add to them.
  return { code, details, metadata: metadata ?? trailers ?? new Metadata() };
}

function destroyedStatus(error: Error | null): PartialStatusObject {
  if (error !== null) return serverErrorToStatus(error);
  const details = 'the handler destroyed its stream before it ended it';
  return { code: Status.CANCELLED, details, metadata: null };
}
