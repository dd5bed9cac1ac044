// Interceptors of client calls: what a program puts between a call and the surface that made it.
// Invariants: what an interceptor holds back stays in order: metadata, then messages, then the end of
// them; the first interceptor is the outermost; those of a call replace those of its client.
// gRFC L5. Not here: listeners (call-interface.ts), the bottom of a call (bottom-call.ts).
// biome-ignore-all lint/suspicious/noExplicitAny: the published types

import type { AuthContext } from './auth-context.ts';
import { BottomCall } from './bottom-call.ts';
import {
  type InterceptingListener,
  InterceptingListenerImpl,
  isInterceptingListener,
  type Listener,
  type MessageContext,
  type MessageListener,
  type MetadataListener,
  type StatusListener,
  type StatusObject,
} from './call-interface.ts';
import type { Channel } from './channel.ts';
import type { CallOptions } from './client.ts';
import type { Status } from './constants.ts';
import type { ClientMethodDefinition } from './make-client.ts';
import type { Metadata } from './metadata.ts';

/** Interceptors and providers of them were given together. */
export class InterceptorConfigurationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InterceptorConfigurationError';
    Error.captureStackTrace(this, InterceptorConfigurationError);
  }
}

export type MetadataRequester = (
  metadata: Metadata,
  listener: InterceptingListener,
  next: (metadata: Metadata, listener: InterceptingListener | Listener) => void,
) => void;

export type MessageRequester = (message: any, next: (message: any) => void) => void;

export type CloseRequester = (next: () => void) => void;

export type CancelRequester = (next: () => void) => void;

/** What an interceptor does with what goes out; each method passes on by `next`, now or later. */
export interface FullRequester {
  start: MetadataRequester;
  sendMessage: MessageRequester;
  halfClose: CloseRequester;
  cancel: CancelRequester;
}

export type Requester = Partial<FullRequester>;

/** Makes a listener. */
export class ListenerBuilder {
  private metadata: MetadataListener | undefined = undefined;
  private message: MessageListener | undefined = undefined;
  private status: StatusListener | undefined = undefined;

  withOnReceiveMetadata(onReceiveMetadata: MetadataListener): this {
    this.metadata = onReceiveMetadata;
    return this;
  }

  withOnReceiveMessage(onReceiveMessage: MessageListener): this {
    this.message = onReceiveMessage;
    return this;
  }

  withOnReceiveStatus(onReceiveStatus: StatusListener): this {
    this.status = onReceiveStatus;
    return this;
  }

  build(): Listener {
    // Keys without a value, as programs find them.
    return {
      onReceiveMetadata: this.metadata,
      onReceiveMessage: this.message,
      onReceiveStatus: this.status,
    } as Listener;
  }
}

/** Makes a requester. */
export class RequesterBuilder {
  private start: MetadataRequester | undefined = undefined;
  private message: MessageRequester | undefined = undefined;
  private halfClose: CloseRequester | undefined = undefined;
  private cancel: CancelRequester | undefined = undefined;

  withStart(start: MetadataRequester): this {
    this.start = start;
    return this;
  }

  withSendMessage(sendMessage: MessageRequester): this {
    this.message = sendMessage;
    return this;
  }

  withHalfClose(halfClose: CloseRequester): this {
    this.halfClose = halfClose;
    return this;
  }

  withCancel(cancel: CancelRequester): this {
    this.cancel = cancel;
    return this;
  }

  build(): Requester {
    return {
      start: this.start,
      sendMessage: this.message,
      halfClose: this.halfClose,
      cancel: this.cancel,
    } as Requester;
  }
}

/** What an interceptor is told of a call, beside the options it was made with. */
export interface InterceptorOptions extends CallOptions {
  method_definition: ClientMethodDefinition<any, any>;
}

/** A call as surfaces and interceptors drive it: with messages, not bytes. */
export interface InterceptingCallInterface {
  cancelWithStatus(status: Status, details: string): void;
  getPeer(): string;
  start(metadata: Metadata, listener?: Partial<InterceptingListener>): void;
  sendMessageWithContext(context: MessageContext, message: any): void;
  sendMessage(message: any): void;
  startRead(): void;
  halfClose(): void;
  getAuthContext(): AuthContext | null;
}

const passMetadata: MetadataListener = (metadata, next) => next(metadata);
const passMessage: MessageListener = (message, next) => next(message);
const passStatus: StatusListener = (status, next) => next(status);

const PLAIN_REQUESTER: FullRequester = {
  start: (metadata, listener, next) => next(metadata, listener),
  sendMessage: (message, next) => next(message),
  halfClose: (next) => next(),
  cancel: (next) => next(),
};

/** A listener with all its methods, of one that may have some. */
class WholeListener implements InterceptingListener {
  private readonly listener: Partial<InterceptingListener> | undefined;

  constructor(listener: Partial<InterceptingListener> | undefined) {
    this.listener = listener;
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.listener?.onReceiveMetadata?.(metadata);
  }

  onReceiveMessage(message: any): void {
    this.listener?.onReceiveMessage?.(message);
  }

  onReceiveStatus(status: StatusObject): void {
    this.listener?.onReceiveStatus?.(status);
  }
}

/** A call with an interceptor's requester before it. */
export class InterceptingCall implements InterceptingCallInterface {
  private nextCall: InterceptingCallInterface;
  private requester: FullRequester;
  private processingMetadata: boolean;
  private pendingMessageContext: MessageContext | null;
  private pendingMessage: unknown;
  private processingMessage: boolean;
  private pendingHalfClose: boolean;

