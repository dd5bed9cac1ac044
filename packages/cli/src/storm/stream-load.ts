// The generator of a streaming load: messages due by the clock go to whichever stream has room, in
// turn; what is due while none has is held back, counted and never sent. Beside it unary calls at a
// low rate on the same connection tell what a call waits while the streams are full.
// Invariant: offered = heldBack + sent, and every sent message is counted once more, when it is
// answered or when its stream ends without an answer to it.

import type { Credit } from './credit.ts';
import { Histogram } from './histogram.ts';
import { type Generator, Load } from './load.ts';
import { offerOpenLoop } from './open-loop.ts';
import type { Counts } from './protocol.ts';
import type { ClientRuntime, MessageStream, StreamSink } from './runtime.ts';
import { OK, STATUS_NAMES } from './status-name.ts';

/** Messages sent before the event loop turns again. */
const SLICE_MESSAGES = 1000;

/** Unary calls a second beside the streams: enough for a p99 in two seconds. */
const CALLS_BESIDE_RPS = 100;

/** Every so many messages of a stream one is timed. */
const TIMED_EVERY = 8;

/** Messages of one stream that are timed at once; later ones of a longer queue are not. */
const TIMED_AT_ONCE = 1024;

/** One stream and the messages on it. */
class Lane {
  readonly stream: MessageStream;
  sent: number;
  answered: number;
  roomy: boolean;
  open: boolean;
  /** When each TIMED_EVERY-th message was sent, in a ring. */
  private readonly sentAt: Float64Array;
  private readonly sentNumber: Float64Array;
  private first: number;
  private timed: number;

  constructor(stream: MessageStream) {
    this.stream = stream;
    this.sent = 0;
    this.answered = 0;
    this.roomy = true;
    this.open = true;
    this.sentAt = new Float64Array(TIMED_AT_ONCE);
    this.sentNumber = new Float64Array(TIMED_AT_ONCE);
    this.first = 0;
    this.timed = 0;
  }

  noteSent(nowMs: number): void {
    if (this.sent % TIMED_EVERY === 0 && this.timed < TIMED_AT_ONCE) {
      const place = (this.first + this.timed) % TIMED_AT_ONCE;
      this.sentAt[place] = nowMs;
      this.sentNumber[place] = this.sent;
      this.timed++;
    }
    this.sent++;
  }

  /** When the message that is answered now was sent; -1 if it was not timed. */
  noteAnswered(): number {
    const number = this.answered++;
    if (this.timed === 0 || this.sentNumber[this.first] !== number) return -1;
    const sentAt = this.sentAt[this.first] ?? -1;
    this.first = (this.first + 1) % TIMED_AT_ONCE;
    this.timed--;
    return sentAt;
  }
}

/** Sends messages on open streams of one runtime and counts their answers. */
export class StreamLoad implements StreamSink, Generator {
  private readonly lanes: Lane[];
  private readonly payload: Buffer;
  private readonly now: () => number;
  private readonly latencies: Histogram;
  private readonly statuses: number[];
  private readonly firstDetails: string[];
  private readonly beside: Load;
  private roomyLanes: number;
  private openLanes: number;
  private nextLane: number;
  private offered: number;
  private heldBack: number;
  private finished: number;
  private ok: number;
  private replaces: boolean;
  /** Latencies count while the load runs: after it the server may be let go faster. */
  private timing: boolean;

  /** @param now milliseconds, monotonic */
  constructor(runtime: ClientRuntime, payload: Buffer, streams: number, now: () => number) {
    this.payload = payload;
    this.now = now;
    this.latencies = new Histogram();
    this.statuses = STATUS_NAMES.map(() => 0);
    this.firstDetails = STATUS_NAMES.map(() => '');
    this.beside = new Load(runtime, payload, now);
    this.roomyLanes = streams;
    this.openLanes = streams;
    this.nextLane = 0;
    this.offered = 0;
    this.heldBack = 0;
    this.finished = 0;
    this.ok = 0;
    this.replaces = false;
    this.timing = false;
    this.lanes = [];
    for (let place = 0; place < streams; place++) {
      this.lanes.push(new Lane(runtime.openStream(place, this)));
    }
  }

  get inFlight(): number {
    return this.offered - this.heldBack - this.finished + this.beside.inFlight;
  }

  get okCalls(): number {
    return this.ok;
  }

  get offeredCalls(): number {
    return this.offered;
  }

  /** Streams whose end was not told. */
  get openStreams(): number {
    return this.openLanes;
  }

