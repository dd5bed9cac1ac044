// Whether connections that were opened get more calls done: measured with them, then without them
// under the same load, and compared. What was done before they opened is no measure: it may have been
// the ramp of a load that was just beginning.
// Invariants: at the end all connections are in use again; time is given by the caller; what lasts too
// long to be measured is not held against a connection.
// Not here: what follows from the verdict (connection-scaling.ts).

/** What a trial reads of a connection. */
export interface TrialConnection {
  readonly transport: {
    readonly streamsEnded: number;
    readonly admission: { readonly openCalls: number };
  };
}

/** The connections on trial behind those that are not. */
export interface TrialSubject {
  readonly current: readonly TrialConnection[];
  /** Takes new calls to so many of `current`, which are the first ones. */
  use(count: number): void;
}

/** Why calls were held back: by the peer's stream limit, or by what the connection does not drain. */
export type Cause = 'streams' | 'queue';

/**
 * `useful`: more is done with them. `needless`: calls are held back without them, and no more is done
 * with them. `open`: cannot be told, because calls last too long or the load has gone.
 */
export type Verdict = 'useful' | 'needless' | 'open';

/** Milliseconds until a change of connections shows, at the least. */
const SETTLE_MS = 100;

/** Milliseconds that are measured at the least. */
const MEASURE_MS = 300;

/**
 * Calls that are measured: as many, and so many times those that are open. Streams share a connection
 * in turn, so calls that began together end together: less than a few rounds of them shows anything.
 */
const ENOUGH_CALLS = 50;
const ENOUGH_ROUNDS = 4;
const FEWEST_CALLS = 10;

/**
 * Milliseconds to wait for the calls that a change left behind, and milliseconds that are measured at
 * the most. Without the new connections a stream limit holds back many more calls than before, so
 * that is cut short; behind a full queue they wait just as long as they did, and take their time.
 */
const PATIENCE_MS = { streams: 500, queue: 5_000 };
const MEASURE_AT_MOST_MS = { streams: 1_500, queue: 6_000 };

/** Of the gain that as many times the connections could bring, the share that makes them worth it. */
const WORTH = 0.4;

/** Of the calls on a connection that is left aside so many, 1 in so many, may go on: streams, say. */
const REST = 10;

type Phase = 'settle-with' | 'with' | 'settle-without' | 'without';

/** One for all connections that opened together. */
export class ConnectionTrial {
  /** So many connections are not on trial. */
  readonly proven: number;
  readonly cause: Cause;
  /** Calls per second; known once the verdict is `useful` or `needless`. */
  callsWithout: number;
  private readonly pool: TrialSubject;
  private phase: Phase;
  private sinceMs: number;
  private endedAt: number;
  private callsWith: number;
  /** Calls on those on trial as they were left aside. */
  private leftAside: number;

  constructor(pool: TrialSubject, proven: number, cause: Cause) {
    this.proven = proven;
    this.cause = cause;
    this.callsWithout = 0;
    this.pool = pool;
    this.phase = 'settle-with';
    this.sinceMs = 0;
    this.endedAt = 0;
    this.callsWith = 0;
    this.leftAside = 0;
  }

  /** One more connection is on trial. */
  begin(now: number): void {
    this.enter('settle-with', now);
  }

  /** One more connection may join, and be judged with the others. */
  get takesMore(): boolean {
    return this.phase === 'settle-with' || this.phase === 'with';
  }

  private get onTrial(): readonly TrialConnection[] {
    return this.pool.current.slice(this.proven);
  }

  private enter(phase: Phase, now: number): void {
    this.phase = phase;
    this.sinceMs = now;
    this.endedAt = callsEnded(this.pool.current);
  }

  /** @param heldMs when a call last found no room */
  look(now: number, heldMs: number): Verdict | undefined {
    const lastedMs = now - this.sinceMs;
    // The load has gone, and whoever watches for idle connections takes over.
    if (heldMs < this.sinceMs && callsOpen(this.pool.current) === 0) return this.stop('open');
    switch (this.phase) {
      case 'settle-with':
        return this.settle('with', now, this.hasTurnedOver());
      case 'with':
        return this.isMeasured(lastedMs) ? this.endWith(now, lastedMs) : undefined;
      case 'settle-without':
        return this.settle('without', now, callsOpen(this.onTrial) * REST <= this.leftAside);
      case 'without':
        return this.isMeasured(lastedMs) ? this.endWithout(heldMs, lastedMs) : undefined;
    }
  }

  private settle(next: Phase, now: number, isSettled: boolean): Verdict | undefined {
    const lastedMs = now - this.sinceMs;
    if (lastedMs < SETTLE_MS) return undefined;
    if (isSettled) this.enter(next, now);
    else if (lastedMs >= PATIENCE_MS[this.cause]) return this.stop('open');
    return undefined;
  }

  // Calls of the new connections end as often as they will. Behind a full queue the last of those that
  // are open has a long way still, and the first ones tell.
  private hasTurnedOver(): boolean {
    return this.onTrial.every(({ transport }) => {
      const enough = this.cause === 'streams' ? transport.admission.openCalls : 2;
      return transport.streamsEnded >= enough;
    });
  }

  private isMeasured(lastedMs: number): boolean {
    if (lastedMs < MEASURE_MS) return false;
    const calls = callsEnded(this.pool.current) - this.endedAt;
    const enough = Math.max(ENOUGH_CALLS, ENOUGH_ROUNDS * callsOpen(this.pool.current));
    return calls >= enough || lastedMs >= MEASURE_AT_MOST_MS[this.cause];
  }

  private endWith(now: number, lastedMs: number): Verdict | undefined {
    const { pool } = this;
    const calls = callsEnded(pool.current) - this.endedAt;
    if (calls < FEWEST_CALLS) return this.stop('open');
    this.callsWith = (calls * 1_000) / lastedMs;
    this.leftAside = callsOpen(this.onTrial);
    pool.use(this.proven);
    this.enter('settle-without', now);
    return undefined;
  }

  private endWithout(heldMs: number, lastedMs: number): Verdict {
    const calls = callsEnded(this.pool.current) - this.endedAt;
    this.callsWithout = (calls * 1_000) / lastedMs;
    if (heldMs < this.sinceMs) return this.stop('open');
    const { proven, pool } = this;
    const most = pool.current.length / proven;
    const least = (1 + WORTH * (most - 1)) * this.callsWithout;
    return this.stop(this.callsWith >= least ? 'useful' : 'needless');
  }

  private stop(verdict: Verdict): Verdict {
    this.pool.use(this.pool.current.length);
    return verdict;
  }
}

/** Calls that the server has ended. */
export function callsEnded(connections: readonly TrialConnection[]): number {
  let ended = 0;
  for (const { transport } of connections) ended += transport.streamsEnded;
  return ended;
}

function callsOpen(connections: readonly TrialConnection[]): number {
  let open = 0;
  for (const { transport } of connections) open += transport.admission.openCalls;
  return open;
}
