// A channel: the calls of a program to one target, over a connection that is made, watched and
// replaced by itself.
// Invariants: a call that cannot start now waits in one bounded line, in order, or is refused with
// RESOURCE_EXHAUSTED naming the limit; nothing a caller does grows memory past the limits.
// Not here: what a call does (call.ts), how connections are made (subchannel.ts).

import { Status } from '../grpc/status.ts';
import type { LimitName, LimitReading } from '../transport/admission.ts';
import { systemClock, type TimerHandle } from '../transport/clock.ts';
import { connectionStats, type RuntimeStats } from '../transport/connection-stats.ts';
import {
  type ClientLimits,
  defaultClientLimits,
  MAX_HEADER_LIST,
  MAX_MESSAGE_LENGTH_DEFAULT,
  resolveLimits,
} from '../transport/limits.ts';
import { windowOption } from '../transport/option-checks.ts';
import { processWheel, type TimerWheel } from '../transport/timer-wheel.ts';
import { type CallListener, type CallOptions, type CallPlacer, ClientCall } from './call.ts';
import { type ChannelOptions, checkOptions } from './channel-options.ts';
import { pumpRequests, type Requests } from './request-pump.ts';
import { ResponseStream } from './response-stream.ts';
import { type ConnectivityState, Subchannel } from './subchannel.ts';
import { parseTarget } from './target.ts';
import { UnaryCall } from './unary-call.ts';
import { WaitingLine } from './waiting-line.ts';

const USER_AGENT = 'grpc-node-sluice/0.1.0';

interface ReadyWaiter {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/**
 * Calls to one target. Made with `connect`; safe to share, meant to live as long as the program.
 * Errors of calls are StatusErrors; only misuse throws otherwise.
 */
export class Channel implements CallPlacer {
  readonly wheel: TimerWheel;
  private readonly limits: ClientLimits;
  private readonly policy: 'wait' | 'fail';
  private readonly subchannel: Subchannel;
  private readonly line: WaitingLine;
  private readonly readyWaiters: ReadyWaiter[];
  private readonly acted: { calls: number; bytes: number };
  private pumping: boolean;
  private closed: boolean;
  private hold: TimerHandle | undefined;

  /** Use `connect`. */
  constructor(target: string, options: ChannelOptions = {}) {
    const { endpoint, authority } = parseTarget(target);
    checkOptions(options);
    const window = windowOption('initialStreamWindow', options.initialStreamWindow);
    const connectionWindow = windowOption(
      'initialConnectionWindow',
      options.initialConnectionWindow,
    );
    this.limits = resolveLimits(defaultClientLimits, options.limits);
    this.wheel = processWheel;
    this.policy = options.admissionPolicy ?? 'wait';
    this.line = new WaitingLine();
    this.readyWaiters = [];
    this.acted = { calls: 0, bytes: 0 };
    this.pumping = false;
    this.closed = false;
    this.hold = undefined;
    const { userAgent } = options;
    this.subchannel = new Subchannel(
      {
        endpoint,
        authority: options.authority ?? authority,
        secure: options.tls === true ? {} : options.tls === false ? undefined : options.tls,
        limits: this.limits,
        userAgent: userAgent === undefined ? USER_AGENT : `${userAgent} ${USER_AGENT}`,
        wheel: this.wheel,
        connectTimeoutMs: options.connectTimeoutMs,
        maxHeaderList: options.maxHeaderListBytes ?? MAX_HEADER_LIST,
        maxReceiveMessageLength: options.maxReceiveMessageLength ?? MAX_MESSAGE_LENGTH_DEFAULT,
        initialStreamWindow: window,
        initialConnectionWindow: connectionWindow,
        staticWindows: options.staticWindows ?? false,
        keepalive: options.keepalive ?? {},
        backoff: options.backoff ?? {},
      },
      { onState: (state) => this.onState(state), onCapacity: () => this.pump() },
    );
  }

  // Calls.

