// One running handler: its slot, its deadline, what it sends, and the one status it ends with.
// Invariants: the slot is given back when the handler is done, not when the client is; an error of
// a handler becomes a status, INTERNAL without details unless it is a StatusError.

import { keepMark } from '../grpc/compression-mark.ts';
import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { ConcurrencyLimiter } from '../transport/concurrency-limiter.ts';
import { checkMessage } from '../transport/message-check.ts';
import type { MessageWriter } from '../transport/message-pump.ts';
import type { Peer } from '../transport/peer.ts';
import type { ServerStream } from '../transport/server-stream.ts';
import type { ServerTransport } from '../transport/server-transport.ts';
import { stallText } from '../transport/stall.ts';
import type { WheelTimer } from '../transport/timer-wheel.ts';
import { type CallAborter, ServerContext } from './context.ts';
import { HANDLER_FAILED, type HandlerLoad } from './handler-load.ts';
import type { ServedMethod } from './served-method.ts';

const NO_FIELDS: HeaderFields = [];

/** Who runs the handler. */
export interface SlotListener {
  /** The call ended without its handler, which may be waiting for messages. */
  over(reason: string): void;
  /** The slot was given back. */
  released(): void;
}

/** A handler's hold on its call: ends it with one status, then frees the slot. */
export class HandlerSlot<I, O> implements WheelTimer, MessageWriter<O>, CallAborter {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  readonly context: ServerContext;
  readonly stream: ServerStream;
  readonly method: ServedMethod<I, O>;
  /** Hears how long a handler took that answers once, where `shedQueueDelay` asks for it. */
  timed: ConcurrencyLimiter | undefined;
  private readonly transport: ServerTransport;
  private readonly load: HandlerLoad;
  private readonly listener: SlotListener;
  private taken: boolean;

  constructor(
    method: ServedMethod<I, O>,
    stream: ServerStream,
    transport: ServerTransport,
    peer: Peer,
    load: HandlerLoad,
    listener: SlotListener,
  ) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.stream = stream;
    this.method = method;
    this.timed = undefined;
    this.transport = transport;
    this.load = load;
    this.listener = listener;
    this.taken = true;
    const { wheel, nowMs } = transport.connection;
    load.running += 1;
    load.started += 1;
    load.lastStartMs = nowMs;
    this.context = new ServerContext(method, stream, peer, this, nowMs);
    if (stream.head.timeoutMs >= 0) wheel.add(this, nowMs + stream.head.timeoutMs);
    if (method.maxReceiveMessageLength !== undefined) {
      stream.messages.maxMessageLength = method.maxReceiveMessageLength;
    }
    if (method.compress !== undefined) stream.compress(method.compress);
  }

  /** The client's deadline. */
  onTimer(): void {
    const { wheel } = this.transport.connection;
    const startMs = this.wheelDeadline - this.stream.head.timeoutMs;
    const reason = wheel.stalls.within(startMs, wheel.now()) ?? this.stream.stall(false);
    const text = `the deadline passed on the server; ${stallText(reason)}`;
    this.stream.end(Status.DEADLINE_EXCEEDED, text, NO_FIELDS);
    this.cancelled('the deadline passed');
  }

  /** The call is over for the client; the handler may still run. */
  cancelled(reason: string): void {
    this.stopTimer();
    if (this.context.cancelled) return;
    this.context.cancel(reason);
    this.listener.over(reason);
  }

  /** A rule was broken: the client gets a status, the handler hears that the call is over. */
  refuse(code: Status, details: string): void {
    this.stream.end(code, details, this.context.trailerFields());
    this.cancelled(details);
  }

  /** The handler gives its call up, from wherever it is. */
  abort(error: StatusError): void {
    if (this.stream.isEnded) return;
    this.context.flushHeader();
    this.endWith(error);
    this.cancelled(`the call was aborted: ${error.message}`);
  }

  private endWith(error: StatusError): void {
    const fields = [...this.context.trailerFields(), ...error.metadata.toFields()];
    this.stream.end(error.code, error.details, fields);
  }

  /** A request message. @throws StatusError when it cannot be decoded; the call is over then */
  decode(bytes: Buffer): I {
    try {
      return this.method.request.decode(bytes);
    } catch (error) {
      const text = `cannot decode the request of ${this.context.path}: ${messageOf(error)}`;
      this.refuse(Status.INTERNAL, text);
      throw StatusError.refusal(Status.INTERNAL, text);
    }
  }

  // MessageWriter.

  get isEnded(): boolean {
    return this.stream.isEnded;
  }

  /**
   * A response message.
   * @throws what its codec throws; StatusError when it is too large; TypeError for what is no bytes
   */
  send(message: O): boolean {
    const { response, maxSendMessageLength } = this.method;
    const bytes = response.encode(message);
    if (maxSendMessageLength !== Number.POSITIVE_INFINITY) {
      checkMessage(bytes, 'response');
      if (bytes.length > maxSendMessageLength) {
        const text = `a response message of ${bytes.length} bytes exceeds the limit of ${maxSendMessageLength}; raise maxSendMessageLength on the server`;
        throw StatusError.refusal(Status.RESOURCE_EXHAUSTED, text);
      }
    }
    this.context.flushHeader();
    keepMark(message, bytes);
    return this.stream.send(bytes);
  }

  /** The handler is done, well. */
  succeed(): void {
    this.end(Status.OK, '');
  }

  /** The handler ends its call itself. */
  end(code: Status, details: string): void {
    this.context.flushHeader();
    if (code === Status.OK && !this.stream.isEnded) this.load.succeeded += 1;
    this.stream.end(code, details, this.context.trailerFields());
    this.release();
  }

  /** The handler threw. */
  fail(error: unknown): void {
    this.context.flushHeader();
    if (error instanceof StatusError && error.code !== Status.OK) {
      this.endWith(error);
    } else if (this.context.cancelled) {
      this.stream.end(Status.CANCELLED, '', NO_FIELDS);
    } else {
      this.stream.end(Status.INTERNAL, HANDLER_FAILED, this.context.trailerFields());
      this.load.report(error, this.context.path);
    }
    this.release();
  }

  /** Gives the slot back, once. */
  release(): void {
    this.stopTimer();
    if (!this.taken) return;
    this.taken = false;
    this.load.running -= 1;
    if (this.timed !== undefined) this.tellTime(this.timed);
    this.transport.handlerDone(this.stream);
    this.listener.released();
  }

  private tellTime(timed: ConcurrencyLimiter): void {
    const nowMs = this.transport.connection.wheel.now();
    const { openedMs, head } = this.stream;
    const isLate = head.timeoutMs >= 0 && nowMs - openedMs >= head.timeoutMs;
    // How soon a handler ends that was told of a cancellation says nothing.
    if (this.context.cancelled && !isLate) timed.leave();
    else timed.answer(openedMs, nowMs, isLate ? Status.DEADLINE_EXCEEDED : Status.OK);
  }

  private stopTimer(): void {
    if (this.wheelSlot >= 0) this.transport.connection.wheel.remove(this);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
