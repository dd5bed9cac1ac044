// One call of a channel at the level of bytes: what interceptors and streams stand on.
// Invariants: the listener hears of nothing from inside the call that caused it, but for messages that
// it asked for, and of its status once, as the last thing; the callback of a message comes when the
// next one may be sent. What a listener throws goes to the process, not into the transport.
// Not here: codecs (client-interceptors.ts), unary calls without interceptors (direct-unary-call.ts).

import type { AsyncResource } from 'node:async_hooks';
import {
  type CallListener,
  type Call as SluiceCall,
  type CallCredentials as SluiceCallCredentials,
  type CallOptions as SluiceCallOptions,
  type Metadata as SluiceMetadata,
  type Status as SluiceStatus,
  uncompressed,
} from 'sluice';
import type { AuthContext } from './auth-context.ts';
import type { CallCredentials } from './call-credentials.ts';
import type {
  Call,
  InterceptingListener,
  MessageContext,
  StatusObject,
  WriteCallback,
} from './call-interface.ts';
import { authContextOf, peerNameOf } from './call-peer.ts';
import { callSettings, deadlineWithParent, propagates } from './call-settings.ts';
import { detailsOf, type EndedCall } from './call-status.ts';
import { callerContext } from './caller-context.ts';
import { Propagate, Status } from './constants.ts';
import type { Deadline } from './deadline.ts';
import { getErrorMessage } from './error.ts';
import type { InternalChannel, OpenCall } from './internal-channel.ts';
import { Metadata } from './metadata.ts';
import { fromSluice } from './metadata-bridge.ts';
import { PlainCredentials, type WaitingCall } from './plain-credentials.ts';
import type { ServerSurfaceCall } from './server-call.ts';
import { throwLater } from './thrown-later.ts';

/** A bit of `WriteFlags`, which is a const enum. */
const NO_COMPRESS = 2;

/** No status yet. */
const NONE = -1;

let lastCallNumber = 0;

export class ChannelCall implements Call, CallListener, OpenCall, EndedCall, WaitingCall {
  nextOpen: OpenCall | undefined;
  previousOpen: OpenCall | undefined;
  readonly target: string;
  readonly startMs: number;
  readonly deadlineMs: number;
  private readonly channel: InternalChannel;
  private readonly method: string;
  private readonly host: string | null | undefined;
  private readonly parent: ServerSurfaceCall | null | undefined;
  private readonly flags: number | null | undefined;
  private readonly callNumber: number;
  private readonly context: AsyncResource;
  private credentials: CallCredentials | undefined;
  private listener: InterceptingListener | undefined;
  private call: SluiceCall | undefined;
  /** Where the channel is a plain one, until they are made. */
  private plain: PlainCredentials | undefined;
  private plainOptions: SluiceCallOptions | undefined;
  /** Calls into the runtime below that have not returned: its end is told after them. */
  private depth: number;
  private onWritten: WriteCallback | undefined;
  private onCancelled: (() => void) | undefined;
  /** The status that `cancelWithStatus` gave the call, or that it has ended with. */
  private code: Status | typeof NONE;
  private details: string;
  private trailer: SluiceMetadata | undefined;
  private ended: boolean;

  constructor(
    channel: InternalChannel,
    method: string,
    deadline: Deadline | null | undefined,
    host: string | null | undefined,
    parent: ServerSurfaceCall | null | undefined,
    flags: number | null | undefined,
  ) {
    this.nextOpen = undefined;
    this.previousOpen = undefined;
    this.target = channel.target;
    this.startMs = Date.now();
    this.deadlineMs = deadlineWithParent(deadline, parent, flags);
    this.channel = channel;
    this.method = method;
    this.host = host;
    this.parent = parent;
    this.flags = flags;
    lastCallNumber += 1;
    this.callNumber = lastCallNumber;
    this.context = callerContext();
    this.credentials = undefined;
    this.listener = undefined;
    this.call = undefined;
    this.plain = undefined;
    this.plainOptions = undefined;
    this.depth = 0;
    this.onWritten = undefined;
    this.onCancelled = undefined;
    this.code = NONE;
    this.details = '';
    this.trailer = undefined;
    this.ended = false;
  }

  // Call.

  getCallNumber(): number {
    return this.callNumber;
  }

  setCredentials(credentials: CallCredentials): void {
    this.credentials = this.credentials?.compose(credentials) ?? credentials;
  }

  getPeer(): string {
    return peerNameOf(this.call?.peer, this.target);
  }

  getAuthContext(): AuthContext | null {
    return authContextOf(this.call?.peer);
  }

  start(metadata: Metadata, listener: InterceptingListener): void {
    this.listener = listener;
    this.channel.add(this);
    if (this.code !== NONE) {
      this.endLater();
      return;
    }
    this.followParent();
    let options: SluiceCallOptions;
    try {
      const { channel, credentials, deadlineMs, host, startMs } = this;
      const common = channel.callCredentials;
      options = callSettings(deadlineMs, startMs, metadata, host, credentials, common);
    } catch (error) {
      this.cancelWithStatus(Status.INTERNAL, getErrorMessage(error));
      return;
    }
    if (options.credentials === undefined || this.channel.isSecure) this.begin(options);
    else this.fetchPlain(options.credentials, options);
  }

  private begin(options: SluiceCallOptions): void {
    this.depth += 1;
    try {
      this.call = this.channel.sluice.call(this.method, options, this);
    } catch (error) {
      this.settle(Status.INTERNAL, getErrorMessage(error), undefined);
    }
    this.leave();
  }

