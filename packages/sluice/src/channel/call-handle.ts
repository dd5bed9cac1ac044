// What a call is to whoever makes it, and what it asks of its channel: the interfaces between the
// kinds of calls, attempts, retries and the channel.
// Invariant: callbacks come from inside the transport and are called in the order of the wire.
// Not here: what a call does (call.ts), its options (call-options.ts).

import { Metadata } from '../grpc/metadata.ts';
import type { Status } from '../grpc/status.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { Peer } from '../transport/peer.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import type { ClientCall } from './call.ts';
import type { CallDefaults, CallOptions, MethodSettings } from './call-options.ts';
import type { CallLine, CredentialsLine } from './credentials-line.ts';
import type { AnyMethod } from './typed-messages.ts';

interface MessageListener {
  /**
   * A message that was asked for with `request`; the buffer is the listener's to keep. `compressed`
   * says whether it came like that.
   */
  onMessage(message: Buffer, compressed: boolean): void;
  /** Room again after `send` said false. */
  onWritable(): void;
}

/** Who makes a call at the callback level. Exceptions thrown here are bugs and crash the process. */
export interface CallListener extends MessageListener {
  onHeader(header: Metadata): void;
  /** The last thing a call does. */
  onEnd(code: Status, details: string, trailer: Metadata): void;
}

/**
 * The same inside a channel: fields as they came, because most callers never read them and a call
 * without Metadata is a cheaper one.
 */
export interface FieldsListener extends MessageListener {
  /** As the caller named it; undefined for a path. */
  readonly method?: AnyMethod | undefined;
  onHeader(header: HeaderFields): void;
  onEnd(code: Status, details: string, trailer: HeaderFields): void;
}

/** Hands what a call hears to a listener of Metadata. */
export class MetadataReader implements FieldsListener {
  private readonly listener: CallListener;

  constructor(listener: CallListener) {
    this.listener = listener;
  }

  onHeader(header: HeaderFields): void {
    this.listener.onHeader(Metadata.fromFields(header));
  }

  onMessage(message: Buffer, compressed: boolean): void {
    this.listener.onMessage(message, compressed);
  }

  onWritable(): void {
    this.listener.onWritable();
  }

  onEnd(code: Status, details: string, trailer: HeaderFields): void {
    this.listener.onEnd(code, details, Metadata.fromFields(trailer));
  }
}

/** A call as whoever makes it sees it, whatever it consists of. */
export interface CallHandle {
  /** True once onEnd was called. */
  readonly isEnded: boolean;
  /** The server that it was sent to; undefined before that. */
  readonly peer: Peer | undefined;
  /** Begins, once; `message` is the whole request of a call that sends one. */
  start(message: Uint8Array | undefined): void;
  /**
   * Queues a message; it must not change until it was written.
   * @returns false when the caller should wait for onWritable
   */
  send(message: Uint8Array): boolean;
  /** No more messages. */
  halfClose(): void;
  /** Asks for so many more messages; nothing arrives unasked. */
  request(count: number): void;
  /** Ends the call with CANCELLED; the server is told if it knows of the call. */
  cancel(details?: string): void;
  /** Ends the call for a reason of ours. */
  abandon(code: Status, details: string): void;
  /**
   * What the call waits for now, since when, and what would release it: one sentence, for people. On
   * Linux the kernel is asked for its queues of the socket, which takes a moment: not for each call.
   */
  explain(): string;
}

/** Makes the calls of a method that a retry or hedging policy applies to. */
export interface RetrySource {
  newCall(path: string, options: CallOptions, listener: FieldsListener): CallHandle;
}

/**
 * What became of the calls of a channel. Where a method is retried or hedged, each attempt counts.
 * Those neither succeeded nor failed are under way.
 */
export interface CallCounts {
  started: number;
  succeeded: number;
  failed: number;
}

/** What a call asks of its channel. */
export interface CallPlacer extends CallLine {
  /** As `connect` was given it. */
  readonly target: string;
  readonly wheel: TimerWheel;
  readonly callDefaults: CallDefaults;
  readonly counts: CallCounts;
  /** What the service config says of a method. */
  settingsOf(path: string): MethodSettings | undefined;
  /** Who makes calls of a method that are tried more than once. */
  retryOf(path: string): RetrySource | undefined;
  /** Finds a stream, queues the call, or ends it. */
  place(call: ClientCall, again: boolean): void;
  /** Where calls wait for their credentials, before they are placed. */
  readonly credentialsLine: CredentialsLine;
}
