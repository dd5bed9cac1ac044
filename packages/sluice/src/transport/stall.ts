// Why something waits, as data and as a sentence: the one vocabulary of `explain()`, of deadline
// errors, of the `sluice:stall` event and of whoever shows stalls.
// Invariants: plain data, complete without the objects it was read from; a sentence names what is
// waited for, how long, and what would release it, and fits behind `deadline of <n> ms exceeded; `.
// Not here: finding out (stream-stall.ts, channel/), raising the event (stall-watch.ts).

import type { KernelQueues } from './kernel-queues.ts';

/** The other end of a connection. */
export type PeerRole = 'server' | 'client';

interface Waited {
  /** Milliseconds that it has waited, so far. */
  readonly forMs: number;
}

interface InLine extends Waited {
  /** Calls in the channel's line before this one. */
  readonly ahead: number;
}

/** Messages that were sent wait for the peer's WINDOW_UPDATE of their stream (RFC 9113 §6.9). */
export interface StreamWindowStall extends Waited {
  readonly kind: 'stream-window';
  readonly peer: PeerRole;
  readonly streamId: number;
  /** Bytes of this stream that wait here. */
  readonly bytes: number;
  /** Bytes that have come the other way and were not asked for: the peer may wait for that. */
  readonly unreadBytes: number;
}

/** Messages that were sent wait for the peer's WINDOW_UPDATE of the connection (RFC 9113 §6.9). */
export interface ConnectionWindowStall extends Waited {
  readonly kind: 'connection-window';
  readonly peer: PeerRole;
  /** Bytes of this stream that wait here. */
  readonly bytes: number;
  /** Streams that wait for the same. */
  readonly streams: number;
}

/** The socket takes no bytes: the peer's process or the network does not. */
export interface SocketStall extends Waited {
  readonly kind: 'socket';
  readonly peer: PeerRole;
  /** Bytes in the socket's own backlog, in this process. */
  readonly bytes: number;
  /** What the kernel holds of the same socket; read only for `explain()`, and on Linux only. */
  readonly kernel?: KernelQueues | undefined;
}

/** Written in the next turn of the event loop: nothing of the peer holds it back. */
export interface WriteStall extends Waited {
  readonly kind: 'write';
  /** Bytes of this stream that wait here. */
  readonly bytes: number;
}

/** The server's handler has the whole request and has not answered. */
export interface HandlerStall extends Waited {
  readonly kind: 'handler';
  /** Milliseconds since bytes of any kind last came on the connection. */
  readonly silentMs: number;
  /** Read only for `explain()`, and on Linux only. */
  readonly kernel?: KernelQueues | undefined;
}

/** The server has begun to answer; the next message, or the status, is still to come. */
export interface ResponseStall extends Waited {
  readonly kind: 'response';
  /** Bytes of the next message that have come; 0 between messages. */
  readonly bytes: number;
}

/** The caller has not ended its request, and nothing of it waits to be sent. */
export interface RequestStall extends Waited {
  readonly kind: 'request';
}

/** Messages have come, and whoever reads them has not asked for the next one. */
export interface ReaderStall extends Waited {
  readonly kind: 'reader';
  /** Who reads: the caller of a client's call, the handler of a server's. */
  readonly reader: 'caller' | 'handler';
  /** Bytes that have come and were not asked for. */
  readonly bytes: number;
}

/** A large message that was asked for waits for older ones, which hold the room for such. */
export interface MessageRoomStall extends Waited {
  readonly kind: 'message-room';
  /** Bytes that messages coming in may hold together: `limits.exposureBytes`. */
  readonly limit: number;
}

/** No stream is free: the server allows so many at a time (SETTINGS_MAX_CONCURRENT_STREAMS). */
export interface PeerStreamsStall extends InLine {
  readonly kind: 'peer-streams';
  readonly limit: number;
}

/** A limit of this process holds the call back. */
export interface LimitStall extends InLine {
  readonly kind: 'limit';
  /** As in `stats().limits`: `open-calls`, `queued-bytes`, `concurrency`, `memory-budget` ... */
  readonly limit: string;
  readonly value: number;
  readonly depth: number;
  readonly unit: string;
  /** The limit with these figures, and what to do, as refusals name it. */
  readonly text: string;
}

/** Nothing but the calls that came before it holds the call back. */
export interface TurnStall extends InLine {
  readonly kind: 'turn';
}

/** The connection drains; the next one is being made. */
export interface DrainingStall extends InLine {
  readonly kind: 'draining';
}

/** The addresses of the target are being looked up. */
export interface ResolutionStall extends InLine {
  readonly kind: 'resolution';
  readonly target: string;
}

/** A connection is being made. */
export interface ConnectingStall extends InLine {
  readonly kind: 'connecting';
  readonly address: string;
  /** Why the last attempt, or the last connection, failed; '' if none has. */
  readonly failure: string;
}

