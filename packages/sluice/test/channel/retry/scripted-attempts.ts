// Attempts that a test plays by hand, the calls made of them, and what their callers hear, on a
// clock that the test turns. `finish` asserts that nothing stays behind.

import assert from 'node:assert/strict';
import type { CallHandle, FieldsListener } from '#sluice/channel/call-handle.js';
import type { CallOptions } from '#sluice/channel/call-options.js';
import type { ResolvedMethodConfig } from '#sluice/channel/method-configs.js';
import type { AttemptHandle, AttemptStarter } from '#sluice/channel/retry/attempt.js';
import { RetryBufferAccount } from '#sluice/channel/retry/replay-buffer.js';
import { RetryCalls } from '#sluice/channel/retry/retry-calls.js';
import { Metadata } from '#sluice/grpc/metadata.js';
import { Status, statusName } from '#sluice/grpc/status.js';
import type { HeaderFields } from '#sluice/hpack/header-fields.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** Milliseconds that the wheel may be late: its tick. */
export const TICK_MS = 8;

export const PATH = '/s/m';

/** A policy with `maxAttempts`, 100 ms growing twofold to 1 s, on UNAVAILABLE. */
export function retryConfig(maxAttempts = 3): ResolvedMethodConfig {
  return config({
    retry: {
      maxAttempts,
      initialBackoffMs: 100,
      maxBackoffMs: 1_000,
      multiplier: 2,
      codes: new Set([Status.UNAVAILABLE]),
    },
  });
}

/** A policy with `maxAttempts` that forgives UNAVAILABLE. */
export function hedgingConfig(maxAttempts = 3, delayMs = 100): ResolvedMethodConfig {
  return config({
    hedging: { maxAttempts, delayMs, nonFatal: new Set([Status.UNAVAILABLE]) },
  });
}

export function config(parts: Partial<ResolvedMethodConfig>): ResolvedMethodConfig {
  return {
    waitForReady: undefined,
    timeoutMs: undefined,
    maxRequestBytes: undefined,
    maxResponseBytes: undefined,
    retry: undefined,
    hedging: undefined,
    ...parts,
  };
}

/** The trailers of a server that asks for something. */
export function pushback(value: string): Metadata {
  return new Metadata({ 'grpc-retry-pushback-ms': value });
}

/** One attempt as the channel sees it. */
export class ScriptedAttempt implements AttemptHandle {
  isEnded = false;
  endedHere = false;
  readonly peer: undefined = undefined;
  /** The whole request, as `start` was given it. */
  whole = '';
  readonly sent: string[] = [];
  halfClosed = false;
  wanted = 0;
  /** What `send` answers. */
  writable = true;
  cancelledFor = '';
  /** Plays the attempt while it is being started. */
  onStart: () => void = () => {};
  readonly options: CallOptions;
  readonly previous: number;
  readonly elapsedMs: number;
  private readonly listener: FieldsListener;

  constructor(options: CallOptions, listener: FieldsListener, previous: number, elapsedMs: number) {
    this.options = options;
    this.listener = listener;
    this.previous = previous;
    this.elapsedMs = elapsedMs;
  }

  start(message: Uint8Array | undefined): void {
    this.whole = message === undefined ? '' : String(message);
    this.onStart();
  }

  send(message: Uint8Array): boolean {
    assert.equal(this.halfClosed, false, 'a message after the last');
    if (!this.isEnded) this.sent.push(message.length > 20 ? `${message.length}` : String(message));
    return this.writable;
  }

  halfClose(): void {
    assert.equal(this.halfClosed, false, 'half-closed twice');
    this.halfClosed = true;
  }

  request(count: number): void {
    this.wanted += count;
  }

  explain(): string {
    return `attempt ${this.previous + 1} explains`;
  }

  cancel(details = ''): void {
    this.cancelledFor = details;
    this.abandon(Status.CANCELLED, details);
  }

  abandon(code: Status, details: string): void {
    if (this.isEnded) return;
    this.endedHere = true;
    this.end(code, details);
  }

  // What the test plays.

  room(): void {
    this.writable = true;
    this.listener.onWritable();
  }

  header(fields: Record<string, string> = {}): void {
    this.listener.onHeader(new Metadata(fields).toFields());
  }

