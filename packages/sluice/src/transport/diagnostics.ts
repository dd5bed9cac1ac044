// What happens, as it happens: the channels of `node:diagnostics_channel` and the messages on them.
// Invariants: nothing is made, counted or kept while nobody listens, what is asked then is one boolean
// (`hasSubscribers`); messages are plain data that changes nothing, but for `metadata` of an attempt.
// A start and its end carry the same key (`call`, `attempt`), an object that says nothing by itself.
// Not here: who raises them (connection-events.ts, server-call-record.ts, channel/call-record.ts).

import { channel } from 'node:diagnostics_channel';
import type { ErrorCode } from '../frames/error-code.ts';
import type { Metadata } from '../grpc/metadata.ts';
import type { MethodKind } from '../grpc/method.ts';
import type { Status } from '../grpc/status.ts';
import type { Initiator } from './errors.ts';
import type { PeerRole, StallReason } from './stall.ts';

/** Which end of a connection this process is. */
export type Side = PeerRole;

// Calls.

/** A call of either side; the same in its start and its end. */
export interface CallIdentity {
  /** The same object in the start and the end of one call: a key for a `WeakMap`, and nothing else. */
  readonly call: object;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Undefined of a client that was given a path and no method, of a server that has no handler. */
  readonly kind: MethodKind | undefined;
  /**
   * Whether the program named the method itself: a client called it by its definition, a server has a
   * handler for it. Of others the path is whatever a peer sent: no label for a metric.
   */
  readonly registered: boolean;
}

/** What went over a call or an attempt. */
export interface Traffic {
  readonly sentMessages: number;
  /** Bytes of messages as they go over the wire: compressed, without the prefix of five bytes. */
  readonly sentBytes: number;
  readonly receivedMessages: number;
  /** As `sentBytes`. */
  readonly receivedBytes: number;
}

interface Ending {
  readonly status: Status;
  readonly details: string;
  readonly durationMs: number;
}

/** A client began a call. Raised inside the caller's call, so in its async context. */
export interface ClientCallStart extends CallIdentity {
  readonly phase: 'start';
  readonly side: 'client';
  /** The target of the channel, as `connect` was given it. */
  readonly target: string;
}

/** A client's call has its status. The traffic is that of all attempts together. */
export interface ClientCallEnd extends CallIdentity, Traffic, Ending {
  readonly phase: 'end';
  readonly side: 'client';
  readonly target: string;
  /** Attempts in all, 1 for most calls. */
  readonly attempts: number;
  /** Those of them that a retry policy began after a failure (gRFC A6). */
  readonly retries: number;
  /** Those of them that repeated one which the server had not processed. */
  readonly transparentRetries: number;
  /** Those of them that a hedging policy began beside another. */
  readonly hedges: number;
  /** Milliseconds without an attempt under way, between two of them. */
  readonly retryDelayMs: number;
}

/** A request came in, and a handler is about to run, or there is none. */
export interface ServerCallStart extends CallIdentity {
  readonly phase: 'start';
  readonly side: 'server';
  /** The client's address. */
  readonly peer: string;
  /** The id of its connection, as in `stats().connections`. */
  readonly connection: number;
  /** Request metadata, to be read. */
  readonly metadata: Metadata;
}

/** A message of a server's call. */
export interface ServerCallMessage extends CallIdentity, MessageTraffic {
  readonly phase: 'message';
  readonly side: 'server';
}

/** The status of a call was written, or the call ended without one: reset, or its connection lost. */
export interface ServerCallEnd extends CallIdentity, Traffic, Ending {
  readonly phase: 'end';
  readonly side: 'server';
  readonly peer: string;
}

/** Messages of `sluice:call`. */
export type CallEvent =
  | ClientCallStart
  | ClientCallEnd
  | ServerCallStart
  | ServerCallMessage
  | ServerCallEnd;

// Attempts.

/** A message, queued to be sent or handed to whoever asked for it. */
interface MessageTraffic {
  readonly direction: 'sent' | 'received';
  /** Of this direction, from 0. */
  readonly sequence: number;
  /** Bytes as they go over the wire. */
  readonly bytes: number;
  readonly compressed: boolean;
}

/** Why there is an attempt. `transparent`: the server had not processed the one before. */
export type AttemptCause = 'first' | 'retry' | 'hedge' | 'transparent';