  sendMessageWithContext(context: MessageContext, message: Buffer): void {
    const { call, plain } = this;
    if (call === undefined) {
      if (plain === undefined) context.callback?.();
      else plain.hold(() => this.sendMessageWithContext(context, message));
      return;
    }
    const noCompress = ((context.flags ?? 0) & NO_COMPRESS) !== 0;
    let writable = true;
    this.depth += 1;
    try {
      writable = call.send(noCompress ? uncompressed(message) : message);
    } catch (error) {
      // What a codec made is no message.
      this.cancelWithStatus(Status.INTERNAL, getErrorMessage(error));
    }
    this.leave();
    const { callback } = context;
    if (callback === undefined) return;
    if (writable || this.ended) callback();
    else this.onWritten = callback;
  }

  startRead(): void {
    const { call, plain } = this;
    if (call === undefined) {
      plain?.hold(() => this.startRead());
      return;
    }
    this.depth += 1;
    call.request(1);
    this.leave();
  }

  halfClose(): void {
    const { call, plain } = this;
    if (call === undefined) plain?.hold(() => this.halfClose());
    else call.halfClose();
  }

  cancelWithStatus(status: Status, details: string): void {
    if (this.ended || this.code !== NONE) return;
    this.code = status;
    this.details = details;
    // Before its start it is only remembered.
    if (this.listener === undefined) return;
    const { call } = this;
    if (call === undefined) {
      this.plain?.drop();
      this.endLater();
      return;
    }
    this.depth += 1;
    call.cancel(details);
    this.leave();
  }

  // Its channel, and the call that it is made for.

  onChannelClosed(): void {
    if (this.call?.peer === undefined) {
      this.cancelWithStatus(Status.UNAVAILABLE, 'Channel closed before call started');
    }
  }

  private followParent(): void {
    const { flags, parent } = this;
    if (parent === null || parent === undefined) return;
    if (!propagates(flags, Propagate.CANCELLATION)) return;
    const cancel = (): void => {
      this.cancelWithStatus(Status.CANCELLED, 'Cancelled by parent call');
    };
    this.onCancelled = cancel;
    parent.on('cancelled', cancel);
  }

  private fetchPlain(credentials: SluiceCallCredentials, options: SluiceCallOptions): void {
    const { authority = this.channel.authority } = options;
    this.plainOptions = options;
    this.plain = new PlainCredentials(this);
    this.plain.fetch(credentials, this.method, authority, this.deadlineMs);
  }

  /** WaitingCall. */
  onCredentials(made: SluiceMetadata): void {
    const { deadlineMs, plain, plainOptions } = this;
    this.plain = undefined;
    if (plainOptions === undefined) return;
    const timeoutMs = deadlineMs === Number.POSITIVE_INFINITY ? undefined : deadlineMs - Date.now();
    const metadata = plainOptions.metadata?.clone().merge(made) ?? made;
    this.begin({ ...plainOptions, credentials: undefined, timeoutMs, metadata });
    plain?.release();
  }

  // CallListener.

  onHeader(header: SluiceMetadata): void {
    try {
      this.context.runInAsyncScope(tellMetadata, undefined, this.listener, header);
    } catch (error) {
      throwLater(error);
    }
  }

  onMessage(message: Buffer): void {
    try {
      this.context.runInAsyncScope(tellMessage, undefined, this.listener, message);
    } catch (error) {
      throwLater(error);
    }
  }

  onWritable(): void {
    const { onWritten } = this;
    if (onWritten === undefined) return;
    this.onWritten = undefined;
    try {
      this.context.runInAsyncScope(onWritten);
    } catch (error) {
      throwLater(error);
    }
  }

  onEnd(code: SluiceStatus, details: string, trailer: SluiceMetadata): void {
    this.settle(code, details, trailer);
    if (this.depth === 0) this.tell();
  }

  private settle(code: Status, details: string, trailer: SluiceMetadata | undefined): void {
    if (this.ended) return;
    this.ended = true;
    if (this.code !== NONE) return;
    this.code = code;
    this.details = detailsOf(code, details, this);
    this.trailer = trailer;
  }

  /** Back from the runtime below. */
  private leave(): void {
    this.depth -= 1;
    if (this.ended && this.depth === 0) this.endLater();
  }

  private endLater(): void {
    this.ended = true;
    // Without effect where it was told meanwhile.
    process.nextTick(tell, this);
  }

  /** The end of the call, told once. */
  tell(): void {
    const { code, listener, onCancelled, plain, trailer } = this;
    if (listener === undefined || code === NONE) return;
    this.listener = undefined;
    this.plain = undefined;
    plain?.release();
    if (onCancelled !== undefined) this.parent?.removeListener('cancelled', onCancelled);
    this.onWritable();
    const metadata = trailer === undefined ? new Metadata() : fromSluice(trailer);
    try {
      const status = { code, details: this.details, metadata };
      this.context.runInAsyncScope(tellStatus, undefined, listener, status);
    } catch (error) {
      throwLater(error);
    }
    this.channel.remove(this);
  }
}

type Told = InterceptingListener | undefined;

function tellMetadata(listener: Told, header: SluiceMetadata): void {
  listener?.onReceiveMetadata(fromSluice(header));
}

function tellMessage(listener: Told, message: Buffer): void {
  listener?.onReceiveMessage(message);
}

function tellStatus(listener: InterceptingListener, status: StatusObject): void {
  listener.onReceiveStatus(status);
}

function tell(call: ChannelCall): void {
  call.tell();
}