/** Connecting, or looking up addresses, has failed, and is tried again later. */
export interface BackoffStall extends InLine {
  readonly kind: 'backoff';
  /** Why it failed. */
  readonly failure: string;
  /** Milliseconds until the next attempt; -1 where a balancing policy decides. */
  readonly retryInMs: number;
}

/** Call credentials are being made. */
export interface CredentialsStall extends Waited {
  readonly kind: 'credentials';
}

/** The attempt failed, and the next one is due later (gRFC A6). */
export interface RetryStall extends Waited {
  readonly kind: 'retry';
  readonly failure: string;
  readonly retryInMs: number;
}

/** This process was busy with something else: what came meanwhile could not be read. */
export interface EventLoopStall extends Waited {
  readonly kind: 'event-loop';
  /** Milliseconds of `forMs` during which the event loop was blocked. */
  readonly blockedMs: number;
  /** Milliseconds since it was blocked last; 0 when it was until just now. */
  readonly endedMs: number;
}

/** Server: the handler waits for messages that the client has not sent, and for nothing else. */
export interface ClientMessagesStall extends Waited {
  readonly kind: 'client-messages';
}

/** Server: the handler has all it asked for and has not answered yet. */
export interface OwnHandlerStall extends Waited {
  readonly kind: 'own-handler';
  /** It has sent response headers or messages. */
  readonly begun: boolean;
}

/** Server: it drains, and open calls are still to end. */
export interface DrainStall extends Waited {
  readonly kind: 'drain';
  /** Calls that are open. */
  readonly calls: number;
}

/** What a call, a channel or a server waits for. New kinds may be added. */
export type StallReason =
  | StreamWindowStall
  | ConnectionWindowStall
  | SocketStall
  | WriteStall
  | HandlerStall
  | ResponseStall
  | RequestStall
  | ReaderStall
  | MessageRoomStall
  | PeerStreamsStall
  | LimitStall
  | TurnStall
  | DrainingStall
  | ResolutionStall
  | ConnectingStall
  | BackoffStall
  | CredentialsStall
  | RetryStall
  | EventLoopStall
  | ClientMessagesStall
  | OwnHandlerStall
  | DrainStall;

/** What is waited for, by a name. */
export type StallKind = StallReason['kind'];

/** The calls before one in the line are counted up to here: thousands may end by one deadline. */
export const MAX_AHEAD = 100;

/**
 * The details of DEADLINE_EXCEEDED: the time the call had, and what it waited for.
 * @param lineMs how long it was in the channel's line before that
 */
export function deadlineText(
  timeoutMs: number,
  reason: StallReason | undefined,
  lineMs = 0,
): string {
  const text = `deadline of ${timeoutMs} ms exceeded`;
  if (reason === undefined) return text;
  const line =
    lineMs > reason.forMs ? `; before that it was in the line for ${Math.round(lineMs)} ms` : '';
  return `${text}; ${stallText(reason)}${line}`;
}

/**
 * How much a wait asks to be looked at: 0 for one that is part of normal work however long it takes, 1
 * for one that goes on by itself unless it lasts, 2 for one that something holds back.
 */
export function stallRank(reason: StallReason): 0 | 1 | 2 {
  switch (reason.kind) {
    case 'request':
    case 'client-messages':
    case 'drain':
      return 0;
    case 'response':
      return reason.bytes === 0 ? 0 : 1;
    case 'own-handler':
      return reason.begun ? 0 : 1;
    case 'handler':
    case 'write':
    case 'turn':
    case 'draining':
    case 'resolution':
    case 'connecting':
    case 'credentials':
    case 'retry':
      return 1;
    default:
      return 2;
  }
}

/** What `explain()` says of a call. */
export function callText(isOver: boolean, reason: StallReason | undefined): string {
  if (isOver) return 'the call is over';
  return reason === undefined ? 'the call waits for nothing' : stallText(reason);
}

/** The reason as one sentence without its period: `waited <n> ms for <what>; <what releases it>`. */
export function stallText(reason: StallReason): string {
  if (reason.kind === 'event-loop') return eventLoopText(reason);
  return `waited ${Math.round(reason.forMs)} ms for ${whatFor(reason)}`;
}

/** What was over so many ms ago was over just now. */
const JUST_NOW_MS = 20;

function eventLoopText({ forMs, blockedMs, endedMs }: EventLoopStall): string {
  const when = endedMs < JUST_NOW_MS ? 'until just now' : `until ${Math.round(endedMs)} ms ago`;
  const of = `for ${Math.round(blockedMs)} of the ${Math.round(forMs)} ms, ${when}`;
  return `this process's event loop was blocked ${of}, so what came meanwhile may not have been read; look for synchronous work`;
}