export interface AttemptIdentity {
  /** The same object in all events of one attempt. */
  readonly attempt: object;
  /** The `call` of its call's events. */
  readonly call: object;
  readonly path: string;
  readonly registered: boolean;
  readonly target: string;
  /** Attempts of the same call before this one that the server may have seen. */
  readonly previousAttempts: number;
  readonly cause: AttemptCause;
}

/** A client began an attempt; a connection is still to be found for it. */
export interface AttemptStart extends AttemptIdentity {
  readonly phase: 'start';
  /** Request metadata of this attempt. What a listener adds or changes here is sent. */
  readonly metadata: Metadata;
}

/** A connection was found, and the request is queued there. */
export interface AttemptPlaced extends AttemptIdentity {
  readonly phase: 'placed';
  /** The server's address. */
  readonly peer: string;
  /** The id of the connection, as in `stats().connections`. */
  readonly connection: number;
  /** Milliseconds since its start. */
  readonly waitedMs: number;
}

/** A message of an attempt. */
export interface AttemptMessage extends AttemptIdentity, MessageTraffic {
  readonly phase: 'message';
}

/** An attempt is over; the call may go on with another one. */
export interface AttemptEnd extends AttemptIdentity, Traffic, Ending {
  readonly phase: 'end';
  /** The server's address; '' of an attempt that found no connection. */
  readonly peer: string;
}

/** Messages of `sluice:attempt`. */
export type AttemptEvent = AttemptStart | AttemptPlaced | AttemptMessage | AttemptEnd;

// Connections and streams.

interface ConnectionIdentity {
  readonly side: Side;
  /** Its id, as in `stats().connections`. */
  readonly connection: number;
  /** The address of the other end. */
  readonly peer: string;
}

/** A stream got its id, or is gone. RFC 9113 §5.1. */
export interface StreamEvent extends ConnectionIdentity {
  readonly phase: 'opened' | 'closed';
  readonly streamId: number;
  /** Streams that are open on the connection now. */
  readonly open: number;
}

/** A client begins to connect. */
export interface ConnectionConnecting {
  readonly phase: 'connecting';
  readonly side: 'client';
  /** The backend: `host:port` or `unix:/path`. */
  readonly address: string;
}

/** A client could not connect. */
export interface ConnectionFailed {
  readonly phase: 'failed';
  readonly side: 'client';
  readonly address: string;
  readonly reason: string;
  readonly durationMs: number;
}

/** The peer's SETTINGS have come: calls may start. */
export interface ConnectionReady extends ConnectionIdentity {
  readonly phase: 'ready';
  readonly local: string;
  /** Milliseconds since the socket was there. */
  readonly durationMs: number;
}

/** No new calls; open ones go on. */
export interface ConnectionDraining extends ConnectionIdentity {
  readonly phase: 'draining';
  readonly reason: string;
}

/** The connection is over, and so are its calls. */
export interface ConnectionClosed extends ConnectionIdentity {
  readonly phase: 'closed';
  readonly reason: string;
  /** `local`: this program; `library`: a rule was broken or a time ran out; `remote`: the rest. */
  readonly initiator: Initiator;
  /** The code of our GOAWAY; undefined where the socket failed or the peer closed it. */
  readonly errorCode: ErrorCode | undefined;
  /** The code of the peer's GOAWAY, where it sent one. */
  readonly goAwayCode: number | undefined;
  /** The system's name of what failed, `ECONNRESET`; '' where it named nothing. */
  readonly systemCode: string;
  /** Whether it was ready once. */
  readonly wasReady: boolean;
  /** Milliseconds since the socket was there. */
  readonly durationMs: number;
}

/** Messages of `sluice:connection`. */
export type ConnectionEvent =
  | ConnectionConnecting
  | ConnectionFailed
  | ConnectionReady
  | ConnectionDraining
  | ConnectionClosed;

/** Messages of `sluice:goaway`. RFC 9113 §6.8. */
export interface GoAwayEvent extends ConnectionIdentity {
  /** `sent` when it is queued. */
  readonly phase: 'sent' | 'received';
  /** RFC 9113 §7. */
  readonly errorCode: number;
  /** The code's name, `ENHANCE_YOUR_CALM`. */
  readonly errorName: string;
  readonly lastStreamId: number;
  /** The debug data, as text. */
  readonly text: string;
}

// Limits and stalls.

