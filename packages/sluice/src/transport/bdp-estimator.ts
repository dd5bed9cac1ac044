// The BDP estimator: how many bytes the path to the peer holds, told from how much DATA arrives
// while one PING goes round. It is what lets windows start small and follow the network.
// Invariants: at most one sample is open; the estimate never falls and never passes its limit; an
// acknowledgement counts only after our ping was written. Constants as in grpc-go.
// The estimate holds the queue that its own window builds; `pathBytes` is the path without it.
// Not here: what follows from growth (stream limits, connection window, SETTINGS).

import { DEFAULT_WINDOW, MAX_BDP_WINDOW } from './limits.ts';

/** Payload of the BDP ping, first four bytes: 02 04 10 10. */
export const BDP_PING_HIGH: number = 0x02041010;
/** Payload of the BDP ping, last four bytes: 09 0e 07 07. */
export const BDP_PING_LOW: number = 0x090e0707;

/** Weight of a new round trip time once enough have been seen. */
const ALPHA = 0.9;
/** A sample that fills this share of the estimate says that the window is what limits the peer. */
const BETA = 0.66;
/** The estimate grows to this many times the sample. */
const GAMMA = 2;
/** Round trips that are averaged plainly before ALPHA takes over. */
const PLAIN_MEAN_SAMPLES = 10;
/** A sample spans about one and a half round trips: the first byte left half of one before. */
const ROUND_TRIPS_PER_SAMPLE = 1.5;
/** Shortest round trip believed, in ms: clocks are coarse, and bandwidth must stay finite. */
const MIN_RTT_MS = 0.01;
/** Milliseconds that a rate is taken over at least: what waits in the kernel is read in one go. */
const MIN_RATE_SPAN_MS = 1;
/** Milliseconds without a sample that is near either record, after which the path is another one. */
const PATH_MEMORY_MS = 10_000;

const IDLE = 0;
/** A sample is open, its ping waits to be written. */
const OPENED = 1;
/** The ping is under way. */
const WRITTEN = 2;

/** One per connection. Turns IDLE -> OPENED (DATA) -> WRITTEN (ping) -> IDLE (acknowledgement). */
export class BdpEstimator {
  private readonly limit: number;
  private state: number;
  private bdp: number;
  private sample: number;
  private samples: number;
  private writtenAt: number;
  private rtt: number;
  private maxBandwidth: number;
  /** Bytes of the sample that came before its ping was written. */
  private beforePing: number;
  /** The shortest round trip of this path, ms, and the most bytes that came in one ms of a sample. */
  private leastRtt: number;
  private bestRate: number;
  /** When a sample was last near one of them. */
  private pathSeenAt: number;

  /** @param limitBytes the highest estimate, default 16 MiB */
  constructor(limitBytes: number = MAX_BDP_WINDOW) {
    this.limit = limitBytes;
    this.state = IDLE;
    this.bdp = Math.min(DEFAULT_WINDOW, limitBytes);
    this.sample = 0;
    this.samples = 0;
    this.writtenAt = 0;
    this.rtt = 0;
    this.maxBandwidth = 0;
    this.beforePing = 0;
    this.leastRtt = 0;
    this.bestRate = 0;
    this.pathSeenAt = 0;
  }

  /** The estimate in bytes. */
  get bdpBytes(): number {
    return this.bdp;
  }

  /**
   * Bytes that fill the path and leave as much again for what delays a reader: a larger window only
   * makes a queue, behind which whatever else comes on the connection waits. 0 before a sample.
   */
  get pathBytes(): number {
    return Math.min(GAMMA * this.bestRate * this.leastRtt, this.limit);
  }

  /** Smoothed round trip time in ms; 0 before the first sample. */
  get rttMs(): number {
    return this.rtt;
  }

  /**
   * DATA of `n` bytes came, as the connection's bytes were given back: a window that was about to
   * close would cut a sample short. True when this opened a sample: the caller sends the ping.
   */
  onData(n: number): boolean {
    if (this.state !== IDLE) {
      this.sample += n;
      return false;
    }
    if (n === 0) return false;
    this.state = OPENED;
    this.sample = n;
    return true;
  }

  /** DATA of `n` bytes came where no sample should be opened; counts towards an open one. */
  onMoreData(n: number): void {
    if (this.state !== IDLE) this.sample += n;
  }

  /** Loopy wrote the BDP ping at `nowMs`. */
  pingWritten(nowMs: number): void {
    if (this.state !== OPENED) return;
    this.state = WRITTEN;
    this.writtenAt = nowMs;
    this.beforePing = this.sample;
  }

  /** Whether a PING acknowledgement carries the BDP ping's payload. */
  isBdpPing(high: number, low: number): boolean {
    return high === BDP_PING_HIGH && low === BDP_PING_LOW;
  }

  /**
   * The BDP ping was acknowledged at `nowMs`. Answers the new estimate in bytes when it grew, else
   * 0. An acknowledgement of a ping that was not written is the peer's guess and ignored.
   */
  onAck(nowMs: number): number {
    if (this.state !== WRITTEN) return 0;
    this.state = IDLE;
    this.samples++;
    const rttSample = Math.max(nowMs - this.writtenAt, MIN_RTT_MS);
    this.notePath(nowMs, rttSample);
    const weight = this.samples <= PLAIN_MEAN_SAMPLES ? 1 / this.samples : ALPHA;
    this.rtt += (rttSample - this.rtt) * weight;
    const bandwidth = this.sample / (this.rtt * ROUND_TRIPS_PER_SAMPLE);
    if (bandwidth < this.maxBandwidth) return 0;
    this.maxBandwidth = bandwidth;
    if (this.sample < BETA * this.bdp || this.bdp >= this.limit) return 0;
    this.bdp = Math.min(GAMMA * this.sample, this.limit);
    return this.bdp;
  }

  /**
   * The least round trip has no queue in it, the best rate is the path's. Both are kept apart, as in
   * BBR. A queue, or a process that is busy, moves one of them at a time and lets the other be
   * seen; a path that is another one moves both for good, and they begin anew.
   */
  private notePath(nowMs: number, rttSample: number): void {
    const rate = (this.sample - this.beforePing) / Math.max(rttSample, MIN_RATE_SPAN_MS);
    const isKnown = rttSample <= GAMMA * this.leastRtt || GAMMA * rate >= this.bestRate;
    if (isKnown) this.pathSeenAt = nowMs;
    if (this.leastRtt === 0 || (!isKnown && nowMs - this.pathSeenAt > PATH_MEMORY_MS)) {
      this.leastRtt = rttSample;
      this.bestRate = rate;
      this.pathSeenAt = nowMs;
      return;
    }
    this.leastRtt = Math.min(this.leastRtt, rttSample);
    this.bestRate = Math.max(this.bestRate, rate);
  }
}
