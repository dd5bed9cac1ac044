// A unary call that no interceptor sees: from a client's method to the runtime below and back to the
// callback, by one object beside the emitter that the program holds.
// Invariants: it does what the same call through bottom-call.ts and channel-call.ts does; events that
// nobody listens to are not made; neither the callback nor an event comes before the method returned.
// Not here: calls with credentials of their own, or made for another call (channel-call.ts).

import type { AsyncResource } from 'node:async_hooks';
import type {
  CallListener,
  Call as SluiceCall,
  Metadata as SluiceMetadata,
  Status as SluiceStatus,
} from 'sluice';
import type { AuthContext } from './auth-context.ts';
import { type ClientUnaryCallImpl, callErrorAt } from './call.ts';
import type { StatusObject } from './call-interface.ts';
import { NO_MESSAGE, TOO_MANY_MESSAGES } from './call-listeners.ts';
import { authContextOf, peerNameOf } from './call-peer.ts';
import { callSettings, deadlineMs } from './call-settings.ts';
import type { CallSite } from './call-site.ts';
import { detailsOf, type EndedCall } from './call-status.ts';
import { callerContext } from './caller-context.ts';
import type { CallOptions, UnaryCallback } from './client.ts';
import type { InterceptingCallInterface } from './client-interceptors.ts';
import { Status } from './constants.ts';
import { getErrorMessage } from './error.ts';
import type { InternalChannel, OpenCall } from './internal-channel.ts';
import { Metadata } from './metadata.ts';
import { fromSluice } from './metadata-bridge.ts';
import { throwLater } from './thrown-later.ts';

/** No status yet. */
const NONE = -1;