  constructor(nextCall: InterceptingCallInterface, requester?: Requester) {
    this.nextCall = nextCall;
    this.requester = {
      start: requester?.start ?? PLAIN_REQUESTER.start,
      sendMessage: requester?.sendMessage ?? PLAIN_REQUESTER.sendMessage,
      halfClose: requester?.halfClose ?? PLAIN_REQUESTER.halfClose,
      cancel: requester?.cancel ?? PLAIN_REQUESTER.cancel,
    };
    this.processingMetadata = false;
    this.pendingMessageContext = null;
    this.pendingMessage = undefined;
    this.processingMessage = false;
    this.pendingHalfClose = false;
  }

  cancelWithStatus(status: Status, details: string): void {
    this.requester.cancel(() => {
      this.nextCall.cancelWithStatus(status, details);
    });
  }

  getPeer(): string {
    return this.nextCall.getPeer();
  }

  getAuthContext(): AuthContext | null {
    return this.nextCall.getAuthContext();
  }

  start(metadata: Metadata, interceptingListener?: Partial<InterceptingListener>): void {
    const whole = new WholeListener(interceptingListener);
    this.processingMetadata = true;
    this.requester.start(metadata, whole, (changed, listener) => {
      this.processingMetadata = false;
      this.nextCall.start(changed, listenerBefore(listener, whole));
      this.processPendingMessage();
      this.processPendingHalfClose();
    });
  }

  sendMessageWithContext(context: MessageContext, message: any): void {
    this.processingMessage = true;
    this.requester.sendMessage(message, (changed) => {
      this.processingMessage = false;
      if (this.processingMetadata) {
        this.pendingMessageContext = context;
        this.pendingMessage = changed;
        return;
      }
      this.nextCall.sendMessageWithContext(context, changed);
      this.processPendingHalfClose();
    });
  }

  sendMessage(message: any): void {
    this.sendMessageWithContext({}, message);
  }

  startRead(): void {
    this.nextCall.startRead();
  }

  halfClose(): void {
    this.requester.halfClose(() => {
      if (this.processingMetadata || this.processingMessage) this.pendingHalfClose = true;
      else this.nextCall.halfClose();
    });
  }

  private processPendingMessage(): void {
    const { pendingMessage, pendingMessageContext } = this;
    if (pendingMessageContext === null) return;
    this.pendingMessageContext = null;
    this.pendingMessage = undefined;
    this.nextCall.sendMessageWithContext(pendingMessageContext, pendingMessage);
  }

  private processPendingHalfClose(): void {
    if (!this.pendingHalfClose || this.processingMessage) return;
    this.pendingHalfClose = false;
    this.nextCall.halfClose();
  }
}

/** What an interceptor's `start` gave to `next`, before the listener that it was given. */
function listenerBefore(
  listener: InterceptingListener | Listener,
  after: InterceptingListener,
): InterceptingListener {
  if (isInterceptingListener(listener)) return listener;
  return new InterceptingListenerImpl(
    {
      onReceiveMetadata: listener.onReceiveMetadata ?? passMetadata,
      onReceiveMessage: listener.onReceiveMessage ?? passMessage,
      onReceiveStatus: listener.onReceiveStatus ?? passStatus,
    },
    after,
  );
}

export type NextCall = (options: InterceptorOptions) => InterceptingCallInterface;

/** Makes the call that goes before that of `nextCall`. */
export type Interceptor = (options: InterceptorOptions, nextCall: NextCall) => InterceptingCall;

/** Gives the interceptor for a method, or nothing. */
export type InterceptorProvider = (
  methodDefinition: ClientMethodDefinition<any, any>,
) => Interceptor;

export interface InterceptorArguments {
  clientInterceptors: Interceptor[];
  clientInterceptorProviders: InterceptorProvider[];
  callInterceptors: Interceptor[];
  callInterceptorProviders: InterceptorProvider[];
}

/**
 * The call that a surface drives, with its interceptors before it.
 * @throws InterceptorConfigurationError
 */
export function getInterceptingCall(
  interceptorArgs: InterceptorArguments,
  methodDefinition: ClientMethodDefinition<any, any>,
  options: CallOptions,
  channel: Channel,
): InterceptingCallInterface {
  const interceptors = interceptorsFor(interceptorArgs, methodDefinition);
  if (interceptors.length === 0) return new BottomCall(channel, options, methodDefinition);
  const interceptorOptions: InterceptorOptions = {
    ...options,
    method_definition: methodDefinition,
  };
  const bottom: NextCall = (last) => new BottomCall(channel, last, methodDefinition);
  const outermost = interceptors.reduceRight<NextCall>(
    (nextCall, interceptor) => (current) => interceptor(current, nextCall),
    bottom,
  );
  return outermost(interceptorOptions);
}

function interceptorsFor(
  args: InterceptorArguments,
  methodDefinition: ClientMethodDefinition<any, any>,
): Interceptor[] {
  const { callInterceptors, callInterceptorProviders } = args;
  const { clientInterceptors, clientInterceptorProviders } = args;
  if (clientInterceptors.length > 0 && clientInterceptorProviders.length > 0) {
    throw new InterceptorConfigurationError(
      'Both interceptors and interceptor_providers were passed as options to the client constructor. Only one of these is allowed.',
    );
  }
  if (callInterceptors.length > 0 && callInterceptorProviders.length > 0) {
    throw new InterceptorConfigurationError(
      'Both interceptors and interceptor_providers were passed as call options. Only one of these is allowed.',
    );
  }
  const ofCall = callInterceptors.length + callInterceptorProviders.length > 0;
  const own = ofCall ? callInterceptors : clientInterceptors;
  const providers = ofCall ? callInterceptorProviders : clientInterceptorProviders;
  const provided = providers.map((provider) => provider(methodDefinition));
  // A provider may have nothing for a method.
  return [...own, ...provided].filter(Boolean);
}
