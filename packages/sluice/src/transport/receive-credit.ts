// Flow control on receipt, of one connection and its streams: what is given back, when, and how far
// windows grow.
// Invariants: the connection's credit goes back as bytes arrive, a stream's as they are read
// (RFC 9113 §6.9); `inbound.extra` is what single streams hold beyond the initial window, exactly.
// Windows only grow, but for the initial one, which falls as streams multiply, and those of busy
// streams beside small calls, which fall to what the path needs: the rest would only be a queue.
// Not here: the arithmetic of each window (in-flow.ts, transport-in-flow.ts, inbound-window.ts).

import { SettingId } from '../frames/settings.ts';
import { BDP_PING_HIGH, BDP_PING_LOW, BdpEstimator } from './bdp-estimator.ts';
import { pingItem, settingsItem } from './control-buffer.ts';
import type { InFlow } from './in-flow.ts';
import { InboundWindow } from './inbound-window.ts';
import { MAX_BDP_WINDOW, SHARED_MEMORY_MS, SHARED_WINDOW, WINDOW_FLOOR } from './limits.ts';
import type { LoopyWriter } from './loopy-writer.ts';
import type { MemoryAccount } from './memory-account.ts';
import { OutState } from './out-stream.ts';
import { PartialMessages } from './partial-messages.ts';
import type { StreamTable } from './stream-table.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { TransportInFlow } from './transport-in-flow.ts';
import type { TransportStream } from './transport-stream.ts';

/** The connection whose credit this is. */
export interface CreditSubject {
  readonly loopy: LoopyWriter;
  readonly streams: StreamTable<TransportStream>;
  /** Coarse time of this turn, ms. */
  readonly nowMs: number;
  readonly wheel: TimerWheel;
  readonly memory: MemoryAccount;
}

export interface CreditOptions {
  /** Bytes; a stream's first window, the floor of growth by BDP. */
  readonly initialStreamWindow: number;
  /** Bytes; the connection's first window. */
  readonly initialConnectionWindow: number;
  /** Windows stay what they are: no BDP estimator. */
  readonly staticWindows: boolean;
  /** Bytes of credit and unread data of all open streams. */
  readonly exposureBytes: number;
}

export class ReceiveCredit {
  readonly inbound: InboundWindow;
  readonly flow: TransportInFlow;
  readonly bdp: BdpEstimator;
  /** Messages that were asked for and are still coming in. */
  readonly partials: PartialMessages;
  /** Bytes received and not read, of all streams. */
  unread: number;
  /** Bytes that streams were done with, since the connection began. */
  bytesRead: number;
  /** Bytes of the budget that the connection's window has grown by. */
  private windowTaken: number;
  /** When a stream whose window has not grown last had DATA beside one whose window has, ms. */
  private sharedMs: number;
  private readonly subject: CreditSubject;
  private readonly isStatic: boolean;
  // Streams whose credit is kept back until the exposure is within its limit again.
  private readonly withheld: Set<TransportStream>;

  constructor(subject: CreditSubject, options: CreditOptions) {
    this.inbound = new InboundWindow(options.exposureBytes, options.initialStreamWindow);
    this.flow = new TransportInFlow();
    this.bdp = new BdpEstimator(MAX_BDP_WINDOW);
    this.partials = new PartialMessages(subject.wheel);
    this.unread = 0;
    this.bytesRead = 0;
    this.windowTaken = 0;
    this.sharedMs = Number.NEGATIVE_INFINITY;
    this.subject = subject;
    this.isStatic = options.staticWindows;
    this.withheld = new Set();
    this.inbound.settle();
    const grow = this.flow.setLimit(options.initialConnectionWindow);
    if (grow > 0) subject.loopy.putConnectionUpdate(grow);
  }

  // Streams come and go.

  admit(stream: TransportStream): void {
    stream.inFlow.limit = this.inbound.enforced;
    this.inbound.open += 1;
    this.adjustInitialWindow();
  }

  release(stream: TransportStream): void {
    this.onRemoteEnd(stream);
    this.partials.remove(stream);
    this.resumePartials();
    const dropped = stream.inFlow.pendingData;
    this.inbound.extra -= dropped;
    this.unread -= dropped;
    stream.inFlow.pendingData = 0;
    this.onDropped(dropped);
  }

  /** The peer sends no more: its window counts no longer, what is unread of it does. */
  onRemoteEnd(stream: TransportStream): void {
    const { inFlow } = stream;
    if (inFlow.ended) return;
    inFlow.ended = true;
    this.inbound.open -= 1;
    this.inbound.extra -= inFlow.limit - this.inbound.enforced + beyondLimit(inFlow);
    this.inbound.extra += inFlow.pendingData;
    this.withheld.delete(stream);
    this.adjustInitialWindow();
    this.stopWithholding();
  }