export class DirectUnaryCall<ResponseType>
  implements CallListener, InterceptingCallInterface, OpenCall, EndedCall
{
  nextOpen: OpenCall | undefined;
  previousOpen: OpenCall | undefined;
  startMs: number;
  deadlineMs: number;
  private readonly channel: InternalChannel;
  private readonly surface: ClientUnaryCallImpl;
  private readonly deserialize: (bytes: Buffer) => ResponseType;
  private readonly site: CallSite;
  private readonly context: AsyncResource;
  private callback: UnaryCallback<ResponseType> | undefined;
  private call: SluiceCall | undefined;
  private message: Buffer | undefined;
  /** The runtime below is at work for us: the end is told when it has returned. */
  private entered: boolean;
  /** The headers were listened for: the end comes in a turn of its own. */
  private heard: boolean;
  /** The status that `cancelWithStatus` gave the call, or that it has ended with. */
  private code: Status | typeof NONE;
  private details: string;
  private trailer: SluiceMetadata | undefined;
  private ended: boolean;

  constructor(
    channel: InternalChannel,
    surface: ClientUnaryCallImpl,
    deserialize: (bytes: Buffer) => ResponseType,
    callback: UnaryCallback<ResponseType>,
    site: CallSite,
  ) {
    this.nextOpen = undefined;
    this.previousOpen = undefined;
    this.startMs = 0;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.channel = channel;
    this.surface = surface;
    this.deserialize = deserialize;
    this.site = site;
    this.context = callerContext();
    this.callback = callback;
    this.call = undefined;
    this.message = undefined;
    this.entered = false;
    this.heard = false;
    this.code = NONE;
    this.details = '';
    this.trailer = undefined;
    this.ended = false;
  }

  get target(): string {
    return this.channel.target;
  }

  /** Begins the call. */
  begin<RequestType>(
    path: string,
    serialize: (value: RequestType) => Uint8Array,
    argument: RequestType,
    metadata: Metadata | undefined,
    options: CallOptions | undefined,
  ): void {
    const { channel } = this;
    channel.add(this);
    this.startMs = Date.now();
    this.deadlineMs = deadlineMs(options?.deadline);
    let request: Uint8Array;
    try {
      request = serialize(argument);
    } catch (error) {
      const details = `Request message serialization failure: ${getErrorMessage(error)}`;
      this.cancelWithStatus(Status.INTERNAL, details);
      return;
    }
    this.entered = true;
    try {
      const { callCredentials } = channel;
      const { deadlineMs, startMs } = this;
      const host = options?.host;
      const settings = callSettings(
        deadlineMs,
        startMs,
        metadata,
        host,
        undefined,
        callCredentials,
      );
      const call = channel.sluice.call(path, settings, this, request);
      this.call = call;
      // The response, and what must not follow it.
      call.request(2);
    } catch (error) {
      this.settle(Status.INTERNAL, getErrorMessage(error), undefined);
    }
    this.leave();
  }

  private leave(): void {
    this.entered = false;
    if (this.ended) process.nextTick(tell, this);
  }

  // CallListener.

  onHeader(header: SluiceMetadata): void {
    if (this.surface.listenerCount('metadata') === 0) return;
    this.heard = true;
    try {
      this.context.runInAsyncScope(emitMetadata, undefined, this.surface, header);
    } catch (error) {
      throwLater(error);
    }
  }

  onMessage(message: Buffer): void {
    if (this.message === undefined) this.message = message;
    else this.cancelWithStatus(Status.UNIMPLEMENTED, TOO_MANY_MESSAGES);
  }

  onWritable(): void {
    // There is nothing more to send.
  }

  onEnd(code: SluiceStatus, details: string, trailer: SluiceMetadata): void {
    this.settle(code, details, trailer);
    if (this.entered) return;
    // Who waited for the headers may want to listen for more, which one read may have brought.
    if (this.heard) setImmediate(tell, this);
    else this.tell();
  }

  private settle(code: Status, details: string, trailer: SluiceMetadata | undefined): void {
    this.ended = true;
    // Cancelled with a status of its own.
    if (this.code !== NONE) return;
    this.code = code;
    this.details = detailsOf(code, details, this);
    this.trailer = trailer;
  }

  /** The end of the call, told once. */
  tell(): void {
    const { callback, message } = this;
    if (callback === undefined) return;
    this.callback = undefined;
    this.message = undefined;
    this.context.runInAsyncScope(tellCaller, undefined, this, callback, message);
    this.channel.remove(this);
  }

  /** In the context of the caller. */
  tellCaller(callback: UnaryCallback<ResponseType>, message: Buffer | undefined): void {
    try {
      if (this.code !== Status.OK) this.fail(callback, this.code, this.details);
      else if (message === undefined) this.fail(callback, Status.UNIMPLEMENTED, NO_MESSAGE);
      else this.succeed(callback, message);
      if (this.surface.listenerCount('status') > 0) this.surface.emit('status', this.status());
    } catch (error) {
      throwLater(error);
    }
  }

  private succeed(callback: UnaryCallback<ResponseType>, message: Buffer): void {
    let response: ResponseType;
    try {
      response = this.deserialize(message);
    } catch (error) {
      this.code = Status.INTERNAL;
      this.details = `Response message parsing error: ${getErrorMessage(error)}`;
      this.trailer = undefined;
      this.fail(callback, this.code, this.details);
      return;
    }
    if (response === null) this.fail(callback, Status.UNIMPLEMENTED, NO_MESSAGE);
    else callback(null, response);
  }

  private fail(callback: UnaryCallback<ResponseType>, code: number, details: string): void {
    const { metadata } = this.status();
    callback(callErrorAt({ code, details, metadata }, this.site));
  }

  private status(): StatusObject {
    const { trailer } = this;
    const metadata = trailer === undefined ? new Metadata() : fromSluice(trailer);
    return {
      code: this.code === NONE ? Status.UNKNOWN : this.code,
      details: this.details,
      metadata,
    };
  }

  // InterceptingCallInterface, as far as a call that is under way can still be driven.

  cancelWithStatus(status: Status, details: string): void {
    if (this.ended || this.code !== NONE) return;
    this.code = status;
    this.details = details;
    const { call, entered } = this;
    this.entered = true;
    if (call === undefined) this.ended = true;
    else call.cancel(details);
    this.entered = entered;
    if (!entered) this.leave();
  }

  getPeer(): string {
    return peerNameOf(this.call?.peer, this.channel.target);
  }

  getAuthContext(): AuthContext | null {
    return authContextOf(this.call?.peer);
  }

  start(): void {
    // It was started by its method.
  }

  sendMessageWithContext(): void {
    // It has sent its message.
  }

  sendMessage(): void {
    // As above.
  }

  startRead(): void {
    // It has asked for its response.
  }

  halfClose(): void {
    // Its message was its last.
  }

  // OpenCall.

  onChannelClosed(): void {
    if (this.call?.peer === undefined) {
      this.cancelWithStatus(Status.UNAVAILABLE, 'Channel closed before call started');
    }
  }
}

function emitMetadata(surface: ClientUnaryCallImpl, header: SluiceMetadata): void {
  surface.emit('metadata', fromSluice(header));
}

function tellCaller<ResponseType>(
  call: DirectUnaryCall<ResponseType>,
  callback: UnaryCallback<ResponseType>,
  message: Buffer | undefined,
): void {
  call.tellCaller(callback, message);
}

function tell<ResponseType>(call: DirectUnaryCall<ResponseType>): void {
  call.tell();
}
