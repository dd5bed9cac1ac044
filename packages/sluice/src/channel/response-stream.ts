// The response messages of a streaming call, as an async iterable.
// Invariants: nothing is read ahead of the iteration; leaving it early cancels the call.

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { WriteRoom } from '../transport/message-pump.ts';
import { DONE, type MessageDecoder, MessageQueue } from '../transport/message-queue.ts';
import type { Peer } from '../transport/peer.ts';
import type { CallHandle, FieldsListener } from './call-handle.ts';
import type { CallOptions } from './call-options.ts';
import { type Caller, type Failure, tellHeader, tellTrailer } from './caller-callbacks.ts';
import type { RequestListener } from './request-pump.ts';
import { type AnyMethod, decodeResponse } from './typed-messages.ts';

const NO_FIELDS: HeaderFields = [];
const NEVER_BEGUN = { request: (): void => {} };

/** Messages in order; ends with the call, throws its StatusError unless it ended with OK. */
export class ResponseStream
  implements
    FieldsListener,
    Caller,
    RequestListener,
    MessageDecoder<unknown>,
    AsyncIterableIterator<unknown>
{
  readonly options: CallOptions;
  call: CallHandle | undefined;
  room: WriteRoom | undefined;
  failure: Failure | undefined;
  onPeer: ((peer: Peer) => void) | undefined;
  readonly method: AnyMethod | undefined;
  private readonly messages: MessageQueue<unknown>;

  /** @param method whose codec makes the messages; without one they are bytes */
  constructor(method: AnyMethod | undefined, options: CallOptions) {
    this.options = options;
    this.call = undefined;
    this.room = undefined;
    this.failure = undefined;
    this.onPeer = options.onPeer;
    this.method = method;
    this.messages = new MessageQueue(this);
  }

  /** Binds the call and starts it. */
  begin(call: CallHandle, request: Uint8Array | undefined): void {
    this.call = call;
    call.start(request);
  }

  /** The call is over before it was begun. */
  refuse(error: StatusError): void {
    this.messages.end(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return this.messages.next(this.call ?? NEVER_BEGUN);
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.call?.cancel('the caller left the iteration');
    this.messages.forgive();
    return Promise.resolve(DONE);
  }

  /** What the iteration hands out; a message that is none ends call and iteration. */
  decode(bytes: Buffer): unknown {
    try {
      return decodeResponse(this.method, bytes, NO_FIELDS);
    } catch (error) {
      this.messages.end(undefined);
      this.messages.forgive();
      this.call?.abandon(Status.INTERNAL, error instanceof StatusError ? error.details : '');
      throw error;
    }
  }

  onHeader(header: HeaderFields): void {
    tellHeader(this, header);
  }

  onMessage(message: Buffer): void {
    this.messages.push(message);
  }

  onWritable(): void {
    this.room?.open();
  }

  onEnd(code: Status, details: string, trailer: HeaderFields): void {
    this.room?.close();
    this.messages.end(tellTrailer(this, code, details, trailer)?.error);
  }
}
