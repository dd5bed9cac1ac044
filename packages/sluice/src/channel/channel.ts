// A channel: the calls of a program to one target, over connections that are made, watched and
// replaced by themselves.
// Not here: how (channel-core.ts), what a call does (call.ts), settings (channel-options.ts).

import type { Method } from '../grpc/method.ts';
import type { RuntimeStats } from '../transport/connection-stats.ts';
import { checkMessage } from '../transport/message-check.ts';
import { beginCall, type CallTarget } from './begin-call.ts';
import { checkCallOptions, checkPath, NO_OPTIONS } from './call-arguments.ts';
import { type CallHandle, type CallListener, MetadataReader } from './call-handle.ts';
import type { CallOptions } from './call-options.ts';
import {
  startBidiStreaming,
  startClientStreaming,
  startServerStreaming,
  startUnary,
} from './calls.ts';
import { ChannelCore } from './channel-core.ts';
import type { ChannelOptions } from './channel-options.ts';
import { liveChannels } from './live-channels.ts';
import type { Requests } from './request-pump.ts';
import type { ConnectivityState } from './subchannel.ts';
import { targetText } from './target.ts';
import type { WatchOptions } from './waiter.ts';

/**
 * Calls to one target. Made with `connect`; safe to share, meant to live as long as the program,
 * which it keeps running only while a call is under way or somebody waits.
 * Errors of calls are StatusErrors; only misuse throws otherwise.
 */
export class Channel {
  /** The target, as `connect` was given it; of a list its `static:` form. */
  readonly target: string;
  private readonly core: ChannelCore;

  /** Use `connect`. */
  constructor(target: string | readonly string[], options: ChannelOptions = {}) {
    this.target = targetText(target);
    this.core = new ChannelCore(this.target, options);
    liveChannels.show(this, this.core);
  }

  // Calls.

  /**
   * One request, one response.
   * @param path `/package.Service/Method`, whose messages are bytes
   * @throws StatusError, as a rejection
   */
  unary(path: string, request: Uint8Array, options?: CallOptions): Promise<Buffer>;
  /** The same, with the messages of a method. */
  unary<I, O>(method: Method<I, O>, request: I, options?: CallOptions): Promise<O>;
  unary(target: CallTarget, request: unknown, options: CallOptions = NO_OPTIONS): Promise<unknown> {
    return startUnary(this.core, target, request, options);
  }

  /** One request, many responses; nothing is read ahead of the iteration. */
  serverStreaming(
    path: string,
    request: Uint8Array,
    options?: CallOptions,
  ): AsyncIterableIterator<Buffer>;
  /** The same, with the messages of a method. */
  serverStreaming<I, O>(
    method: Method<I, O>,
    request: I,
    options?: CallOptions,
  ): AsyncIterableIterator<O>;
  serverStreaming(
    target: CallTarget,
    request: unknown,
    options: CallOptions = NO_OPTIONS,
  ): AsyncIterableIterator<unknown> {
    return startServerStreaming(this.core, target, request, options);
  }

  /** Many requests, one response. */
  clientStreaming(path: string, requests: Requests, options?: CallOptions): Promise<Buffer>;
  /** The same, with the messages of a method. */
  clientStreaming<I, O>(
    method: Method<I, O>,
    requests: Requests<I>,
    options?: CallOptions,
  ): Promise<O>;
  clientStreaming(
    target: CallTarget,
    requests: Requests<unknown>,
    options: CallOptions = NO_OPTIONS,
  ): Promise<unknown> {
    return startClientStreaming(this.core, target, requests, options);
  }

  /** Many requests, many responses, independent of each other. */
  bidiStreaming(
    path: string,
    requests: Requests,
    options?: CallOptions,
  ): AsyncIterableIterator<Buffer>;
  /** The same, with the messages of a method. */
  bidiStreaming<I, O>(
    method: Method<I, O>,
    requests: Requests<I>,
    options?: CallOptions,
  ): AsyncIterableIterator<O>;
  bidiStreaming(
    target: CallTarget,
    requests: Requests<unknown>,
    options: CallOptions = NO_OPTIONS,
  ): AsyncIterableIterator<unknown> {
    return startBidiStreaming(this.core, target, requests, options);
  }

  /**
   * A call of any kind with callbacks: the layer the others stand on, below interceptors and
   * codecs. The listener may be called before this returns only with `onEnd`, when the call is
   * refused at once.
   * @param request of a call that sends one message: it is then all the call sends, at less cost than
   *   `send` and `halfClose`, which are not for such a call. It must not change until it was written
   * @throws TypeError for a path that is no string, options that are none, and a request that is no
   *   Uint8Array
   */
  call(path: string, options: CallOptions, listener: CallListener, request?: Uint8Array): Call {
    checkPath(path);
    checkCallOptions(options);
    if (request !== undefined) checkMessage(request, 'request');
    const call = beginCall(this.core, path, options, new MetadataReader(listener));
    call.start(request);
    return call;
  }

  // Connectivity.

  /**
   * Connects, and resolves when a call would be admitted. Keeps the process running meanwhile; to
   * connect ahead of time without waiting, use `connect`.
   * @throws StatusError as a rejection: UNAVAILABLE when the channel is closed, DEADLINE_EXCEEDED
   *   after `timeoutMs`, naming what it waited for, CANCELLED when `signal` aborts,
   *   RESOURCE_EXHAUSTED past `limits.waitingCalls` callers with either
   */
  ready(options: WatchOptions = {}): Promise<void> {
    return this.core.ready(options);
  }

  /** Connectivity: IDLE, CONNECTING, READY, TRANSIENT_FAILURE or SHUTDOWN. */
  get state(): ConnectivityState {
    return this.core.state;
  }

  /** Starts connecting, as the first call would; without effect otherwise. */
  connect(): void {
    this.core.exitIdle();
  }

  /**
   * Waits for the channel to leave a state.
   * @param known the state it was seen in
   * @returns the state it is in, at once when that is another one already
   * @throws StatusError as a rejection: DEADLINE_EXCEEDED after `timeoutMs`, CANCELLED when
   *   `signal` aborts, RESOURCE_EXHAUSTED past `limits.waitingCalls` callers
   */
  watchState(known: ConnectivityState, options: WatchOptions = {}): Promise<ConnectivityState> {
    return this.core.watchState(known, options);
  }

  /** Every queue, window and limit as it stands; cheap enough for ten times a second. */
  stats(): RuntimeStats {
    return this.core.stats();
  }

  /**
   * What the calls of this channel wait for now, since when, and what would release them: a sentence
   * for those without a stream, and one for each connection with calls, told by the call that is worst
   * off. For people: the words may change. What it waits for alone: `Call.explain`.
   */
  explain(): string {
    return this.core.explain();
  }

  /** Ends the channel: open and waiting calls fail with UNAVAILABLE, connections close. */
  close(): Promise<void> {
    return this.core.close();
  }
}

/** What the caller holds of a call made with `Channel.call`. */
export type Call = Pick<
  CallHandle,
  'send' | 'halfClose' | 'request' | 'cancel' | 'isEnded' | 'peer' | 'explain'
>;

/**
 * A channel to `target`. It connects when the first call is made.
 * @param target `host:port`, `[v6]:port`, `dns:///host:port`, `ipv4:`, `ipv6:`, `unix:/path`,
 *   `static:` or a scheme of a registered resolver; or a list of `host:port` and `[v6]:port`, which
 *   is `static:` of them
 * @throws TypeError or RangeError for a target or option that is not understood
 */
export function connect(target: string | readonly string[], options?: ChannelOptions): Channel {
  return new Channel(target, options);
}