  acknowledged(place: number): void {
    const lane = this.lanes[place];
    if (lane === undefined) return;
    const sentAt = lane.noteAnswered();
    this.finished++;
    this.ok++;
    this.statuses[OK] = (this.statuses[OK] ?? 0) + 1;
    if (sentAt >= 0 && this.timing) this.latencies.record(this.now() - sentAt);
    if (this.replaces) this.sendOne(lane, this.now());
  }

  writable(place: number): void {
    const lane = this.lanes[place];
    if (lane === undefined || lane.roomy || !lane.open) return;
    lane.roomy = true;
    this.roomyLanes++;
  }

  streamEnded(place: number, code: number, details: string): void {
    const lane = this.lanes[place];
    if (lane === undefined || !lane.open) return;
    lane.open = false;
    this.openLanes--;
    if (lane.roomy) this.roomyLanes--;
    lane.roomy = false;
    // A stream that ended OK without an answer to each message has lost the rest.
    if (code === OK) return;
    const unanswered = lane.sent - lane.answered;
    if ((this.firstDetails[code] ?? '') === '') this.firstDetails[code] = details;
    this.statuses[code] = (this.statuses[code] ?? 0) + unanswered;
    this.finished += unanswered;
  }

  counts(): Counts {
    const calls = this.beside.counts();
    return {
      offered: this.offered,
      heldBack: this.heldBack,
      finished: this.finished,
      ok: this.ok,
      refused: 0,
      refusedBy: {},
      statuses: [...this.statuses],
      firstDetails: [...this.firstDetails],
      p50Ms: calls.p50Ms,
      p99Ms: calls.p99Ms,
      messageP50Ms: this.latencies.quantileMs(0.5),
      messageP99Ms: this.latencies.quantileMs(0.99),
      beside: {
        offered: calls.offered,
        ok: calls.ok,
        refused: calls.refused,
        failed: calls.finished - calls.ok,
        firstDetails: calls.firstDetails,
      },
    };
  }

  /** Forgets the counts; messages in flight are to be answered before. */
  reset(): void {
    this.latencies.reset();
    this.statuses.fill(0);
    this.firstDetails.fill('');
    this.beside.reset();
    this.offered = 0;
    this.heldBack = 0;
    this.finished = 0;
    this.ok = 0;
  }

  lap(): void {
    this.latencies.reset();
    this.beside.lap();
  }

  /** Offers `rate` messages per second for `seconds`; resolves to the seconds it took. */
  async openLoop(rate: number, seconds: number, timeoutMs: number): Promise<number> {
    const beside = this.beside.openLoop(CALLS_BESIDE_RPS, seconds, timeoutMs);
    this.timing = true;
    const took = await this.offer(rate, seconds);
    this.timing = false;
    await beside;
    return took;
  }

  /** Keeps `inFlight` messages under way over all streams, each answer starting the next. */
  startReplacing(inFlight: number): void {
    this.replaces = true;
    const nowMs = this.now();
    for (let message = 0; message < inFlight; message++) {
      const lane = this.lanes[message % this.lanes.length];
      if (lane !== undefined) this.sendOne(lane, nowMs);
    }
  }

  stopReplacing(): void {
    this.replaces = false;
  }

  /** Ends every stream. */
  end(): void {
    for (const lane of this.lanes) if (lane.open) lane.stream.end();
  }

  private offer(rate: number, seconds: number): Promise<number> {
    return offerOpenLoop(this.now, rate, seconds, (credit, nowMs) => this.slice(credit, nowMs));
  }

  private slice(credit: Credit, nowMs: number): void {
    const due = credit.due(nowMs, Number.POSITIVE_INFINITY);
    const most = Math.min(due, SLICE_MESSAGES);
    let sent = 0;
    while (sent < most && this.roomyLanes > 0) {
      const lane = this.nextRoomy();
      if (lane === undefined) break;
      this.sendOne(lane, nowMs);
      sent++;
    }
    // With room left the rest stays due; without it is held back, which is the point of streams.
    const held = this.roomyLanes > 0 ? 0 : due - sent;
    this.offered += held;
    this.heldBack += held;
    credit.issued(sent + held);
  }

  private nextRoomy(): Lane | undefined {
    for (let look = 0; look < this.lanes.length; look++) {
      const lane = this.lanes[this.nextLane];
      this.nextLane = (this.nextLane + 1) % this.lanes.length;
      if (lane?.roomy === true) return lane;
    }
    return undefined;
  }

  private sendOne(lane: Lane, nowMs: number): void {
    if (!lane.open) return;
    this.offered++;
    lane.noteSent(nowMs);
    if (lane.stream.send(this.payload) || !lane.roomy) return;
    lane.roomy = false;
    this.roomyLanes--;
  }
}
