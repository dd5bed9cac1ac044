// The bottom of a call: below all interceptors its messages become bytes, and bytes messages.
// Invariants: a message that cannot be encoded or decoded ends its call with INTERNAL; a method with one
// response asks for it by itself, and its listener always hears of a message: null where none came.
// gRFC L5. Not here: interceptors (client-interceptors.ts), the call itself (channel-call.ts).
// biome-ignore-all lint/suspicious/noExplicitAny: the published types

import type { AuthContext } from './auth-context.ts';
import type { Call, InterceptingListener, MessageContext, StatusObject } from './call-interface.ts';
import { TOO_MANY_MESSAGES } from './call-listeners.ts';
import type { Channel } from './channel.ts';
import type { CallOptions } from './client.ts';
import type { InterceptingCallInterface } from './client-interceptors.ts';
import { Status } from './constants.ts';
import { getErrorMessage } from './error.ts';
import type { ClientMethodDefinition } from './make-client.ts';
import { Metadata } from './metadata.ts';

export class BottomCall implements InterceptingCallInterface, InterceptingListener {
  private readonly call: Call;
  private readonly method: ClientMethodDefinition<any, any>;
  private listener: Partial<InterceptingListener> | undefined;
  /** One of a message that could not be decoded: it wins over the one that the call ends with. */
  private failure: StatusObject | undefined;
  private received: boolean;

  /** @throws what `Channel.createCall` throws */
  constructor(channel: Channel, options: CallOptions, method: ClientMethodDefinition<any, any>) {
    const { credentials, deadline, host, parent, propagate_flags: flags } = options;
    this.call = channel.createCall(
      method.path,
      deadline ?? Number.POSITIVE_INFINITY,
      host,
      parent ?? null,
      flags,
    );
    if (credentials) this.call.setCredentials(credentials);
    this.method = method;
    this.listener = undefined;
    this.failure = undefined;
    this.received = false;
  }

  // InterceptingCallInterface.

  cancelWithStatus(status: Status, details: string): void {
    this.call.cancelWithStatus(status, details);
  }

  getPeer(): string {
    return this.call.getPeer();
  }

  getAuthContext(): AuthContext | null {
    return this.call.getAuthContext();
  }

  start(metadata: Metadata, listener?: Partial<InterceptingListener>): void {
    this.listener = listener;
    this.call.start(metadata, this);
    if (!this.method.responseStream) this.call.startRead();
  }

  sendMessageWithContext(context: MessageContext, message: any): void {
    let bytes: Buffer;
    try {
      bytes = this.method.requestSerialize(message);
    } catch (error) {
      const details = `Request message serialization failure: ${getErrorMessage(error)}`;
      this.call.cancelWithStatus(Status.INTERNAL, details);
      return;
    }
    this.call.sendMessageWithContext(context, bytes);
  }

  sendMessage(message: any): void {
    this.sendMessageWithContext({}, message);
  }

  startRead(): void {
    this.call.startRead();
  }

  halfClose(): void {
    this.call.halfClose();
  }

  // InterceptingListener.

  onReceiveMetadata(metadata: Metadata): void {
    this.listener?.onReceiveMetadata?.(metadata);
  }

  onReceiveMessage(bytes: Buffer): void {
    let message: unknown;
    try {
      message = this.method.responseDeserialize(bytes);
    } catch (error) {
      const details = `Response message parsing error: ${getErrorMessage(error)}`;
      this.failure = { code: Status.INTERNAL, details, metadata: new Metadata() };
      this.call.cancelWithStatus(Status.INTERNAL, details);
      return;
    }
    if (!this.method.responseStream) {
      if (this.received) {
        this.call.cancelWithStatus(Status.UNIMPLEMENTED, TOO_MANY_MESSAGES);
        return;
      }
      // For what must not follow it.
      this.call.startRead();
    }
    this.received = true;
    this.listener?.onReceiveMessage?.(message);
  }

  onReceiveStatus(status: StatusObject): void {
    if (!this.received && !this.method.responseStream) this.listener?.onReceiveMessage?.(null);
    this.listener?.onReceiveStatus?.(this.failure ?? status);
  }
}
