// Server interceptors: what they are made of, and the call that an interceptor answers with.
// Invariant: order holds whatever an interceptor delays: metadata before messages, messages before
// the half-close or the status.
// Source: gRFC L112. Not here: the call below all interceptors (server-base-call.ts).

import type { AuthContext } from './auth-context.ts';
import type { PartialStatusObject } from './call-interface.ts';
import type { Deadline } from './deadline.ts';
import type { ServerMethodDefinition } from './make-client.ts';
import { Metadata } from './metadata.ts';
import type { PerRequestMetricRecorder } from './orca.ts';
import type { Handler } from './server-call.ts';

export { BaseServerInterceptingCall } from './server-base-call.ts';

export type ServerMetadataListener = (
  metadata: Metadata,
  next: (metadata: Metadata) => void,
) => void;

export interface ServerMessageListener {
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  (message: any, next: (message: any) => void): void;
}

export type ServerHalfCloseListener = (next: () => void) => void;

export type ServerCancelListener = () => void;

export interface FullServerListener {
  onReceiveMetadata: ServerMetadataListener;
  onReceiveMessage: ServerMessageListener;
  onReceiveHalfClose: ServerHalfCloseListener;
  onCancel: ServerCancelListener;
}

export type ServerListener = Partial<FullServerListener>;

export class ServerListenerBuilder {
  private readonly built: ServerListener = {};

  withOnReceiveMetadata(onReceiveMetadata: ServerMetadataListener): this {
    this.built.onReceiveMetadata = onReceiveMetadata;
    return this;
  }

  withOnReceiveMessage(onReceiveMessage: ServerMessageListener): this {
    this.built.onReceiveMessage = onReceiveMessage;
    return this;
  }

  withOnReceiveHalfClose(onReceiveHalfClose: ServerHalfCloseListener): this {
    this.built.onReceiveHalfClose = onReceiveHalfClose;
    return this;
  }

  withOnCancel(onCancel: ServerCancelListener): this {
    this.built.onCancel = onCancel;
    return this;
  }

  build(): ServerListener {
    return { ...this.built };
  }
}

export interface InterceptingServerListener {
  onReceiveMetadata(metadata: Metadata): void;
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  onReceiveMessage(message: any): void;
  onReceiveHalfClose(): void;
  onCancel(): void;
}

/** Told apart by the number of parameters: one that passes events on itself takes `next` as well. */
export function isInterceptingServerListener(
  listener: ServerListener | InterceptingServerListener,
): listener is InterceptingServerListener {
  return listener.onReceiveMetadata !== undefined && listener.onReceiveMetadata.length === 1;
}

export type StartResponder = (next: (listener?: ServerListener) => void) => void;

export type MetadataResponder = (metadata: Metadata, next: (metadata: Metadata) => void) => void;

export interface MessageResponder {
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  (message: any, next: (message: any) => void): void;
}

export type StatusResponder = (
  status: PartialStatusObject,
  next: (status: PartialStatusObject) => void,
) => void;

export interface FullResponder {
  start: StartResponder;
  sendMetadata: MetadataResponder;
  sendMessage: MessageResponder;
  sendStatus: StatusResponder;
}

export type Responder = Partial<FullResponder>;

export class ResponderBuilder {
  private readonly built: Responder = {};

  withStart(start: StartResponder): this {
    this.built.start = start;
    return this;
  }

  withSendMetadata(sendMetadata: MetadataResponder): this {
    this.built.sendMetadata = sendMetadata;
    return this;
  }

  withSendMessage(sendMessage: MessageResponder): this {
    this.built.sendMessage = sendMessage;
    return this;
  }

  withSendStatus(sendStatus: StatusResponder): this {
    this.built.sendStatus = sendStatus;
    return this;
  }

  build(): Responder {
    return { ...this.built };
  }
}

export interface ConnectionInfo {
  localAddress?: string | undefined;
  localPort?: number | undefined;
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
}

export interface ServerInterceptingCallInterface {
  /** Who hears of what comes in. */
  start(listener: InterceptingServerListener): void;
  sendMetadata(metadata: Metadata): void;
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  sendMessage(message: any, callback: () => void): void;
  /** Ends the call. */
  sendStatus(status: PartialStatusObject): void;
  /** Asks for one message, or the half-close. */
  startRead(): void;
  /** The client's address, or "unknown". */
  getPeer(): string;
  /** The client's deadline; Infinity when it set none. */
  getDeadline(): Deadline;
  /** `:authority` of the request. */
  getHost(): string;
  getAuthContext(): AuthContext;
  getConnectionInfo(): ConnectionInfo;
  /** What it records is sent if the server has `grpc.server_call_metric_recording`. */
  getMetricsRecorder(): PerRequestMetricRecorder;
}

/** Passes what comes in on through an interceptor's listener, in order. */
class InterceptedListener implements InterceptingServerListener {
  private readonly listener: ServerListener;
  private readonly next: InterceptingServerListener;
  private cancelled: boolean;
  private metadataBusy: boolean;
  private messageBusy: boolean;
  private hasMessage: boolean;
  private message: unknown;
  private hasHalfClose: boolean;

  constructor(listener: ServerListener, next: InterceptingServerListener) {
    this.listener = listener;
    this.next = next;
    this.cancelled = false;
    this.metadataBusy = false;
    this.messageBusy = false;
    this.hasMessage = false;
    this.message = undefined;
    this.hasHalfClose = false;
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.metadataBusy = true;
    if (this.listener.onReceiveMetadata === undefined) this.passMetadata(metadata);
    else this.listener.onReceiveMetadata(metadata, (passed) => this.passMetadata(passed));
  }

