// One running handler: its slot, its deadline, and the one status it ends with.
// Invariants: the slot is given back when the handler is done, not when the client is; an error of
// a handler becomes a status, INTERNAL without details unless it is a StatusError.

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { MessageWriter } from '../transport/message-pump.ts';
import type { ServerStream } from '../transport/server-stream.ts';
import type { ServerTransport } from '../transport/server-transport.ts';
import type { WheelTimer } from '../transport/timer-wheel.ts';
import { ServerContext } from './context.ts';

const NO_FIELDS: HeaderFields = [];

/** A handler's hold on its call: ends it with one status, then frees the slot. */
export class HandlerSlot implements WheelTimer, MessageWriter {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  readonly context: ServerContext;
  readonly stream: ServerStream;
  private readonly transport: ServerTransport;
  private readonly onError: (error: unknown, path: string) => void;
  private readonly onOver: (reason: string) => void;
  private taken: boolean;

  /** @param onOver the call ended without its handler: it may be waiting for messages */
  constructor(
    stream: ServerStream,
    transport: ServerTransport,
    peer: string,
    onError: (error: unknown, path: string) => void,
    onOver: (reason: string) => void,
  ) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.stream = stream;
    this.transport = transport;
    this.onError = onError;
    this.onOver = onOver;
    this.taken = true;
    const { wheel, nowMs } = transport.connection;
    this.context = new ServerContext(stream, peer, nowMs);
    if (stream.head.timeoutMs >= 0) wheel.add(this, nowMs + stream.head.timeoutMs);
  }

  /** The client's deadline. */
  onTimer(): void {
    this.stream.end(Status.DEADLINE_EXCEEDED, 'the deadline passed on the server', NO_FIELDS);
    this.cancelled('the deadline passed');
  }

  /** The call is over for the client; the handler may still run. */
  cancelled(reason: string): void {
    this.stopTimer();
    this.context.cancel(reason);
    this.onOver(reason);
  }

  // MessageWriter, for handlers that answer with a stream.

  get isEnded(): boolean {
    return this.stream.isEnded;
  }

  send(message: Uint8Array): boolean {
    return this.stream.send(message);
  }

  /** The handler is done, well. */
  succeed(): void {
    this.stream.end(Status.OK, '', this.context.trailerFields());
    this.release();
  }

  /** The handler threw. */
  fail(error: unknown): void {
    if (error instanceof StatusError && error.code !== Status.OK) {
      const fields = [...this.context.trailerFields(), ...error.metadata.toFields()];
      this.stream.end(error.code, error.details, fields);
    } else if (this.context.cancelled) {
      this.stream.end(Status.CANCELLED, '', NO_FIELDS);
    } else {
      this.stream.end(Status.INTERNAL, 'the handler failed', this.context.trailerFields());
      this.report(error);
    }
    this.release();
  }

  // What the reporter throws is for the process to hear of, not for the connection that is being read.
  private report(error: unknown): void {
    try {
      this.onError(error, this.stream.head.path);
    } catch (thrown) {
      setImmediate(() => {
        throw thrown;
      });
    }
  }

  /** Gives the slot back, once. */
  release(): void {
    this.stopTimer();
    if (!this.taken) return;
    this.taken = false;
    this.transport.handlerDone();
  }

  private stopTimer(): void {
    if (this.wheelSlot >= 0) this.transport.connection.wheel.remove(this);
  }
}
