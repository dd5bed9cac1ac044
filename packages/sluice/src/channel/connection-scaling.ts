// When a backend gets one connection more, and when one is given up again: policy `automatic`.
// It opens for what is the connection's own: the peer's stream limit, or an outbound queue that the
// connection does not drain although the peer answers. It does not open for open calls, concurrency,
// exposure or memory, nor where nothing is answered, nor for a writer that is not blocked.
// A slow server and a slow connection both leave a full socket, and no figure of one connection tells
// them apart: what was opened is on trial (connection-trial.ts) and given up where it brought nothing.
// Invariants: no timer runs unless calls were held back lately or there is more than one connection;
// connections never pass the maximum. gRFC A105.

import type { AdmissionLimit } from '../transport/admission.ts';
import type { TimerWheel, WheelTimer } from '../transport/timer-wheel.ts';
import { WheelTimeout } from '../transport/wheel-timeout.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { type Cause, ConnectionTrial, callsEnded } from './connection-trial.ts';
import type { LiveTransport } from './dial.ts';

const CAUSES: ReadonlyMap<AdmissionLimit, Cause> = new Map([
  ['peer-streams', 'streams'],
  ['queued-items', 'queue'],
  ['queued-bytes', 'queue'],
  ['queue-age', 'queue'],
]);

/** Looks in a row that saw the peer answer, before a full queue is taken for the connection's fault. */
const ANSWERED_LOOKS = 2;

/** Milliseconds between two looks at the most, however far the peer is. */
const LONGEST_LOOK_MS = 500;

/** Milliseconds to the next trial after one that brought nothing; doubles to the second. */
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;

/** An idle time is watched in so many steps. */
const IDLE_STEPS = 4;

/** A connection is left when the others would do with this share of what they can. */
const SPARE_SHARE = 0.8;

/** One per pool. */
export class ConnectionScaling implements WheelTimer {
  wheelNext: WheelTimer | undefined;
  wheelPrevious: WheelTimer | undefined;
  wheelSlot: number;
  wheelDeadline: number;
  private readonly pool: ConnectionPool;
  private readonly wheel: TimerWheel;
  /** Why calls are held back; undefined while none are, or by what no connection would help. */
  private cause: Cause | undefined;
  private heldSinceMs: number;
  private heldLastMs: number;
  private answersSeen: number;
  private answered: number;
  private trial: ConnectionTrial | undefined;
  private nextTrialMs: number;
  private pauseMs: number;
  /** Calls per second of one connection at its best, as the last trial has found it. */
  private callsOfOne: number;
  private idle: WheelTimeout | undefined;
  private quietSteps: number;
  private idleEnded: number;
  private mostNeeded: number;

  constructor(pool: ConnectionPool, wheel: TimerWheel) {
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.wheelDeadline = 0;
    this.pool = pool;
    this.wheel = wheel;
    this.cause = undefined;
    this.heldSinceMs = 0;
    this.heldLastMs = 0;
    this.answersSeen = 0;
    this.answered = 0;
    this.trial = undefined;
    this.nextTrialMs = 0;
    this.pauseMs = FIRST_PAUSE_MS;
    this.callsOfOne = Number.POSITIVE_INFINITY;
    this.idle = undefined;
    this.quietSteps = 0;
    this.idleEnded = 0;
    this.mostNeeded = 1;
  }

  // Growth.

  /** Between two looks. Answers come a round trip apart. */
  private get lookMs(): number {
    let tripMs = 0;
    for (const { transport } of this.pool.current) {
      tripMs = Math.max(tripMs, transport.connection.credit.bdp.rttMs);
    }
    return Math.max(this.pool.settings.openAfterMs / 2, Math.min(tripMs, LONGEST_LOOK_MS));
  }

  /** A call finds no room because of this limit. */
  onHeldBack(limit: AdmissionLimit): void {
    const cause = CAUSES.get(limit);
    const now = this.wheel.now();
    if (cause !== undefined && this.cause === undefined) this.beginWait(now);
    this.cause = cause;
    this.heldLastMs = now;
    if (cause !== undefined && this.wheelSlot === -1) this.wheel.add(this, now + this.lookMs);
  }

  private beginWait(now: number): void {
    this.heldSinceMs = now;
    this.answered = 0;
    this.answersSeen = answersOf(this.pool.current);
  }

  onTimer(): void {
    // Nothing need have happened on a connection since calls began to wait for it.
    if (this.cause !== undefined) this.pool.lookAgain();
    const now = this.wheel.now();
    const { lookMs, trial } = this;
    if (now - this.heldLastMs > 2 * lookMs) this.cause = undefined;
    this.noteAnswers();
    if (trial !== undefined) this.judge(trial, now);
    if (this.isDue(now)) this.pool.grow();
    if (this.cause !== undefined || this.trial !== undefined) this.wheel.add(this, now + lookMs);
  }