  private passMetadata(metadata: Metadata): void {
    this.metadataBusy = false;
    if (this.cancelled) return;
    this.next.onReceiveMetadata(metadata);
    this.flush();
  }

  onReceiveMessage(message: unknown): void {
    this.messageBusy = true;
    if (this.listener.onReceiveMessage === undefined) this.passMessage(message);
    else this.listener.onReceiveMessage(message, (passed) => this.passMessage(passed));
  }

  private passMessage(message: unknown): void {
    this.messageBusy = false;
    this.message = message;
    this.hasMessage = true;
    this.flush();
  }

  onReceiveHalfClose(): void {
    if (this.listener.onReceiveHalfClose === undefined) this.passHalfClose();
    else this.listener.onReceiveHalfClose(() => this.passHalfClose());
  }

  private passHalfClose(): void {
    this.hasHalfClose = true;
    this.flush();
  }

  onCancel(): void {
    this.cancelled = true;
    this.listener.onCancel?.();
    this.next.onCancel();
  }

  private flush(): void {
    if (this.cancelled || this.metadataBusy) return;
    if (this.hasMessage) {
      const { message } = this;
      this.hasMessage = false;
      this.message = undefined;
      this.next.onReceiveMessage(message);
    }
    if (!this.hasHalfClose || this.messageBusy || this.cancelled) return;
    this.hasHalfClose = false;
    this.next.onReceiveHalfClose();
  }
}

/** What an interceptor answers with: its call, with a responder for what the handler sends. */
export class ServerInterceptingCall implements ServerInterceptingCallInterface {
  private readonly nextCall: ServerInterceptingCallInterface;
  private readonly responder: Responder;
  private metadataBusy: boolean;
  private sentMetadata: boolean;
  private messageBusy: boolean;
  private hasMessage: boolean;
  private message: unknown;
  private messageCallback: (() => void) | null;
  private status: PartialStatusObject | null;

  constructor(nextCall: ServerInterceptingCallInterface, responder?: Responder) {
    this.nextCall = nextCall;
    this.responder = responder ?? {};
    this.metadataBusy = false;
    this.sentMetadata = false;
    this.messageBusy = false;
    this.hasMessage = false;
    this.message = undefined;
    this.messageCallback = null;
    this.status = null;
  }

  start(listener: InterceptingServerListener): void {
    const next = (own?: ServerListener): void =>
      this.nextCall.start(new InterceptedListener(own ?? {}, listener));
    if (this.responder.start === undefined) next();
    else this.responder.start(next);
  }

  sendMetadata(metadata: Metadata): void {
    this.metadataBusy = true;
    this.sentMetadata = true;
    if (this.responder.sendMetadata === undefined) this.passMetadata(metadata);
    else this.responder.sendMetadata(metadata, (passed) => this.passMetadata(passed));
  }

  private passMetadata(metadata: Metadata): void {
    this.metadataBusy = false;
    this.nextCall.sendMetadata(metadata);
    this.flush();
  }

  // biome-ignore lint/suspicious/noExplicitAny: the published type
  sendMessage(message: any, callback: () => void): void {
    this.messageBusy = true;
    if (!this.sentMetadata) this.sendMetadata(new Metadata());
    if (this.responder.sendMessage === undefined) this.passMessage(message, callback);
    else this.responder.sendMessage(message, (passed) => this.passMessage(passed, callback));
  }

  private passMessage(message: unknown, callback: () => void): void {
    this.messageBusy = false;
    this.hasMessage = true;
    this.message = message;
    this.messageCallback = callback;
    this.flush();
  }

  sendStatus(status: PartialStatusObject): void {
    if (this.responder.sendStatus === undefined) this.passStatus(status);
    else this.responder.sendStatus(status, (passed) => this.passStatus(passed));
  }

  private passStatus(status: PartialStatusObject): void {
    this.status = status;
    this.flush();
  }

  private flush(): void {
    if (this.metadataBusy) return;
    const { messageCallback } = this;
    if (this.hasMessage && messageCallback !== null) {
      const { message } = this;
      this.hasMessage = false;
      this.message = undefined;
      this.messageCallback = null;
      this.nextCall.sendMessage(message, messageCallback);
    }
    const { status } = this;
    if (status === null || this.messageBusy) return;
    this.status = null;
    this.nextCall.sendStatus(status);
  }

  startRead(): void {
    this.nextCall.startRead();
  }

  getPeer(): string {
    return this.nextCall.getPeer();
  }

  getDeadline(): Deadline {
    return this.nextCall.getDeadline();
  }

  getHost(): string {
    return this.nextCall.getHost();
  }

  getAuthContext(): AuthContext {
    return this.nextCall.getAuthContext();
  }

  getConnectionInfo(): ConnectionInfo {
    return this.nextCall.getConnectionInfo();
  }

  getMetricsRecorder(): PerRequestMetricRecorder {
    return this.nextCall.getMetricsRecorder();
  }
}

export type ServerInterceptor = (
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  methodDescriptor: ServerMethodDefinition<any, any>,
  call: ServerInterceptingCallInterface,
) => ServerInterceptingCall;

/** A call behind its interceptors: the first is nearest to the client. */
export function getServerInterceptingCall(
  interceptors: readonly ServerInterceptor[],
  base: ServerInterceptingCallInterface,
  handler: Handler<unknown, unknown>,
): ServerInterceptingCallInterface {
  const { path, type } = handler;
  const method: ServerMethodDefinition<unknown, unknown> = {
    path,
    requestStream: type === 'clientStream' || type === 'bidi',
    responseStream: type === 'serverStream' || type === 'bidi',
    requestDeserialize: handler.deserialize,
    responseSerialize: handler.serialize,
  };
  let call = base;
  for (const interceptor of interceptors) call = interceptor(method, call);
  return call;
}
