// How many handlers a server runs over all its connections, and what it turns away before they run.
// Invariants: `running` is what slots hold, no more and no less; who is turned away is told at its
// request headers, before a message of it was read.
// Not here: limits per connection (transport/request-intake.ts).

import { Metadata } from '../grpc/metadata.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { LimitReading } from '../transport/admission.ts';
import { tellLimit } from '../transport/connection-events.ts';
import { limitEvents } from '../transport/diagnostics.ts';
import { LimitCounts } from '../transport/limit-counts.ts';
import type { Peer } from '../transport/peer.ts';
import type { ServerStream } from '../transport/server-stream.ts';
import type { QueueDelay } from './queue-delay.ts';

/** A call that has only just arrived, as `ServerOptions.shed` is asked about it. */
export interface ArrivingCall {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Request metadata; made when read. */
  readonly metadata: Metadata;
  readonly peer: Peer;
  /** Handlers that run on this server now, over all connections. */
  readonly running: number;
}

/**
 * Whether a call is turned away, and with what. A `grpc-retry-pushback-ms` in the error's metadata
 * tells clients when to try again (gRFC A6).
 */
export type Shedding = (call: ArrivingCall) => StatusError | undefined;

/** What all slots of a server share. */
export class HandlerLoad {
  /** Handlers running. */
  running: number;
  /** Handlers that were started, and those that ended their call with OK. */
  started: number;
  succeeded: number;
  /** When a handler was last started, ms of `performance.now`; 0 before the first. */
  lastStartMs: number;
  /** How often each limit turned a call away. */
  private readonly acted: LimitCounts;
  readonly limit: number;
  readonly shed: Shedding | undefined;
  /** Of `shedQueueDelay`. */
  readonly queueDelay: QueueDelay | undefined;
  private readonly onHandlerError: (error: unknown, path: string) => void;

  constructor(
    limit: number,
    shed: Shedding | undefined,
    queueDelay: QueueDelay | undefined,
    onHandlerError: ((error: unknown, path: string) => void) | undefined,
  ) {
    this.running = 0;
    this.started = 0;
    this.succeeded = 0;
    this.lastStartMs = 0;
    this.acted = new LimitCounts();
    this.limit = limit;
    this.shed = shed;
    this.queueDelay = queueDelay;
    this.onHandlerError = onHandlerError ?? logHandlerError;
  }

  /** Why a call is not taken, or undefined. */
  refusal(stream: ServerStream, peer: Peer): StatusError | undefined {
    if (this.running >= this.limit) {
      this.count('total-handlers', peer);
      const text = `refused by the total-handlers limit: ${this.running} of ${this.limit} run on this server; slow down or raise limits.totalHandlers on the server`;
      return StatusError.refusal(Status.RESOURCE_EXHAUSTED, text);
    }
    const delayed = this.queueDelay?.refusal(stream.head.path, stream.connection.arrivedMs);
    if (delayed !== undefined) {
      this.count('queue-delay', peer);
      return delayed;
    }
    return this.shed === undefined ? undefined : this.askShedding(this.shed, stream, peer);
  }

  private count(limit: 'total-handlers' | 'queue-delay' | 'shed', peer: Peer): void {
    this.acted.add(limit);
    if (!limitEvents.hasSubscribers) return;
    const reading = this.readings()[limit];
    if (reading !== undefined) tellLimit(limit, reading, 'refused', 'server', peer.address);
  }

  /** Calls that did not run: by `limit` and by `shed`. */
  get turnedAway(): number {
    return this.acted.of('total-handlers') + this.acted.of('shed');
  }

  /** The limits of the whole server, as far as it has them. */
  readings(): Record<string, LimitReading> {
    const { limit: value, running: depth, queueDelay, acted } = this;
    const found: Record<string, LimitReading> = {
      'total-handlers': { value, unit: 'handlers', depth, acted: acted.of('total-handlers') },
    };
    if (queueDelay !== undefined) {
      const { targetMs, delayMs } = queueDelay;
      const delay = Math.round(delayMs);
      found['queue-delay'] = {
        value: targetMs,
        unit: 'ms',
        depth: delay,
        acted: acted.of('queue-delay'),
      };
    }
    if (this.shed !== undefined) {
      const none = Number.POSITIVE_INFINITY;
      found.shed = { value: none, unit: 'handlers', depth, acted: acted.of('shed') };
    }
    return found;
  }

  private askShedding(shed: Shedding, stream: ServerStream, peer: Peer): StatusError | undefined {
    const { path } = stream.head;
    let error: StatusError | undefined;
    try {
      error = shed(new Arrival(stream, peer, this.running));
    } catch (thrown) {
      error = thrown instanceof StatusError ? thrown : this.failure(thrown, path);
    }
    // It may have closed the server: who has no call any more needs no handler.
    if (stream.isEnded) return StatusError.refusal(Status.CANCELLED, 'the call has ended');
    if (error === undefined) return undefined;
    this.count('shed', peer);
    // It may be any value where there are no types, and a promise where it was made async.
    if (!(error instanceof StatusError) || error.code === Status.OK) {
      const why = new TypeError(
        `shed answered with ${String(error)}; it takes a StatusError or undefined`,
      );
      return this.failure(why, path);
    }
    return error;
  }

  /** What a client is told of an error that is no status; the server's user hears all of it. */
  private failure(error: unknown, path: string): StatusError {
    this.report(error, path);
    return StatusError.refusal(Status.INTERNAL, HANDLER_FAILED);
  }

  // What the reporter throws is for the process to hear of, not for the connection that is being read.
  report(error: unknown, path: string): void {
    try {
      this.onHandlerError(error, path);
    } catch (thrown) {
      setImmediate(() => {
        throw thrown;
      });
    }
  }
}

/** All that clients hear of an error that a handler, an interceptor or `shed` threw. */
export const HANDLER_FAILED = 'the handler failed';

class Arrival implements ArrivingCall {
  readonly path: string;
  readonly peer: Peer;
  readonly running: number;
  private readonly stream: ServerStream;
  private read: Metadata | undefined;

  constructor(stream: ServerStream, peer: Peer, running: number) {
    this.path = stream.head.path;
    this.peer = peer;
    this.running = running;
    this.stream = stream;
    this.read = undefined;
  }

  get metadata(): Metadata {
    this.read ??= Metadata.fromFields(this.stream.head.metadata);
    return this.read;
  }
}

function logHandlerError(error: unknown, path: string): void {
  console.error(`the handler of ${path} failed:`, error);
}
