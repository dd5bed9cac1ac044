// What a call is to interceptors, filters and pickers: statuses, listeners, the call itself.
// Invariant of the listener: a listener sees metadata, messages, status in this order, though each
// may pass them on later. Source: gRFC L5 (Node client interceptors).
// Not here: calls (call.ts), interceptors (client-interceptors.ts).

import type { AuthContext } from './auth-context.ts';
import type { CallCredentials } from './call-credentials.ts';
import type { Status } from './constants.ts';
import type { Deadline } from './deadline.ts';
import { Metadata } from './metadata.ts';
import type { ServerSurfaceCall } from './server-call.ts';

export interface CallStreamOptions {
  deadline: Deadline;
  /** Bits of `Propagate`. */
  flags: number;
  host: string;
  parentCall: ServerSurfaceCall | null;
}

export type PartialCallStreamOptions = Partial<CallStreamOptions>;

/** How a call ended. */
export interface StatusObject {
  code: Status;
  details: string;
  metadata: Metadata;
}

export type PartialStatusObject = Pick<StatusObject, 'code' | 'details'> & {
  metadata?: Metadata | null | undefined;
};

export interface StatusOrOk<T> {
  ok: true;
  value: T;
}

export interface StatusOrError {
  ok: false;
  error: StatusObject;
}

export type StatusOr<T> = StatusOrOk<T> | StatusOrError;

export function statusOrFromValue<T>(value: T): StatusOr<T> {
  return { ok: true, value };
}

/** The status with metadata, which are empty if there were none. */
export function statusOrFromError<T>(error: PartialStatusObject): StatusOr<T> {
  return { ok: false, error: { ...error, metadata: error.metadata ?? new Metadata() } };
}

// biome-ignore lint/suspicious/noConstEnum: the published type
export const enum WriteFlags {
  BufferHint = 1,
  NoCompress = 2,
  WriteThrough = 4,
}

export interface WriteObject {
  message: Buffer;
  /** Bits of `WriteFlags`. */
  flags?: number;
}

export type MetadataListener = (metadata: Metadata, next: (metadata: Metadata) => void) => void;

export interface MessageListener {
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  (message: any, next: (message: any) => void): void;
}

export type StatusListener = (status: StatusObject, next: (status: StatusObject) => void) => void;

/** What an interceptor gives: each method passes on by `next`, now or later. */
export interface FullListener {
  onReceiveMetadata: MetadataListener;
  onReceiveMessage: MessageListener;
  onReceiveStatus: StatusListener;
}

export type Listener = Partial<FullListener>;

/** What a call reports to. */
export interface InterceptingListener {
  onReceiveMetadata(metadata: Metadata): void;
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  onReceiveMessage(message: any): void;
  onReceiveStatus(status: StatusObject): void;
}

/** Told by the number of arguments: those of a `Listener` take `next` too. */
export function isInterceptingListener(
  listener: Listener | InterceptingListener,
): listener is InterceptingListener {
  return listener.onReceiveMetadata !== undefined && listener.onReceiveMetadata.length === 1;
}

/** Puts an interceptor's listener before the next one; holds back what came too early. */
export class InterceptingListenerImpl implements InterceptingListener {
  private listener: FullListener;
  private nextListener: InterceptingListener;
  private processingMetadata: boolean;
  private hasPendingMessage: boolean;
  private pendingMessage: unknown;
  private processingMessage: boolean;
  private pendingStatus: StatusObject | null;

  constructor(listener: FullListener, nextListener: InterceptingListener) {
    this.listener = listener;
    this.nextListener = nextListener;
    this.processingMetadata = false;
    this.hasPendingMessage = false;
    this.pendingMessage = undefined;
    this.processingMessage = false;
    this.pendingStatus = null;
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.processingMetadata = true;
    this.listener.onReceiveMetadata(metadata, (changed) => {
      this.processingMetadata = false;
      this.nextListener.onReceiveMetadata(changed);
      this.processPendingMessage();
      this.processPendingStatus();
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: the published type
  onReceiveMessage(message: any): void {
    this.processingMessage = true;
    this.listener.onReceiveMessage(message, (changed) => {
      this.processingMessage = false;
      if (this.processingMetadata) {
        this.pendingMessage = changed;
        this.hasPendingMessage = true;
        return;
      }
      this.nextListener.onReceiveMessage(changed);
      this.processPendingStatus();
    });
  }

  onReceiveStatus(status: StatusObject): void {
    this.listener.onReceiveStatus(status, (changed) => {
      if (this.processingMetadata || this.processingMessage) this.pendingStatus = changed;
      else this.nextListener.onReceiveStatus(changed);
    });
  }

  private processPendingMessage(): void {
    if (!this.hasPendingMessage) return;
    const message = this.pendingMessage;
    this.pendingMessage = undefined;
    this.hasPendingMessage = false;
    this.nextListener.onReceiveMessage(message);
  }

  private processPendingStatus(): void {
    const status = this.pendingStatus;
    if (status === null || this.processingMessage) return;
    this.pendingStatus = null;
    this.nextListener.onReceiveStatus(status);
  }
}

export type WriteCallback = (error?: Error | null) => void;

export interface MessageContext {
  callback?: WriteCallback;
  /** Bits of `WriteFlags`. */
  flags?: number;
}

/** One call, as interceptors and the surface drive it. */
export interface Call {
  cancelWithStatus(status: Status, details: string): void;
  getPeer(): string;
  start(metadata: Metadata, listener: InterceptingListener): void;
  sendMessageWithContext(context: MessageContext, message: Buffer): void;
  startRead(): void;
  halfClose(): void;
  getCallNumber(): number;
  setCredentials(credentials: CallCredentials): void;
  getAuthContext(): AuthContext | null;
}

export interface DeadlineInfoProvider {
  getDeadlineInfo(): string[];
}