function whatFor(reason: Exclude<StallReason, EventLoopStall>): string {
  switch (reason.kind) {
    case 'stream-window':
      return `the ${reason.peer}'s WINDOW_UPDATE of stream ${reason.streamId}, ${reason.bytes} bytes wait here; it goes on as the ${readerOf(reason.peer)} reads this call's messages${unread(reason.unreadBytes)}`;
    case 'connection-window':
      return `the ${reason.peer}'s WINDOW_UPDATE of the connection, ${reason.bytes} bytes wait here and ${plural(reason.streams, 'stream', 'waits', 'wait')}; it goes on as the ${reason.peer} reads messages of any call`;
    case 'socket':
      return `the socket, which takes no bytes: ${socketText(reason)}; it goes on as the ${reason.peer}'s process reads, or the network delivers`;
    case 'write':
      return `its turn to be written, ${reason.bytes} bytes wait here; it goes on by itself`;
    case 'handler':
      return `the server's handler, to which the whole request was sent${silence(reason)}; it goes on as the handler answers`;
    case 'response':
      return reason.bytes === 0
        ? `the server's handler, which has begun to answer; it goes on as the handler sends a message or ends the call`
        : `the rest of a response message, ${reason.bytes} bytes have come; it goes on as the server sends on`;
    case 'request':
      return `this call's own request, which has not ended; it goes on as the caller sends a message or ends the request, or as the server answers`;
    case 'reader':
      return `its own ${reason.reader} to ask for the next message, ${reason.bytes} bytes have come; it goes on as the ${reason.reader} reads`;
    case 'message-room':
      return `the room for large messages, ${reason.limit} bytes, which older messages take; it goes on as those come in whole; raise limits.exposureBytes, or send fewer large messages at once`;
    case 'client-messages':
      return `the client to send a message or end its request; it goes on as it does`;
    case 'own-handler':
      return `its handler, which has not answered; it goes on as the handler does`;
    case 'drain':
      return `${reason.calls} open ${reason.calls === 1 ? 'call' : 'calls'} to end before it is drained; it goes on as their handlers end them, or as the grace period ends`;
    case 'credentials':
      return `call credentials, which are being made; it goes on as they are`;
    case 'retry':
      return `its next attempt, due${dueIn(reason.retryInMs)}, after ${reason.failure}`;
    default:
      return `${lineText(reason)}${behind(reason.ahead)}`;
  }
}

type LineStall = Extract<StallReason, { readonly ahead: number }>;

function lineText(reason: LineStall): string {
  switch (reason.kind) {
    case 'peer-streams':
      return `one of the ${reason.limit} streams that the server allows; it goes on as a call on the connection ends, or over another connection`;
    case 'limit':
      return reason.text;
    case 'turn':
      return `its turn in the line; it goes on as the calls before it start`;
    case 'draining':
      return `a new connection, the old one is draining; it goes on as that is made`;
    case 'resolution':
      return `the addresses of ${reason.target}, which are being looked up; it goes on as they are found`;
    case 'connecting':
      return `a connection to ${reason.address}, which is being made; it goes on as that is ready${failed(reason.failure)}`;
    case 'backoff':
      return `a connection, tried again${dueIn(reason.retryInMs)}; ${reason.failure}`;
  }
}

function readerOf(peer: PeerRole): string {
  return peer === 'server' ? "server's handler" : 'client';
}

function behind(ahead: number): string {
  if (ahead === 0) return '';
  const many =
    ahead >= MAX_AHEAD ? `${MAX_AHEAD} calls or more` : plural(ahead, 'call', 'is', 'are');
  return ahead >= MAX_AHEAD ? `; ${many} are before it` : `; ${many} before it`;
}

function plural(count: number, noun: string, one: string, many: string): string {
  return count === 1 ? `1 ${noun} ${one}` : `${count} ${noun}s ${many}`;
}

function dueIn(ms: number): string {
  if (ms < 0) return '';
  return ms < 1 ? ' at once' : ` in ${Math.round(ms)} ms`;
}

/** Below this a quiet connection is nothing to speak of, ms. */
const SILENCE_MS = 1_000;

function silence({ silentMs, kernel }: HandlerStall): string {
  const sent = kernel?.sendBytes ?? 0;
  const queued =
    sent === 0 ? '' : `, ${sent} bytes of the connection are still in the kernel's send queue`;
  if (silentMs < SILENCE_MS) return queued;
  return `${queued}, and nothing at all has come from the server for ${Math.round(silentMs)} ms`;
}

function unread(bytes: number): string {
  return bytes === 0 ? '' : `, which may wait for ${bytes} bytes to be read here`;
}

function failed(failure: string): string {
  return failure === '' ? '' : `; the last one failed: ${failure}`;
}

function socketText({ bytes, kernel }: SocketStall): string {
  const here = `${bytes} bytes wait in this process`;
  return kernel === undefined ? here : `${here} and ${kernel.sendBytes} in the kernel's send queue`;
}
