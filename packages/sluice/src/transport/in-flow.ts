// Flow control of one stream on receipt: what the peer may still send on it (RFC 9113 §6.9.1).
// Invariant: limit + delta - pendingData - pendingUpdate - withheld is the peer's remaining window
// once the wire is quiet; so every byte granted is either announced to the peer or counted here.
// It decides and counts; its caller writes WINDOW_UPDATE and RST_STREAM(FLOW_CONTROL_ERROR).
// Not here: the connection's window (transport-in-flow.ts), what we may send (out-stream.ts).

import { MAX_BDP_WINDOW, MAX_WINDOW, WINDOW_FLOOR } from './limits.ts';

/** The receive window of one stream; six fields, because there is one for each open stream. */
export class InFlow {
  /** INITIAL_WINDOW_SIZE as the peer applies it to this stream, in bytes. */
  limit: number;
  /** Bytes received and not yet read by the application. */
  pendingData: number;
  /** Bytes read and not yet given back: WINDOW_UPDATE goes out at a quarter of the limit. */
  pendingUpdate: number;
  /** Credit granted beyond the limit, for a message larger than the window. */
  delta: number;
  /** Bytes read whose credit is kept back under pressure. */
  withheld: number;
  /** True from `hold()` to `unhold()`. */
  held: boolean;
  /** Bytes of memory that the message being received holds, as its connection counts them. */
  partial: number;
  /** Bytes read whose credit waits for room; still in `pendingData`. */
  deferred: number;
  /** The peer sends no more: no credit is owed, only what is unread counts. */
  ended: boolean;
  /** When DATA last came, ms; 0 while none has. */
  dataMs: number;

  /** @param limit the INITIAL_WINDOW_SIZE the stream starts with, in bytes */
  constructor(limit: number) {
    this.limit = limit;
    this.pendingData = 0;
    this.pendingUpdate = 0;
    this.delta = 0;
    this.withheld = 0;
    this.held = false;
    this.partial = 0;
    this.deferred = 0;
    this.ended = false;
    this.dataMs = 0;
  }

  /** Bytes the peer may still send; below 0 after the limit fell (RFC 9113 §6.9.2). */
  available(): number {
    return this.limit + this.delta - this.pendingData - this.pendingUpdate - this.withheld;
  }

  /**
   * DATA of `n` bytes came, padding included. False: the peer sent more than it was granted, and
   * nothing was counted; the stream fails with FLOW_CONTROL_ERROR.
   */
  onData(n: number): boolean {
    // Empty DATA needs no window (RFC 9113 §6.9.1), not even after the limit fell.
    if (n > this.available() && n > 0) return false;
    this.pendingData += n;
    return true;
  }

  /**
   * The application took `n` bytes, or they were padding or belong to nobody. Answers the
   * WINDOW_UPDATE to send now, 0 for none.
   */
  onRead(n: number): number {
    n = Math.min(n, this.pendingData);
    this.pendingData -= n;
    if (this.delta > 0) {
      // Credit beyond the limit was for one message; it is used up, not given again.
      const used = Math.min(n, this.delta);
      this.delta -= used;
      n -= used;
    }
    if (this.held) {
      this.withheld += n;
      return this.topUpReserve();
    }
    this.pendingUpdate += n;
    return this.takeUpdate();
  }

  /**
   * The application waits for a message of which `n` bytes are still to come. When the peer's
   * window would not let them through, answers the increment to send so that it does, growing the
   * window past its limit by `maxGrow` bytes at most; 0 for none.
   */
  maybeAdjust(n: number, maxGrow: number): number {
    const missing = n - this.available();
    if (missing <= 0) return 0;
    // What is owed anyway goes first, then only the difference is new exposure.
    const owed = this.pendingUpdate;
    this.pendingUpdate = 0;
    // The limit itself may still rise to the BDP estimator's, which nobody weighs per stream.
    const room = MAX_WINDOW - Math.max(this.limit, MAX_BDP_WINDOW) - this.delta;
    const growth = Math.max(0, Math.min(missing - owed, maxGrow, room));
    this.delta += growth;
    return owed + growth;
  }

  /**
   * The limit rose to `limit`. Called as the SETTINGS with a higher INITIAL_WINDOW_SIZE go out,
   * from which the peer adds the difference itself (RFC 9113 §6.9.2), or with a WINDOW_UPDATE of
   * the difference, which is the caller's to send. Never lowers.
   */
  setLimit(limit: number): void {
    if (limit > this.limit) this.limit = Math.min(limit, MAX_WINDOW);
  }

  /**
   * Our INITIAL_WINDOW_SIZE fell to `limit`; called when the SETTINGS are acknowledged, because
   * until then the peer may use the old one. The peer takes the difference from every open stream,
   * so a limit left standing would wait for credit that it will never have. Answers the
   * WINDOW_UPDATE to send now, since a quarter of the limit is less than before; 0 for none.
   */
  lowerLimit(limit: number): number {
    if (limit >= this.limit) return 0;
    this.limit = limit;
    return this.held ? this.topUpReserve() : this.takeUpdate();
  }

  /**
   * Takes the limit back towards `limit` by as much of a WINDOW_UPDATE that is due: what was read is
   * not given again. Answers what is left of the increment to send.
   */
  shrink(increment: number, limit: number): number {
    if (this.held || this.limit <= limit) return increment;
    const kept = Math.min(increment, this.limit - limit);
    this.limit -= kept;
    return increment - kept;
  }

  /**
   * Keep credit back from now on: the stream holds more unread than others may suffer. A stream
   * that is read goes on with a window of 16 KiB, so it is slow and never stuck.
   */
  hold(): void {
    if (this.held) return;
    this.held = true;
    this.withheld = this.pendingUpdate;
    this.pendingUpdate = 0;
  }

  /** The pressure is over; answers the WINDOW_UPDATE to send now, 0 for none. */
  unhold(): number {
    if (!this.held) return 0;
    this.held = false;
    this.pendingUpdate += this.withheld;
    this.withheld = 0;
    return this.takeUpdate();
  }

  /** Gives back what was read, once it is worth a frame. */
  private takeUpdate(): number {
    const update = this.pendingUpdate;
    if (update === 0 || update < this.limit / 4) return 0;
    this.pendingUpdate = 0;
    return update;
  }

  /** While credit is withheld: refills the peer's window to the reserve when half of it is used. */
  private topUpReserve(): number {
    const reserve = Math.min(this.limit, WINDOW_FLOOR);
    const available = this.available();
    if (available > reserve / 2) return 0;
    const update = Math.min(this.withheld, reserve - available);
    this.withheld -= update;
    return update;
  }
}
