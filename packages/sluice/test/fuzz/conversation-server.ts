// The server's half of the conversation fuzzer: a ServerTransport and the handlers of its calls, which do
// what the steps say: read, answer, stall, end. What a handler hears is held to the rules of its listener.

import type { Connection } from '#sluice/transport/connection.js';
import { feedFromData } from '#sluice/transport/connector.js';
import type { Schedule } from '#sluice/transport/event-loop.js';
import { defaultServerLimits } from '#sluice/transport/limits.js';
import type { MemoryBudget } from '#sluice/transport/memory-budget.js';
import type { ServerStream, ServerStreamListener } from '#sluice/transport/server-stream.js';
import {
  ServerTransport,
  type ServerTransportListener,
} from '#sluice/transport/server-transport.js';
import type { TimerWheel } from '#sluice/transport/timer-wheel.js';
import type { FuzzSocket } from './fuzz-socket.js';
import { broken, hold } from './target.js';
import { numberAt, type Step } from './transcript.js';

export interface EndParts {
  readonly socket: FuzzSocket;
  readonly wheel: TimerWheel;
  readonly schedule: Schedule;
  readonly budget: MemoryBudget;
}

const MESSAGE_LIMITS = [4_194_304, 100, 5_000, 70_000];
const STREAM_LIMITS = [100, 2, 5, 1_000];
const HANDLER_LIMITS = [100, 1, 4, 4_096];
const BYTE_LIMITS = [4_194_304, 1_000, 20_000, 100_000];
const EXPOSURE_LIMITS = [67_108_864, 40_000, 200_000, 1_000_000];

/** What messages are cut from. */
export const PAYLOAD: Buffer = Buffer.alloc(200_000, 3);

/** What of a list a step chooses. */
export function chosen(list: readonly number[], step: Step, at: number): number {
  return list[numberAt(step, at, list.length - 1)] ?? 0;
}

/** Limits that an end is made with, by the first step: [word, budget, ...]. */
export const Choice = {
  message: (step: Step): number => chosen(MESSAGE_LIMITS, step, 2),
  streams: (step: Step): number => chosen(STREAM_LIMITS, step, 3),
  handlers: (step: Step): number => chosen(HANDLER_LIMITS, step, 4),
  queuedBytes: (step: Step): number => chosen(BYTE_LIMITS, step, 5),
  exposureBytes: (step: Step): number => chosen(EXPOSURE_LIMITS, step, 6),
} as const;

/** What a handler does of itself. */
const STALLS = 0;
const ECHOES = 1;

class Handler implements ServerStreamListener {
  readonly stream: ServerStream;
  isOver = false;
  private isDone = false;
  private readonly end: ConversationServer;

  constructor(stream: ServerStream, end: ConversationServer) {
    this.stream = stream;
    this.end = end;
  }

  /** Its slot is given back, once. */
  release(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.end.transport.handlerDone(this.stream);
  }

  finish(code: number): void {
    this.isOver = true;
    this.stream.end(code === 0 ? 0 : 13, code === 0 ? '' : 'it failed \u20ac', []);
    this.release();
  }

  onMessage(message: Buffer): void {
    hold(!this.isOver, 'a message behind the end of a call');
    if (message.length > this.end.mostMessage) broken(`a message of ${message.length} bytes`);
    if (this.end.policy === ECHOES) this.stream.send(message);
  }

  onHalfClose(): void {
    hold(!this.isOver, 'a half-close behind the end of a call');
    if (this.end.policy === ECHOES) this.finish(0);
  }

  onWritable(): void {
    hold(!this.isOver, 'room behind the end of a call');
  }

  onCancel(reason: string): void {
    if (this.isOver) broken(`cancelled behind its end: ${reason}`);
    hold(reason !== '', 'a cancellation says why');
    this.isOver = true;
    // A handler that stalls may come back later, or with the end of the server.
    if (this.end.policy !== STALLS) this.release();
  }
}

export class ConversationServer implements ServerTransportListener {
  readonly name: string = 'server';
  readonly transport: ServerTransport;
  readonly mostMessage: number;
  policy: number = STALLS;
  private readonly calls: Handler[] = [];
  private closes = 0;

  constructor(parts: EndParts, first: Step) {
    this.mostMessage = Choice.message(first);
    this.transport = new ServerTransport(this, {
      ...parts,
      limits: {
        ...defaultServerLimits,
        streams: Choice.streams(first),
        handlers: Choice.handlers(first),
        queuedBytes: Choice.queuedBytes(first),
        exposureBytes: Choice.exposureBytes(first),
      },
      maxHeaderList: 16_384,
      maxReceiveMessageLength: this.mostMessage,
      initialStreamWindow: 65_535,
      initialConnectionWindow: 65_535,
      staticWindows: numberAt(first, 8, 1) === 1,
      keepalive: {},
      minPingIntervalMs: undefined,
      permitPingsWithoutStream: false,
    });
    feedFromData(parts.socket, this.transport.connection.reader);
  }

  get connection(): Connection {
    return this.transport.connection;
  }

  onStream(stream: ServerStream): void {
    const call = new Handler(stream, this);
    stream.listen(call);
    this.calls.push(call);
    if (this.policy === ECHOES) stream.request(1_000);
  }

  onClosed(): void {
    this.closes++;
  }

  /** False for a step that is none of its. */
  step(word: string, step: Step): boolean {
    if (word === 'policy') {
      this.policy = numberAt(step, 1, 2);
      return true;
    }
    if (word === 'drain') {
      this.transport.drain('the server drains', numberAt(step, 1, 60_000));
      return true;
    }
    const call = this.calls[numberAt(step, 1, 1_000)];
    switch (word) {
      case 'read':
        call?.stream.request(numberAt(step, 2, 1_000));
        return true;
      case 'send':
        call?.stream.send(PAYLOAD.subarray(0, numberAt(step, 2, PAYLOAD.length)));
        return true;
      case 'head':
        call?.stream.sendHead(['x-answer', String(numberAt(step, 2, 9))]);
        return true;
      case 'finish':
        if (call !== undefined && !call.isOver) call.finish(numberAt(step, 2, 1));
        return true;
      case 'release':
        if (call?.isOver) call.release();
        return true;
      case 'reset':
        if (call !== undefined && !call.isOver) {
          call.isOver = true;
          call.stream.reset(8);
          call.release();
        }
        return true;
      default:
        return false;
    }
  }

  /** What came of calls. */
  get outcome(): string {
    return this.calls.length === 0 ? 'no call' : 'calls';
  }

  check(): void {
    const { transport } = this;
    const { handlers, limits } = transport;
    if (!(handlers >= 0 && handlers <= limits.handlers))
      broken(`${handlers} handlers run, the limit is ${limits.handlers}`);
    if (transport.connection.streams.size > limits.streams)
      broken(`${transport.connection.streams.size} streams, the limit is ${limits.streams}`);
    if (transport.deliveredBytes < 0) broken(`${transport.deliveredBytes} bytes delivered`);
  }

  close(): void {
    this.transport.close('the conversation is over');
  }

  checkOver(): void {
    if (this.closes !== 1) broken(`it was told ${this.closes} times that the connection is over`);
    for (const call of this.calls) {
      if (!call.isOver)
        broken(`the handler of stream ${call.stream.out.id} was never told of the end`);
      call.release();
    }
    if (this.transport.handlers !== 0) broken(`${this.transport.handlers} handlers`);
    if (this.transport.deliveredBytes !== 0)
      broken(`${this.transport.deliveredBytes} bytes delivered`);
  }
}
