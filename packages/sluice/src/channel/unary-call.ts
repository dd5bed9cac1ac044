// A call with one response message, as a promise.
// Invariant: settles exactly once; a response of none or of two messages is an error of the server.

import { Metadata } from '../grpc/metadata.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { WriteRoom } from '../transport/message-pump.ts';
import type { Peer } from '../transport/peer.ts';
import type { CallHandle, FieldsListener } from './call-handle.ts';
import type { CallOptions } from './call-options.ts';
import { type Caller, type Failure, tellHeader, tellTrailer } from './caller-callbacks.ts';
import type { RequestListener } from './request-pump.ts';
import { type AnyMethod, decodeResponse } from './typed-messages.ts';

type Resolve = (message: unknown) => void;
type Reject = (error: unknown) => void;

/** Collects one response message and settles a promise with it, or with a StatusError. */
export class UnaryCall implements FieldsListener, Caller, RequestListener {
  readonly options: CallOptions;
  call: CallHandle | undefined;
  room: WriteRoom | undefined;
  failure: Failure | undefined;
  onPeer: ((peer: Peer) => void) | undefined;
  readonly method: AnyMethod | undefined;
  private readonly resolve: Resolve;
  private readonly reject: Reject;
  private message: Buffer | undefined;

  /** @param method whose codec makes the answer; without one it is bytes */
  constructor(
    method: AnyMethod | undefined,
    options: CallOptions,
    resolve: Resolve,
    reject: Reject,
  ) {
    this.options = options;
    this.call = undefined;
    this.room = undefined;
    this.failure = undefined;
    this.onPeer = options.onPeer;
    this.method = method;
    this.resolve = resolve;
    this.reject = reject;
    this.message = undefined;
  }

  /** Binds the call; asks for the message and for what must not follow it. */
  begin(call: CallHandle, request: Uint8Array | undefined): void {
    this.call = call;
    call.request(2);
    call.start(request);
  }

  onHeader(header: HeaderFields): void {
    tellHeader(this, header);
  }

  onMessage(message: Buffer): void {
    if (this.message === undefined) {
      this.message = message;
      return;
    }
    this.call?.abandon(Status.INTERNAL, 'the server sent more than one response message');
  }

  onWritable(): void {
    this.room?.open();
  }

  onEnd(code: Status, details: string, trailer: HeaderFields): void {
    this.room?.close();
    const failure = tellTrailer(this, code, details, trailer);
    if (failure !== undefined) {
      this.reject(failure.error);
    } else if (this.message === undefined) {
      const text = 'the server sent status OK without a message';
      this.reject(StatusError.ended(Status.INTERNAL, text, Metadata.fromFields(trailer)));
    } else if (this.method === undefined) {
      this.resolve(this.message);
    } else {
      this.decode(this.method, this.message, trailer);
    }
  }

  private decode(method: AnyMethod, message: Buffer, trailer: HeaderFields): void {
    let answer: unknown;
    try {
      answer = decodeResponse(method, message, trailer);
    } catch (error) {
      this.reject(error);
      return;
    }
    this.resolve(answer);
  }
}
