// How often a client may ping a server (gRFC A8, gRFC A9): pings that come sooner are strikes, and
// more than two of them end the connection with GOAWAY(ENHANCE_YOUR_CALM, "too_many_pings").
// Invariant: HEADERS or DATA sent since the last ping clear the strikes, because a client that
// estimates its BDP pings as often as data flows.

import { MAX_PING_STRIKES, MIN_IDLE_PING_INTERVAL_MS, MIN_PING_INTERVAL_MS } from './limits.ts';

/** One per server connection. */
export class PingPolicy {
  private readonly minIntervalMs: number;
  private readonly minIdleIntervalMs: number;
  private lastPingAt: number;
  /** Pings that came too early and are not forgiven. */
  strikes: number;
  private forgiven: boolean;

  /**
   * @param minIntervalMs least time between pings, default 5 min
   * (`grpc.http2.min_ping_interval_without_data_ms`)
   * @param permitWithoutStream whether it holds without streams too, default false: 2 h there
   */
  constructor(minIntervalMs: number = MIN_PING_INTERVAL_MS, permitWithoutStream: boolean = false) {
    this.minIntervalMs = minIntervalMs;
    this.minIdleIntervalMs = permitWithoutStream ? minIntervalMs : MIN_IDLE_PING_INTERVAL_MS;
    this.lastPingAt = Number.NEGATIVE_INFINITY;
    this.strikes = 0;
    this.forgiven = false;
  }

  /** A PING that is no acknowledgement came. True: one strike too many, end the connection. */
  onPing(nowMs: number, hasStreams: boolean): boolean {
    const since = nowMs - this.lastPingAt;
    this.lastPingAt = nowMs;
    if (this.forgiven) {
      this.forgiven = false;
      this.strikes = 0;
      return false;
    }
    if (since < (hasStreams ? this.minIntervalMs : this.minIdleIntervalMs)) this.strikes++;
    return this.strikes > MAX_PING_STRIKES;
  }

  /** HEADERS or DATA went out: strikes so far are forgiven, and so is the next ping. */
  onSentHeadersOrData(): void {
    this.forgiven = true;
  }
}
