// What client methods return: an emitter for a unary call, Node streams in object mode for the others,
// and the error that a call ends with.
// Invariants: a stream's methods do what Node's streams do, and each asks the call for one message or
// gives it one at a time; a stream that is destroyed before its call has ended cancels the call.
// Not here: who tells them what happens (call-listeners.ts), the call itself (channel-call.ts).
// biome-ignore-all lint/complexity/noBannedTypes: the published types

import { EventEmitter } from 'node:events';
import { Duplex, Readable, Writable } from 'node:stream';
import type { AuthContext } from './auth-context.ts';
import type { MessageContext, StatusObject } from './call-interface.ts';
import { type CallSite, errorAt } from './call-site.ts';
import type { InterceptingCallInterface } from './client-interceptors.ts';
import { Status } from './constants.ts';
import type { EmitterAugmentation1 } from './events.ts';
import type { Metadata } from './metadata.ts';
import type { ObjectReadable, ObjectWritable, WriteCallback } from './object-stream.ts';
import { WriteRoom } from './write-room.ts';

/** The error of a call that did not end with OK. */
export type ServiceError = StatusObject & Error;

/** What all of them have. */
export type SurfaceCall = {
  call?: InterceptingCallInterface;
  cancel(): void;
  getPeer(): string;
  getAuthContext(): AuthContext | null;
} & EmitterAugmentation1<'metadata', Metadata> &
  EmitterAugmentation1<'status', StatusObject> &
  EventEmitter;

export type ClientUnaryCall = SurfaceCall;

export type ClientReadableStream<ResponseType> = {
  deserialize: (chunk: Buffer) => ResponseType;
} & SurfaceCall &
  ObjectReadable<ResponseType>;

export type ClientWritableStream<RequestType> = {
  serialize: (value: RequestType) => Buffer;
} & SurfaceCall &
  ObjectWritable<RequestType>;

export type ClientDuplexStream<RequestType, ResponseType> = ClientWritableStream<RequestType> &
  ClientReadableStream<ResponseType>;

/**
 * The error of a status.
 * @param callerStack where the call was made, as lines of a stack
 */
export function callErrorFromStatus(status: StatusObject, callerStack: string): ServiceError {
  const message = `${status.code} ${Status[status.code]}: ${status.details}`;
  const error = new Error(message);
  const stack = `${error.stack}\nfor call at\n${callerStack}`;
  return Object.assign(error, status, { stack });
}

/** The same for a call of this package. */
export function callErrorAt(status: StatusObject, site: CallSite): ServiceError {
  const { code, details } = status;
  return Object.assign(errorAt(`${code} ${Status[code]}: ${details}`, site), status);
}

const UNKNOWN_PEER = 'unknown';

function cancel(call: InterceptingCallInterface | undefined): void {
  call?.cancelWithStatus(Status.CANCELLED, 'Cancelled on client');
}

/** Gives a call one message; a numeric encoding is the flags of it. */
function send(
  call: InterceptingCallInterface | undefined,
  chunk: unknown,
  encoding: string,
  callback: WriteCallback,
): void {
  const context: MessageContext = { callback };
  const flags = Number(encoding);
  if (!Number.isNaN(flags)) context.flags = flags;
  call?.sendMessageWithContext(context, chunk);
}

/** Of streams whose call has ended: destroying them cancels nothing any more. */
const ended: WeakSet<object> = new WeakSet();

/** The status of a stream's call is known. */
export function noteEnded(stream: object): void {
  ended.add(stream);
}

export class ClientUnaryCallImpl extends EventEmitter implements ClientUnaryCall {
  declare call?: InterceptingCallInterface;

  cancel(): void {
    cancel(this.call);
  }

  getPeer(): string {
    return this.call?.getPeer() ?? UNKNOWN_PEER;
  }

  getAuthContext(): AuthContext | null {
    return this.call?.getAuthContext() ?? null;
  }
}

export class ClientReadableStreamImpl<ResponseType>
  extends Readable
  implements ClientReadableStream<ResponseType>
{
  readonly deserialize: (chunk: Buffer) => ResponseType;
  declare call?: InterceptingCallInterface;

  constructor(deserialize: (chunk: Buffer) => ResponseType) {
    super({ objectMode: true });
    this.deserialize = deserialize;
  }

  cancel(): void {
    cancel(this.call);
  }

  getPeer(): string {
    return this.call?.getPeer() ?? UNKNOWN_PEER;
  }

  getAuthContext(): AuthContext | null {
    return this.call?.getAuthContext() ?? null;
  }

  override _read(_size: number): void {
    this.call?.startRead();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!ended.has(this)) this.cancel();
    callback(error);
  }
}

export class ClientWritableStreamImpl<RequestType>
  extends Writable
  implements ClientWritableStream<RequestType>
{
  readonly serialize: (value: RequestType) => Buffer;
  private readonly room: WriteRoom;
  declare call?: InterceptingCallInterface;

  constructor(serialize: (value: RequestType) => Buffer) {
    super({ objectMode: true });
    this.serialize = serialize;
    this.room = new WriteRoom(this);
  }

  cancel(): void {
    cancel(this.call);
  }

  getPeer(): string {
    return this.call?.getPeer() ?? UNKNOWN_PEER;
  }

  getAuthContext(): AuthContext | null {
    return this.call?.getAuthContext() ?? null;
  }

  // biome-ignore lint/suspicious/noExplicitAny: the published type
  override write(chunk: any, encoding?: any, cb?: any): boolean {
    return this.room.tell(super.write(chunk, encoding, cb));
  }

  override _write(chunk: RequestType, encoding: string, cb: WriteCallback): void {
    send(this.call, chunk, encoding, this.room.enter(cb));
  }

  override _final(cb: Function): void {
    this.call?.halfClose();
    cb();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // Node destroys it once all was written, while the answer is still to come.
    if (!ended.has(this) && !this.writableFinished) this.cancel();
    callback(error);
  }
}

export class ClientDuplexStreamImpl<RequestType, ResponseType>
  extends Duplex
  implements ClientDuplexStream<RequestType, ResponseType>
{
  readonly serialize: (value: RequestType) => Buffer;
  private readonly room: WriteRoom;
  readonly deserialize: (chunk: Buffer) => ResponseType;
  declare call?: InterceptingCallInterface;

  constructor(
    serialize: (value: RequestType) => Buffer,
    deserialize: (chunk: Buffer) => ResponseType,
  ) {
    super({ objectMode: true });
    this.serialize = serialize;
    this.room = new WriteRoom(this);
    this.deserialize = deserialize;
  }

  cancel(): void {
    cancel(this.call);
  }

  getPeer(): string {
    return this.call?.getPeer() ?? UNKNOWN_PEER;
  }

  getAuthContext(): AuthContext | null {
    return this.call?.getAuthContext() ?? null;
  }

  override _read(_size: number): void {
    this.call?.startRead();
  }

  // biome-ignore lint/suspicious/noExplicitAny: the published type
  override write(chunk: any, encoding?: any, cb?: any): boolean {
    return this.room.tell(super.write(chunk, encoding, cb));
  }

  override _write(chunk: RequestType, encoding: string, cb: WriteCallback): void {
    send(this.call, chunk, encoding, this.room.enter(cb));
  }

  override _final(cb: Function): void {
    this.call?.halfClose();
    cb();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!ended.has(this)) this.cancel();
    callback(error);
  }
}
