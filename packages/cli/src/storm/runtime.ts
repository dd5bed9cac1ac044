// What the storm needs of a gRPC runtime, and no more: a client that sends a unary call of bytes
// and reports its end once, or keeps a stream open and says when it has to pause, and a server that
// answers when the clock lets it. Each runtime is loaded in processes of its own.

import type { ServeSettings } from './protocol.ts';

/** How deep the client's queues are now. Bytes are bytes, the rest are counts. */
export interface QueueDepths {
  queueItems: number;
  queueBytes: number;
  socketBytes: number;
  openStreams: number;
  waitingCalls: number;
  connections: number;
  /** Of an adaptive limiter: calls it lets through now; null without one. */
  concurrencyLimit: number | null;
}

/** Told once per call that was issued. */
export interface CallSink {
  /**
   * @param startedMs as passed to `call`
   * @param details the status details, empty for OK
   */
  ended(startedMs: number, code: number, details: string): void;
}

/** Told of the streams that were opened; `place` is the number given to `openStream`. */
export interface StreamSink {
  /** The answer to the oldest message that has none. */
  acknowledged(place: number): void;
  /** Room again after `send` said false. */
  writable(place: number): void;
  /** Once per stream, last. */
  streamEnded(place: number, code: number, details: string): void;
}

/** One open stream of messages. */
export interface MessageStream {
  /** Takes one message; false asks for a pause until `writable`. */
  send(payload: Buffer): boolean;
  /** No more messages; the server ends the stream when it has answered them all. */
  end(): void;
}

/** The client side. */
export interface ClientRuntime {
  /** Issues one unary call; its end goes to `sink`, even if it is refused at once. */
  call(payload: Buffer, startedMs: number, timeoutMs: number, sink: CallSink): void;
  /** Depths now; null where the runtime shows none. */
  depths(): QueueDepths | null;
  /** How often each limit acted; empty where the runtime shows none. */
  acted(): Record<string, number>;
  /** Opens a stream whose messages are answered one by one. */
  openStream(place: number, sink: StreamSink): MessageStream;
}

/**
 * Connects to a port of the loopback and resolves when calls can be sent.
 * @param options of a channel, as plain data; only Sluice takes any
 */
export type ConnectRuntime = (
  port: number,
  options: Readonly<Record<string, unknown>>,
) => Promise<ClientRuntime>;

/** Waits for the server's clock, then runs `answer`. */
export type AwaitTurn = (answer: () => void) => void;

/** A server that listens on an ephemeral port of the loopback. */
export interface ServingRuntime {
  readonly port: number;
  /** How often each limit acted; empty where the runtime shows none. */
  acted(): Record<string, number>;
}

/** Starts a server; only Sluice takes settings. */
export type ServeRuntime = (
  awaitTurn: AwaitTurn,
  settings: ServeSettings,
) => Promise<ServingRuntime>;

export const METHOD_PATH = '/sluice.storm.Storm/Call';
export const STREAM_PATH = '/sluice.storm.Storm/Stream';
/** Answers at once with as many bytes as LARGE_BYTES. */
export const LARGE_PATH = '/sluice.storm.Storm/Large';
export const LARGE_BYTES = 1_000_000;

/** Bytes of each answer, at most: the start of the request, so that the load is the client's. */
export const ANSWER_BYTES = 16;
