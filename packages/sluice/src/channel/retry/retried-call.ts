// A call that may consist of several attempts, one after the other (retries) or side by side
// (hedging), and is one call to its caller.
// Invariants: the listener hears of one attempt only, the one the call was committed to, and onEnd
// once; what is kept for further attempts is bounded; the deadline is that of all attempts together.
// gRFC A6. Not here: an attempt with its transparent retry (../call.ts), the plan (attempt-plan.ts).
// Longer than 400 lines because the attempts of a call are one state.

import type { Metadata } from '../../grpc/metadata.ts';
import { Status, statusName } from '../../grpc/status.ts';
import type { HeaderFields } from '../../hpack/header-fields.ts';
import { tellLimit } from '../../transport/connection-events.ts';
import { limitEvents } from '../../transport/diagnostics.ts';
import { headCharge, metadataCharge } from '../../transport/head-charge.ts';
import { countLimit } from '../../transport/limit-table.ts';
import { checkMessage } from '../../transport/message-check.ts';
import type { Peer } from '../../transport/peer.ts';
import { callText, deadlineText, type RetryStall } from '../../transport/stall.ts';
import type { WheelTimer } from '../../transport/timer-wheel.ts';
import type { CallHandle, FieldsListener } from '../call-handle.ts';
import type { CallOptions } from '../call-options.ts';
import { CallRecord, isRecorded } from '../call-record.ts';
import { type BondedCall, CallerBond } from '../caller-bond.ts';
import { Attempt, type AttemptOwner, dropAttempts } from './attempt.ts';
import type { AttemptPlan } from './attempt-plan.ts';
import { NEVER, NO_PUSHBACK, pushbackMs, withPreviousAttempts } from './pushback.ts';
import { ReplayBuffer } from './replay-buffer.ts';
import type { RetryHost } from './retry-host.ts';

const NO_LIMIT = Number.POSITIVE_INFINITY;