  private adjustInitialWindow(): void {
    const announce = this.inbound.adjust(this.subject.nowMs);
    if (announce === 0) return;
    const isTaken = this.subject.loopy.buffer.put(
      settingsItem([SettingId.INITIAL_WINDOW_SIZE, announce]),
    );
    if (isTaken) this.settle();
  }

  /** The peer acknowledged SETTINGS of ours: their window may be enforced now. False: of nothing. */
  onSettingsAck(): boolean {
    const isOurs = this.inbound.acknowledge();
    if (isOurs) this.settle();
    return isOurs;
  }

  /** Holds streams to the initial window that the peer may be using now. */
  private settle(): void {
    const change = this.inbound.settle();
    if (change === 0) return;
    this.subject.streams.forEach((stream) => {
      if (stream.inFlow.ended) return;
      const limit = stream.inFlow.limit + change;
      if (change > 0) stream.inFlow.setLimit(limit);
      else this.account(stream, (inFlow) => inFlow.lowerLimit(limit));
    });
    this.stopWithholding();
  }

  // DATA comes.

  /** DATA of so many bytes came, for whatever stream. False: the connection's window is overrun. */
  onConnectionData(length: number): boolean {
    const update = this.flow.onData(length);
    if (update < 0) return false;
    if (update > 0) {
      this.subject.loopy.putConnectionUpdate(update);
      // Enough came to be worth a sample; small calls pay for no BDP ping.
      if (!this.isStatic && this.bdp.onData(length)) {
        this.subject.loopy.buffer.put(pingItem(BDP_PING_HIGH, BDP_PING_LOW));
      }
    } else if (!this.isStatic) {
      this.bdp.onMoreData(length);
    }
    return true;
  }

  /** DATA of so many bytes is the stream's. False: its window is overrun. */
  onStreamData(stream: TransportStream, length: number): boolean {
    const { inFlow } = stream;
    if (!inFlow.onData(length)) return false;
    this.unread += length;
    if (this.inbound.extra > 0 && inFlow.limit <= this.inbound.enforced && inFlow.delta === 0) {
      this.sharedMs = this.subject.nowMs;
    }
    return true;
  }

  onBdpAck(nowMs: number): void {
    const growth = this.bdp.onAck(nowMs) - this.flow.limit;
    if (growth <= 0) return;
    const taken = this.subject.memory.budget.takeWindow(growth);
    this.windowTaken += taken;
    const update = this.flow.setLimit(this.flow.limit + taken);
    if (update > 0) this.subject.loopy.putConnectionUpdate(update);
  }

  /** The memory budget holds the connection back, or no more. */
  constrain(isConstrained: boolean): void {
    if (isConstrained) {
      this.flow.hold();
      return;
    }
    const update = this.flow.unhold();
    if (update > 0) this.subject.loopy.putConnectionUpdate(update);
    this.resumePartials();
  }

  /** Bytes that nobody will read, of a stream that is gone or of none. */
  onDropped(bytes: number): void {
    if (!this.flow.isHeld || bytes === 0) return;
    const update = this.flow.onRead(bytes);
    if (update > 0) this.subject.loopy.putConnectionUpdate(update);
  }

  /** The connection is over. */
  stop(): void {
    this.partials.stop();
    this.subject.memory.budget.giveWindow(this.windowTaken);
    this.windowTaken = 0;
  }

  /**
   * Bytes; how far the window of a busy stream may grow. Alone it has the BDP estimate, which makes
   * the most of both processes; beside small calls what the path needs, or they wait in its queue.
   */
  private get target(): number {
    const { bdpBytes, pathBytes } = this.bdp;
    if (this.subject.nowMs - this.sharedMs > SHARED_MEMORY_MS) return bdpBytes;
    return Math.min(bdpBytes, Math.max(SHARED_WINDOW, Math.ceil(pathBytes)));
  }

  /**
   * A stream whose reader has taken a quarter of its window gets twice the window, up to `target`:
   * one that nobody reads is given nothing to keep.
   */
  private grow(stream: TransportStream, target: number): void {
    if (this.isStatic || stream.inFlow.limit >= target) return;
    if (this.subject.memory.budget.isNear) return;
    const { limit } = stream.inFlow;
    const growth = this.inbound.growth(limit, Math.min(target, 2 * limit));
    if (growth === 0) return;
    stream.inFlow.setLimit(stream.inFlow.limit + growth);
    this.inbound.extra += growth;
    this.giveBack(stream, growth);
  }

  /** Credit kept back from streams, all together. */
  get withheldBytes(): number {
    let bytes = 0;
    for (const { inFlow } of this.withheld) bytes += inFlow.withheld;
    return bytes;
  }

  // DATA is done with.