  /**
   * One request, one response.
   * @param path `/package.Service/Method`
   * @throws StatusError, as a rejection
   */
  unary(path: string, request: Uint8Array, options: CallOptions = NO_OPTIONS): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const listener = new UnaryCall(options, resolve, reject);
      listener.begin(new ClientCall(this, path, options, listener), request);
    });
  }

  /** One request, many responses; nothing is read ahead of the iteration. */
  serverStreaming(
    path: string,
    request: Uint8Array,
    options: CallOptions = NO_OPTIONS,
  ): AsyncIterableIterator<Buffer> {
    const listener = new ResponseStream(options);
    listener.begin(new ClientCall(this, path, options, listener), request);
    return listener;
  }

  /** Many requests, one response. */
  clientStreaming(
    path: string,
    requests: Requests,
    options: CallOptions = NO_OPTIONS,
  ): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const listener = new UnaryCall(options, resolve, reject);
      const call = new ClientCall(this, path, options, listener);
      listener.begin(call, undefined);
      pumpRequests(requests, call, listener);
    });
  }

  /** Many requests, many responses, independent of each other. */
  bidiStreaming(
    path: string,
    requests: Requests,
    options: CallOptions = NO_OPTIONS,
  ): AsyncIterableIterator<Buffer> {
    const listener = new ResponseStream(options);
    const call = new ClientCall(this, path, options, listener);
    listener.begin(call, undefined);
    pumpRequests(requests, call, listener);
    return listener;
  }

  /**
   * A call of any kind with callbacks: the layer the others stand on. The listener may be called
   * before this returns only with `onEnd`, when the call is refused at once.
   */
  call(path: string, options: CallOptions, listener: CallListener): Call {
    const call = new ClientCall(this, path, options, listener);
    call.start(undefined);
    return call;
  }

  /** Resolves when a call would be admitted; rejects never, but stays pending while none would. */
  ready(): Promise<void> {
    if (this.admitsNow()) return Promise.resolve();
    this.subchannel.connect();
    // Whoever asks again and again while nothing is admitted shares the last promise.
    const last = this.readyWaiters[this.limits.waitingCalls - 1];
    if (last !== undefined) return last.promise;
    let resolve: () => void = () => {};
    const promise = new Promise<void>((given) => {
      resolve = given;
    });
    this.readyWaiters.push({ promise, resolve });
    this.subchannel.transport?.notifyCapacity();
    this.holdProcess();
    return promise;
  }

  /** Connectivity: IDLE, CONNECTING, READY, TRANSIENT_FAILURE or SHUTDOWN. */
  get state(): ConnectivityState {
    return this.subchannel.state;
  }

  /** Every queue, window and limit as it stands; cheap enough for ten times a second. */
  stats(): RuntimeStats {
    const now = this.wheel.now();
    const first = this.line.first;
    const limits: Record<string, LimitReading> = {
      'waiting-calls': {
        value: this.limits.waitingCalls,
        unit: 'calls',
        depth: this.line.size,
        acted: this.acted.calls,
      },
      'waiting-bytes': {
        value: this.limits.waitingBytes,
        unit: 'bytes',
        depth: this.line.bytes,
        acted: this.acted.bytes,
      },
    };
    const current = this.subchannel.transport;
    if (current !== undefined) Object.assign(limits, current.admission.readings());
    return {
      state: this.subchannel.state,
      waitingCalls: this.line.size,
      oldestWaitMs: first === undefined ? 0 : Math.round(now - first.waitingSinceMs),
      limits,
      connections: [...this.subchannel.live].map(({ transport, id, names, sinceMs }) =>
        connectionStats(transport.connection, { id, names, sinceMs, state: transport.state }),
      ),
    };
  }

  /** Ends the channel: open and waiting calls fail with UNAVAILABLE, connections close. */
  close(): Promise<void> {
    if (!this.closed) {
      this.closed = true;
      this.subchannel.shutdown('the channel was closed');
      this.failLine('the channel was closed', true);
    }
    return this.subchannel.whenClosed();
  }

  // CallPlacer.

  place(call: ClientCall, again: boolean): void {
    if (this.closed) {
      call.refuse(Status.UNAVAILABLE, 'the channel is closed');
      return;
    }
    const transport = this.subchannel.transport;
    if (transport === undefined) {
      this.placeUnconnected(call, again);
      return;
    }
    if (this.line.size === 0 || again) {
      const refusal = transport.admission.refuses(call.queueBytes);
      if (refusal === undefined && call.open(transport)) return;
      this.waitOrRefuse(call, again, refusal ?? 'draining');
      return;
    }
    this.waitOrRefuse(call, again, undefined);
  }

  private placeUnconnected(call: ClientCall, again: boolean): void {
    this.subchannel.connect();
    if (this.subchannel.state === 'TRANSIENT_FAILURE' && !call.waitForReady) {
      call.refuse(Status.UNAVAILABLE, this.subchannel.lastFailure);
      return;
    }
    this.enterLine(call, again, undefined);
  }

  private waitOrRefuse(call: ClientCall, again: boolean, limit: LimitName | undefined): void {
    const admission = this.subchannel.transport?.admission;
    const reason = limit ?? admission?.refuses(call.queueBytes);
    if (reason !== undefined) admission?.count(reason);
    const waits = this.policy === 'wait' || again || reason === undefined || reason === 'draining';
    if (!waits && admission !== undefined && reason !== undefined) {
      call.refuse(Status.RESOURCE_EXHAUSTED, `refused by ${admission.describe(reason)}`);
      return;
    }
    this.enterLine(call, again, reason);
    this.subchannel.transport?.notifyCapacity();
  }

  private enterLine(call: ClientCall, again: boolean, reason: LimitName | undefined): void {
    const { waitingCalls, waitingBytes } = this.limits;
    const { line } = this;
    if (!again && line.size >= waitingCalls) {
      this.acted.calls += 1;
      const why = reason ?? this.waitReason();
      call.refuse(
        Status.RESOURCE_EXHAUSTED,
        `refused by the waiting-calls limit: ${line.size} of ${waitingCalls} calls wait already (${why}); slow down or raise limits.waitingCalls`,
      );
      return;
    }
    if (
      !again &&
      line.bytes > 0 &&
      line.bytes + call.heldBytes + call.metadataBytes > waitingBytes
    ) {
      this.refuseBytes(call, line.bytes, reason);
      return;
    }
    call.waitingSinceMs = this.wheel.now();
    line.add(call, again);
    this.holdProcess();
  }

  private refuseBytes(call: ClientCall, depth: number, reason: LimitName | undefined): void {
    const { waitingBytes } = this.limits;
    this.acted.bytes += 1;
    const why = reason ?? this.waitReason();
    call.refuse(
      Status.RESOURCE_EXHAUSTED,
      `refused by the waiting-bytes limit: ${depth} of ${waitingBytes} bytes wait already (${why}); slow down or raise limits.waitingBytes`,
    );
  }

  onHeld(call: ClientCall, bytes: number): void {
    const before = this.line.bytes;
    this.line.bytes += bytes;
    const over = before > 0 && this.line.bytes > this.limits.waitingBytes;
    if (over && bytes > 0) this.refuseBytes(call, before, undefined);
  }

  withdraw(call: ClientCall): void {
    this.line.remove(call);
    this.holdProcess();
  }

  waitReason(): string {
    const { subchannel } = this;
    const transport = subchannel.transport;
    if (transport !== undefined) {
      const limit = transport.admission.refuses(0);
      return limit === undefined ? 'its turn in the line' : transport.admission.describe(limit);
    }
    return subchannel.lastFailure === ''
      ? `${subchannel.state}, no connection to ${subchannel.name} yet`
      : `${subchannel.state}, ${subchannel.lastFailure}`;
  }

  private admitsNow(): boolean {
    const transport = this.subchannel.transport;
    if (transport === undefined || this.line.size > 0) return false;
    return transport.admission.refuses(0) === undefined;
  }

  /** Lets waiting calls start, in order, as far as the limits admit. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    let transport = this.subchannel.transport;
    let call = this.line.first;
    while (transport !== undefined && call !== undefined) {
      if (transport.admission.refuses(call.queueBytes) !== undefined) break;
      this.line.remove(call);
      if (!call.open(transport)) {
        this.line.add(call, true);
        break;
      }
      transport = this.subchannel.transport;
      call = this.line.first;
    }
    this.pumping = false;
    this.tellReady();
    const more = this.line.size > 0 || this.readyWaiters.length > 0;
    if (more) this.subchannel.transport?.notifyCapacity();
  }

  // One at a time: what the one does with the room is seen before the next is told. Nothing else need
  // happen on the connection, so the next does not wait for it.
  private tellReady(): void {
    if (this.readyWaiters.length === 0 || !this.admitsNow()) return;
    this.readyWaiters.shift()?.resolve();
    if (this.readyWaiters.length > 0 && this.admitsNow()) setImmediate(() => this.pump());
  }

  private onState(state: ConnectivityState): void {
    if (state === 'READY') this.pump();
    else if (state === 'TRANSIENT_FAILURE') this.failLine(this.subchannel.lastFailure, false);
    else if (state === 'IDLE' && (this.line.size > 0 || this.readyWaiters.length > 0)) {
      this.subchannel.connect();
    }
    this.holdProcess();
  }

  // Between two attempts to connect no socket holds the process, and timers of the wheel never do:
  // whoever waits must.
  private holdProcess(): void {
    const waited = this.line.size > 0 || this.readyWaiters.length > 0;
    const holds = waited && this.subchannel.state === 'TRANSIENT_FAILURE';
    if (holds === (this.hold !== undefined)) return;
    if (this.hold !== undefined) systemClock.clearTimer(this.hold);
    this.hold = holds ? systemClock.setTimer(() => {}, Number.POSITIVE_INFINITY, true) : undefined;
  }

  private failLine(reason: string, all: boolean): void {
    // Listed first: the listener of one may cancel another, or start a new call.
    const failed: ClientCall[] = [];
    for (let call = this.line.first; call !== undefined; call = call.nextInLine) {
      if (all || !call.waitForReady) failed.push(call);
    }
    for (const call of failed) if (call.inLine) call.refuse(Status.UNAVAILABLE, reason);
  }
}

const NO_OPTIONS: CallOptions = Object.freeze({});

/** What the caller holds of a call made with `Channel.call`. */
export type Call = Pick<ClientCall, 'send' | 'halfClose' | 'request' | 'cancel' | 'isEnded'>;

/**
 * A channel to `target`. It connects when the first call is made.
 * @param target `host:port`, `[v6]:port`, `dns:///host:port` or `unix:/path`
 * @throws TypeError or RangeError for a target or option that is not understood
 */
export function connect(target: string, options?: ChannelOptions): Channel {
  return new Channel(target, options);
}