  private noteAnswers(): void {
    const answers = answersOf(this.pool.current);
    this.answered = answers > this.answersSeen ? this.answered + 1 : 0;
    this.answersSeen = answers;
  }

  private isDue(now: number): boolean {
    const { cause, trial, pool } = this;
    if (cause === undefined || !pool.mayGrow || now < this.nextTrialMs) return false;
    if (now - this.heldSinceMs < pool.settings.openAfterMs) return false;
    // The peer has said itself that a connection takes no more.
    if (cause === 'streams') return trial === undefined || trial.takesMore;
    return trial === undefined && this.answered >= ANSWERED_LOOKS && this.isWriterBound();
  }

  // A queue that is long while the socket takes more is this process's own slowness.
  private isWriterBound(): boolean {
    return this.pool.current.every(({ transport: { loopy } }) => {
      const isOutOfCredit = loopy.sendQuota <= 0 && loopy.active.size > 0;
      return loopy.state === 'blocked-on-socket' || isOutOfCredit;
    });
  }

  /** One more is ready. */
  onGrown(): void {
    const now = this.wheel.now();
    this.heldSinceMs = now;
    this.answersSeen = answersOf(this.pool.current);
    const cause = this.cause ?? 'streams';
    this.trial ??= new ConnectionTrial(this.pool, this.pool.current.length - 1, cause);
    this.trial.begin(now);
    if (this.wheelSlot === -1) this.wheel.add(this, now + this.lookMs);
    this.idle ??= this.idleStep();
  }

  private judge(trial: ConnectionTrial, now: number): void {
    const verdict = trial.look(now, this.heldLastMs);
    if (verdict === undefined) return;
    this.trial = undefined;
    // Until now calls were held back for the sake of the trial.
    this.heldSinceMs = now;
    if (verdict === 'needless') {
      this.nextTrialMs = now + this.pauseMs;
      this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
      this.pool.dropFrom(trial.proven);
    } else if (verdict === 'useful') {
      this.pauseMs = FIRST_PAUSE_MS;
      this.callsOfOne = trial.callsWithout / trial.proven;
    } else if (trial.cause === 'queue') {
      this.nextTrialMs = now + FIRST_PAUSE_MS;
    }
    this.answersSeen = answersOf(this.pool.current);
  }

  /** A connection was lost: what is measured across that means nothing. */
  onLost(): void {
    if (this.trial !== undefined) this.pool.use(this.pool.current.length);
    this.trial = undefined;
    this.answersSeen = answersOf(this.pool.current);
    this.idleEnded = callsEnded(this.pool.current);
    this.quietSteps = 0;
  }

  /** No connection is left, or nobody uses them. */
  stop(): void {
    this.wheel.remove(this);
    this.cause = undefined;
    this.trial = undefined;
    this.idle?.cancel();
    this.idle = undefined;
  }

  // Giving up.

  private idleStep(): WheelTimeout {
    this.pool.peakCalls = this.pool.openCalls;
    this.idleEnded = callsEnded(this.pool.current);
    return new WheelTimeout(this.wheel, this.pool.settings.idleMs / IDLE_STEPS, () => {
      this.lookAtNeed();
      this.idle = this.pool.current.length > 1 ? this.idleStep() : undefined;
    });
  }

  private lookAtNeed(): void {
    const { pool } = this;
    const needed = this.needed();
    const isHeld = this.cause !== undefined || this.trial !== undefined;
    if (isHeld || needed >= pool.current.length) {
      this.quietSteps = 0;
      this.mostNeeded = 1;
      return;
    }
    this.quietSteps += 1;
    this.mostNeeded = Math.max(this.mostNeeded, needed);
    if (this.quietSteps < IDLE_STEPS) return;
    this.quietSteps = 0;
    pool.shrinkTo(this.mostNeeded);
    this.mostNeeded = 1;
  }

  /** Connections that would have done since the last step. */
  private needed(): number {
    const { pool, callsOfOne } = this;
    let streams = Number.POSITIVE_INFINITY;
    for (const { transport } of pool.current) streams = Math.min(streams, transport.peerMaxStreams);
    const seconds = pool.settings.idleMs / IDLE_STEPS / 1_000;
    const perSecond = (callsEnded(pool.current) - this.idleEnded) / seconds;
    const byStreams = Math.ceil(pool.peakCalls / (SPARE_SHARE * streams));
    const byRate = Math.ceil(perSecond / (SPARE_SHARE * callsOfOne));
    return Math.max(1, byStreams, byRate);
  }
}

/** Rises when the peer ends a call or gives credit back: what a peer that is stuck does not do. */
function answersOf(connections: readonly LiveTransport[]): number {
  let answers = callsEnded(connections);
  for (const { transport } of connections) answers += transport.loopy.credited;
  return answers;
}