  /** Credit for what the application read of a stream since the last call. */
  onRead(stream: TransportStream): void {
    const { inFlow, messages } = stream;
    const read = messages.takeRead() + inFlow.deferred;
    inFlow.deferred = 0;
    if (messages.partialLength > 0 || inFlow.partial > 0) {
      const { bytes } = this.partials;
      if (this.subject.streams.get(stream.out.id) === stream) this.partials.update(stream);
      if (this.partials.bytes < bytes) this.resumePartials();
      if (this.starves(stream)) {
        inFlow.deferred = read;
        this.partials.wait(stream);
        return;
      }
      this.partials.goOn(stream);
    }
    if (read > 0) this.onDone(stream, read);
    if (stream.remoteEnded || stream.out.state === OutState.gone) return;
    const toCome = stream.messages.partialLength - stream.messages.partialReceived;
    if (toCome > 0 && toCome > stream.inFlow.available()) this.growForMessage(stream, toCome);
  }

  /** Credit for bytes that are done with: read, padding, or of no use. */
  onDone(stream: TransportStream, bytes: number): void {
    const { inFlow } = stream;
    const read = Math.min(bytes, inFlow.pendingData);
    this.unread -= read;
    this.bytesRead += read;
    this.onDropped(read);
    if (inFlow.ended) {
      inFlow.pendingData -= read;
      this.inbound.extra -= read;
      return;
    }
    if (this.inbound.exposure > this.inbound.limit) this.withhold(stream);
    const before = beyondLimit(inFlow);
    const increment = inFlow.onRead(bytes);
    this.inbound.extra += beyondLimit(inFlow) - before;
    if (increment > 0) this.update(stream, increment);
  }

  /** A quarter of the window was read: it is given back, more of it or less, as things stand. */
  private update(stream: TransportStream, increment: number): void {
    const { inFlow } = stream;
    const { target } = this;
    const { limit } = inFlow;
    // Not below the initial window: that is what the peer counts with for every stream.
    const left = this.isStatic
      ? increment
      : inFlow.shrink(increment, Math.max(target, this.inbound.enforced));
    this.inbound.extra -= limit - inFlow.limit;
    this.giveBack(stream, left);
    this.grow(stream, target);
  }

  /** A message larger than the window is asked for: the window grows for it, within the limit. */
  private growForMessage(stream: TransportStream, toCome: number): void {
    if (stream.inFlow.held || this.subject.memory.budget.isNear) return;
    const { headroom, limit } = this.inbound;
    const room = Math.max(0, Math.min(headroom, limit - this.partials.bytes));
    this.account(stream, (inFlow) => inFlow.maybeAdjust(toCome, room));
  }

  /** Whether a message whose first part is here may have all its memory; else it waits in parts. */
  mayAllocate(stream: TransportStream, length: number): boolean {
    const { bytes } = this.partials;
    if (this.partials.isOldest(stream)) return true;
    return bytes + length <= this.inbound.limit && this.subject.memory.admits(length);
  }

  /** Older messages than this stream's take all the room there is: it gets no credit for now. */
  private starves(stream: TransportStream): boolean {
    if (stream.inFlow.ended || stream.inFlow.partial === 0) return false;
    const { memory } = this.subject;
    if (memory.isConstrained && memory.budget.isFull) return true;
    if (this.partials.bytes <= this.inbound.limit && !memory.isConstrained) return false;
    return !this.partials.isOldest(stream);
  }

  resumePartials(): void {
    // Asked at the end of each stream: nearly always there are none.
    if (this.partials.isEmpty) return;
    this.partials.resume((stream) => {
      if (this.starves(stream)) return false;
      const { deferred } = stream.inFlow;
      stream.inFlow.deferred = 0;
      this.onDone(stream, deferred);
      return true;
    });
  }

  // More is granted than may be: a peer is slow to acknowledge a smaller initial window. Credit is
  // kept back from streams that hold more unread than their reserve; the others go on.

  private withhold(stream: TransportStream): void {
    if (stream.inFlow.held || stream.messages.unreadBytes < WINDOW_FLOOR) return;
    this.withheld.add(stream);
    this.account(stream, (inFlow) => {
      inFlow.hold();
      return 0;
    });
  }

  private stopWithholding(): void {
    for (const stream of this.withheld) {
      if (this.inbound.headroom < stream.inFlow.withheld) return;
      this.withheld.delete(stream);
      this.account(stream, (inFlow) => inFlow.unhold());
    }
  }

  /** Takes a step of one window into the exposure, and sends the credit it answers. */
  private account(stream: TransportStream, step: (inFlow: InFlow) => number): void {
    const before = beyondLimit(stream.inFlow);
    const increment = step(stream.inFlow);
    this.inbound.extra += beyondLimit(stream.inFlow) - before;
    this.giveBack(stream, increment);
  }

  private giveBack(stream: TransportStream, increment: number): void {
    if (increment === 0 || stream.remoteEnded) return;
    this.subject.loopy.putWindowUpdate(stream.out, increment);
  }
}

/** What the exposure of a stream counts besides its limit. */
function beyondLimit(inFlow: InFlow): number {
  return inFlow.delta - inFlow.withheld;
}