/** One call, one or more attempts. */
export class RetriedCall implements CallHandle, BondedCall, AttemptOwner, WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly host: RetryHost;
  private readonly plan: AttemptPlan;
  private readonly path: string;
  private readonly options: CallOptions;
  private readonly listener: FieldsListener;
  /** As they were when the call was made: the caller may change them between attempts. */
  private readonly metadata: Metadata | undefined;
  /** What attempts are made with. */
  private attemptOptions: CallOptions;
  private timeoutMs: number;
  private startedMs: number;
  private deadlineMs: number;
  private readonly bond: CallerBond;
  private readonly buffer: ReplayBuffer;
  /** The whole request of a call that sends one, until the call is committed. */
  private whole: Uint8Array | undefined;
  private halfClosed: boolean;
  /** Messages asked for; nothing arrives before the call is committed. */
  private wanted: number;
  /** `send` said false, and onWritable is still to come. */
  private owesWritable: boolean;
  /** Attempts under way. */
  private readonly live: Attempt[];
  private attempts: number;
  /** Delays since the server last named one. */
  private backoffs: number;
  private committed: Attempt | undefined;
  /** The one that was begun last, and at the end the one whose status it is. */
  private latest: Attempt | undefined;
  /** The next attempt is the last: too much is kept for another one. */
  private commitsNext: boolean;
  /** No more attempts, for another reason than their number. */
  private frozen: boolean;
  private waiting: boolean;
  /** The failure that the next attempt follows, when that was, and when the attempt is due, ms. */
  private failure: string;
  private failedMs: number;
  private nextAttemptMs: number;
  private headSeen: boolean;
  private ended: boolean;
  /** For whoever listens to calls. */
  record: CallRecord | undefined;

  /** @param configuredMs the method's timeout, ms; the shorter of it and the caller's holds */
  constructor(
    host: RetryHost,
    plan: AttemptPlan,
    path: string,
    configuredMs: number | undefined,
    options: CallOptions,
    listener: FieldsListener,
  ) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.host = host;
    this.plan = plan;
    this.path = path;
    this.options = options;
    this.listener = listener;
    this.metadata = options.metadata?.clone();
    this.attemptOptions = options;
    this.timeoutMs = options.timeoutMs ?? NO_LIMIT;
    if (configuredMs !== undefined) this.timeoutMs = Math.min(this.timeoutMs, configuredMs);
    this.startedMs = 0;
    this.deadlineMs = NO_LIMIT;
    this.bond = new CallerBond(options, this);
    this.buffer = new ReplayBuffer(host.account);
    this.whole = undefined;
    this.halfClosed = false;
    this.wanted = 0;
    this.owesWritable = false;
    this.live = [];
    this.attempts = 0;
    this.backoffs = 0;
    this.committed = undefined;
    this.latest = undefined;
    this.commitsNext = false;
    this.frozen = false;
    this.waiting = false;
    this.failure = '';
    this.failedMs = 0;
    this.nextAttemptMs = 0;
    this.headSeen = false;
    this.ended = false;
    this.record = undefined;
  }

  get isEnded(): boolean {
    return this.ended;
  }

  /** Of the attempt that the call is committed to, or else of the latest; none between two of them. */
  get peer(): Peer | undefined {
    return this.waiting ? undefined : (this.committed ?? this.latest)?.handle.peer;
  }

  // What the caller does.

  start(message: Uint8Array | undefined): void {
    if (isRecorded()) this.startRecord();
    this.whole = message;
    this.startedMs = this.host.wheel.now();
    this.timeoutMs = Math.min(this.timeoutMs, this.bond.parentMs);
    this.deadlineMs = this.startedMs + this.timeoutMs;
    // Without any time left the first attempt says so.
    if (this.timeoutMs > 0) this.bond.tie();
    if (this.ended) return;
    // Signal and parent end this call, and so its attempts, also while there are none.
    this.attemptOptions = {
      ...this.options,
      signal: undefined,
      parent: undefined,
      timeoutMs: this.timeoutMs,
      metadata: this.metadata,
    };
    const { metadata } = this;
    const head = metadata === undefined ? 0 : metadataCharge(metadata.toFields());
    const bytes = headCharge(this.path, head) + (message?.length ?? 0);
    if (!this.buffer.begin(bytes)) this.outgrow();
    try {
      this.startAttempts();
    } catch (error) {
      // Misuse: the caller's options are not what they must be.
      this.end('the call was never made');
      this.record?.end(Status.UNKNOWN, 'the call was never made');
      throw error;
    }
  }

  private startRecord(): void {
    this.record = new CallRecord(this.host, this.path, this.listener.method);
    this.record.start();
  }

  /** Attempts are made beside each other, not after each other. */
  get isHedged(): boolean {
    return this.plan.spacingMs !== NO_LIMIT;
  }

  send(message: Uint8Array): boolean {
    checkMessage(message, 'request');
    if (this.ended) return true;
    const { buffer, committed } = this;
    if (committed !== undefined && buffer.isEmpty) {
      this.owesWritable = !committed.pass(message);
      return !this.owesWritable;
    }
    if (this.owesWritable && buffer.isOver) {
      const cure = 'this call writes on; wait for onWritable after send() returns false';
      const text = `the messages kept for the next attempt exceed their limit; ${cure}`;
      this.abandon(Status.RESOURCE_EXHAUSTED, text);
      return true;
    }
    // While a committed attempt catches up, what it has not sent is kept, but for itself alone.
    if (!buffer.add(message) && committed === undefined && !this.commitsNext) this.outgrow();
    this.pumpAll();
    if (this.ended) return true;
    this.owesWritable = !this.isWritable;
    return !this.owesWritable;
  }

  halfClose(): void {
    if (this.ended || this.halfClosed) return;
    this.halfClosed = true;
    this.pumpAll();
  }

  request(count: number): void {
    this.wanted += count;
    for (const attempt of [...this.live]) attempt.handle.request(count);
  }

  cancel(details = 'cancelled by the caller'): void {
    this.abandon(Status.CANCELLED, details);
  }

  abandon(code: Status, details: string): void {
    this.finish(code, details, []);
  }

  onParentCancelled(reason: string): void {
    if (this.isPastDeadline) this.endByDeadline();
    else this.cancel(`the parent call was cancelled: ${reason}`);
  }

  // Messages.

  private get isWritable(): boolean {
    for (const attempt of this.live) if (attempt.isReadyFor(this.buffer)) return true;
    return false;
  }

  private pumpAll(): void {
    for (const attempt of [...this.live]) attempt.pump(this.buffer, this.halfClosed);
    this.release();
  }

  private release(): void {
    if (this.committed !== undefined) this.buffer.releaseBefore(this.committed.next);
  }

  /** Too much is kept: whichever attempt has sent most goes on, alone. */
  private outgrow(): void {
    const { host } = this;
    host.counts.committedByBuffer += 1;
    countLimit('retry-bytes');
    if (limitEvents.hasSubscribers) {
      tellLimit('retry-bytes', host.reading(), 'refused', 'client', host.target);
    }
    let first = this.live[0];
    for (const attempt of this.live) {
      if (first !== undefined && attempt.next > first.next) first = attempt;
    }
    if (first === undefined) this.commitsNext = true;
    else this.commit(first);
  }

  // Attempts.

  /** Whether an attempt may follow, as far as this call is concerned. */
  private get mayGoOn(): boolean {
    if (this.ended || this.frozen || this.committed !== undefined) return false;
    return this.attempts < this.plan.maxAttempts && !this.host.isClosed;
  }

  /** Whether too many calls fail for another attempt; then there is none. */
  private isThrottled(): boolean {
    const { throttle, counts } = this.host;
    if (throttle === undefined || throttle.allows) return false;
    counts.throttled += 1;
    this.freeze();
    return true;
  }

  private freeze(): void {
    this.frozen = true;
    this.host.wheel.remove(this);
  }

  /** The next attempt, and with hedges that have no delay all the others. */
  private startAttempts(): void {
    this.startAttempt();
    while (this.plan.spacingMs === 0 && this.mayGoOn && !this.waiting && !this.isThrottled()) {
      this.startAttempt();
    }
  }

  private startAttempt(): void {
    const { host, plan, attempts: previous, whole } = this;
    this.attempts += 1;
    // A failure came before the time of the attempt that it leads to.
    host.wheel.remove(this);
    this.stopWaiting();
    if (previous > 0) {
      if (plan.spacingMs === NO_LIMIT) host.counts.retries += 1;
      else host.counts.hedges += 1;
    }
    const elapsedMs = previous === 0 ? 0 : host.wheel.now() - this.startedMs;
    const attempt = new Attempt(
      this,
      host.starter,
      this.path,
      this.attemptOptions,
      previous,
      elapsedMs,
    );
    this.live.push(attempt);
    this.latest = attempt;
    if (this.commitsNext) this.commit(attempt);
    else if (plan.spacingMs > 0 && plan.spacingMs !== NO_LIMIT && this.mayGoOn) {
      host.wheel.add(this, host.wheel.now() + plan.spacingMs);
    }
    if (this.wanted > 0) attempt.handle.request(this.wanted);
    attempt.handle.start(whole);
    this.onAttemptWritable(attempt);
  }

  /** This attempt is the call, whatever becomes of it. */
  private commit(attempt: Attempt): void {
    this.committed = attempt;
    this.host.wheel.remove(this);
    this.whole = undefined;
    this.buffer.releaseHead();
    this.release();
    const others = this.live.splice(0, this.live.length, attempt).filter((one) => one !== attempt);
    dropAttempts(others, 'another attempt of the call was chosen');
  }

  // AttemptOwner.

  onAttemptHeader(attempt: Attempt, header: HeaderFields): void {
    if (this.committed === undefined) this.commit(attempt);
    if (this.ended) return;
    this.headSeen = true;
    this.listener.onHeader(withPreviousAttempts(header, attempt.previous));
  }

  onAttemptMessage(message: Buffer, compressed: boolean): void {
    this.listener.onMessage(message, compressed);
  }

  onAttemptWritable(attempt: Attempt): void {
    attempt.pump(this.buffer, this.halfClosed);
    this.release();
    if (this.ended || !this.owesWritable || !this.isWritable) return;
    this.owesWritable = false;
    this.listener.onWritable();
  }

  onAttemptEnd(attempt: Attempt, code: Status, details: string, trailer: HeaderFields): void {
    this.live.splice(this.live.indexOf(attempt), 1);
    const { endedHere } = attempt.handle;
    const askedMs = endedHere ? NO_PUSHBACK : pushbackMs(trailer);
    const isRetryable = !endedHere && this.plan.codes.has(code);
    this.countOutcome(code, isRetryable, askedMs);
    // What ended here ends attempts alone: with hedging another one may be answered yet.
    const isFinal = this.committed !== undefined || !(isRetryable || endedHere);
    if (!isFinal) {
      this.failure = `${statusName(code)}: ${details}`;
      if (endedHere || askedMs === NEVER) this.freeze();
      if (this.mayGoOn && !this.isThrottled()) {
        this.goOn(askedMs);
        return;
      }
      if (this.live.length > 0) return;
    }
    this.latest = attempt;
    // Where no headers came, the trailers are all there is to say how often it was tried.
    const known = this.headSeen ? trailer : withPreviousAttempts(trailer, attempt.previous);
    this.finish(code, details, known);
  }

  private countOutcome(code: Status, isRetryable: boolean, askedMs: number): void {
    const { throttle } = this.host;
    if (throttle === undefined) return;
    if (code === Status.OK) throttle.onSuccess();
    else if (isRetryable || askedMs === NEVER) throttle.onFailure();
  }

  /** The next attempt follows a failure: when the server asks for it, or by the plan. */
  private goOn(askedMs: number): void {
    const { plan, host } = this;
    let ms = askedMs;
    if (askedMs === NO_PUSHBACK) {
      ms = plan.delayMs(this.backoffs, host.random);
      this.backoffs += 1;
    } else {
      this.backoffs = 0;
    }
    if (ms <= 0 && !this.isPastDeadline) {
      this.startAttempts();
      return;
    }
    this.waiting = this.live.length === 0;
    if (this.waiting) host.onWaiting(this);
    this.failedMs = host.wheel.now();
    this.nextAttemptMs = this.failedMs + ms;
    host.wheel.add(this, Math.min(this.nextAttemptMs, this.deadlineMs));
  }

  private stopWaiting(): void {
    if (!this.waiting) return;
    this.waiting = false;
    this.host.onResumed(this);
  }

  // Time.

  private get isPastDeadline(): boolean {
    return this.host.wheel.now() >= this.deadlineMs;
  }

  /** A delay is over, or the deadline has passed. */
  onTimer(): void {
    if (this.isPastDeadline) {
      // Attempts under way have the same deadline and end by it.
      if (this.live.length === 0) this.endByDeadline();
      return;
    }
    if (this.live.length > 0 && this.isThrottled()) return;
    this.startAttempts();
  }

  private endByDeadline(): void {
    const { stalls } = this.host.wheel;
    const reason = stalls.within(this.startedMs, this.host.wheel.now()) ?? this.retryStall();
    this.abandon(Status.DEADLINE_EXCEEDED, deadlineText(this.timeoutMs, reason));
  }

  private retryStall(): RetryStall | undefined {
    if (!this.waiting) return undefined;
    const now = this.host.wheel.now();
    const { failure, failedMs, nextAttemptMs } = this;
    return { kind: 'retry', forMs: now - failedMs, failure, retryInMs: nextAttemptMs - now };
  }

  explain(): string {
    const attempt = this.committed ?? this.latest;
    if (this.ended || this.waiting || attempt === undefined) {
      return callText(this.ended, this.retryStall());
    }
    return attempt.handle.explain();
  }

  // The end.

  private finish(code: Status, details: string, trailer: HeaderFields): void {
    if (this.ended) return;
    this.end(details);
    if (this.record !== undefined) this.record.end(code, details);
    this.listener.onEnd(code, details, trailer);
  }

  private end(details: string): void {
    this.ended = true;
    this.host.wheel.remove(this);
    this.stopWaiting();
    this.bond.release();
    this.whole = undefined;
    this.buffer.clear();
    dropAttempts(this.live.splice(0), details);
  }
}