/**
 * Messages of `sluice:limit`: a limit acted, once for each time that `acted` of `stats().limits` was
 * raised. Under overload that is often: count them, do not write a line for each.
 */
export interface LimitEvent {
  /** As in `stats().limits`. */
  readonly limit: string;
  readonly value: number;
  readonly unit: string;
  /** How full it was. */
  readonly depth: number;
  /** What became of the call, stream or connection: it waits, or was refused or ended. */
  readonly what: 'waited' | 'refused';
  readonly side: Side;
  /** Of a client the channel's target or the server's address, of a server the client's address. */
  readonly place: string;
}

/** Messages of `sluice:stall`: a call has waited longer than a second for one thing; told once. */
export interface StallEvent {
  readonly side: Side;
  /** Of a client the channel's target, of a server the client's address. */
  readonly place: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** What is waited for, since when, and what would release it. */
  readonly reason: StallReason;
  /** The same in words. */
  readonly text: string;
}

// The channels.

/** A channel of `node:diagnostics_channel` whose messages have a type. */
export interface EventChannel<T> {
  /** Whether anybody listens. */
  readonly hasSubscribers: boolean;
  publish(message: T): void;
  subscribe(listener: (message: T) => void): void;
  unsubscribe(listener: (message: T) => void): void;
}

/** The events by the names of their channels. */
export interface SluiceEvents {
  /** Calls of clients and servers: their starts and ends. */
  'sluice:call': CallEvent;
  /** What the calls of clients consist of. */
  'sluice:attempt': AttemptEvent;
  /** Streams of HTTP/2, of both sides. */
  'sluice:stream': StreamEvent;
  /** Connections, of both sides. */
  'sluice:connection': ConnectionEvent;
  /** GOAWAY frames, of both sides and directions. */
  'sluice:goaway': GoAwayEvent;
  /** Limits that acted. */
  'sluice:limit': LimitEvent;
  /** Calls that wait for one thing longer than a second. */
  'sluice:stall': StallEvent;
}

const NAMES: Record<keyof SluiceEvents, true> = {
  'sluice:call': true,
  'sluice:attempt': true,
  'sluice:stream': true,
  'sluice:connection': true,
  'sluice:goaway': true,
  'sluice:limit': true,
  'sluice:stall': true,
};

// What is published under these names is published through the constants below, in these shapes.
function eventsOf<K extends keyof SluiceEvents>(name: K): EventChannel<SluiceEvents[K]> {
  return channel(name) as EventChannel<SluiceEvents[K]>;
}

export const callEvents: EventChannel<CallEvent> = /* @__PURE__ */ eventsOf('sluice:call');
export const attemptEvents: EventChannel<AttemptEvent> = /* @__PURE__ */ eventsOf('sluice:attempt');
export const streamEvents: EventChannel<StreamEvent> = /* @__PURE__ */ eventsOf('sluice:stream');
export const connectionEvents: EventChannel<ConnectionEvent> =
  /* @__PURE__ */ eventsOf('sluice:connection');
export const goAwayEvents: EventChannel<GoAwayEvent> = /* @__PURE__ */ eventsOf('sluice:goaway');
export const limitEvents: EventChannel<LimitEvent> = /* @__PURE__ */ eventsOf('sluice:limit');
export const stallEvents: EventChannel<StallEvent> = /* @__PURE__ */ eventsOf('sluice:stall');

/**
 * Listens to what this process does: `diagnostics_channel.subscribe`, with types. The listener is called
 * at once, from inside the transport, so it should be short; what it throws is an uncaught exception of
 * the process and harms no call. Of calls and attempts that began while nobody listened it hears
 * nothing; a listener beside another one may hear of ends whose starts were before its time.
 * @returns stops listening
 * @throws TypeError for a name that no event has
 */
export function subscribe<K extends keyof SluiceEvents>(
  name: K,
  listener: (event: SluiceEvents[K]) => void,
): () => void {
  if (!Object.hasOwn(NAMES, name)) {
    throw new TypeError(`no event is named ${name}; there are ${Object.keys(NAMES).join(', ')}`);
  }
  const events = eventsOf(name);
  // Its own function: the same listener may be given twice, and each is taken away by itself.
  const hear = (event: SluiceEvents[K]): void => listener(event);
  events.subscribe(hear);
  return () => {
    events.unsubscribe(hear);
  };
}