  message(text: string): void {
    this.listener.onMessage(Buffer.from(text), false);
  }

  end(code: Status, details: string = statusName(code), trailer: Metadata = new Metadata()): void {
    assert.equal(this.isEnded, false, 'an attempt ends once');
    this.isEnded = true;
    this.listener.onEnd(code, details, trailer.toFields());
  }

  /** A limit of this process says no. */
  refuse(details: string): void {
    this.abandon(Status.RESOURCE_EXHAUSTED, details);
  }
}

/** A call, and what its caller hears: one line for each event. */
export class HeardCall implements FieldsListener {
  readonly events: string[] = [];
  header: Metadata = new Metadata();
  trailer: Metadata = new Metadata();
  handle: CallHandle | undefined = undefined;

  onHeader(header: HeaderFields): void {
    this.header = Metadata.fromFields(header);
    this.events.push('header');
  }

  onMessage(message: Buffer): void {
    this.events.push(`message ${message}`);
  }

  onWritable(): void {
    this.events.push('writable');
  }

  onEnd(code: Status, details: string, trailer: HeaderFields): void {
    this.trailer = Metadata.fromFields(trailer);
    this.events.push(`${statusName(code)}: ${details}`);
  }

  get call(): CallHandle {
    assert.ok(this.handle !== undefined);
    return this.handle;
  }
}

export class Scripted implements AttemptStarter {
  readonly clock: VirtualClock = new VirtualClock();
  readonly wheel: TimerWheel = new TimerWheel(this.clock);
  readonly made: ScriptedAttempt[] = [];
  readonly calls: HeardCall[] = [];
  readonly account: RetryBufferAccount;
  readonly retries: RetryCalls;
  /** 0.5 is no jitter. */
  chance: () => number = () => 0.5;
  /** Prepares an attempt that was made and is not started. */
  onMade: (attempt: ScriptedAttempt) => void = () => {};

  constructor(config: ResolvedMethodConfig, maxBytes?: number) {
    this.account = new RetryBufferAccount(maxBytes);
    this.retries = new RetryCalls({
      starter: this,
      wheel: this.wheel,
      random: () => this.chance(),
      configOf: () => config,
      clock: this.clock,
      account: this.account,
    });
  }

  newAttempt(
    path: string,
    options: CallOptions,
    listener: FieldsListener,
    previous: number,
    elapsedMs: number,
  ): ScriptedAttempt {
    assert.equal(path, PATH);
    const attempt = new ScriptedAttempt(options, listener, previous, elapsedMs);
    this.made.push(attempt);
    this.onMade(attempt);
    return attempt;
  }

  /** A call that is started; with `whole`, all of its request. */
  call(options: CallOptions = {}, whole?: string): HeardCall {
    const heard = new HeardCall();
    heard.handle = this.retries.newCall(PATH, options, heard);
    this.calls.push(heard);
    heard.call.start(whole === undefined ? undefined : Buffer.from(whole));
    return heard;
  }

  attempt(index: number): ScriptedAttempt {
    const attempt = this.made[index];
    assert.ok(attempt !== undefined, `attempt ${index} was not made`);
    return attempt;
  }

  /** Asserts that the next attempt is made when `ms` are over, and not before. */
  nextAfter(ms: number): ScriptedAttempt {
    const before = this.made.length;
    this.clock.advance(ms - 1);
    assert.equal(this.made.length, before, 'made too early');
    this.clock.advance(TICK_MS + 1);
    assert.equal(this.made.length, before + 1, 'not made in time');
    return this.attempt(before);
  }

  /** Nothing is left: no call, attempt, byte or timer. */
  finish(): void {
    for (const call of this.calls) assert.equal(call.handle?.isEnded, true, 'a call goes on');
    for (const attempt of this.made) assert.equal(attempt.isEnded, true, 'an attempt goes on');
    assert.equal(this.account.bytes, 0, 'bytes are kept');
    assert.equal(this.wheel.size, 0, 'a timer is left');
    assert.equal(this.retries.waitingCalls, 0, 'a call waits');
    assert.equal(this.clock.pendingRefs, 0, 'the process is held');
  }
}
