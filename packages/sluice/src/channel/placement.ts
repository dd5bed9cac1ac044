// Which calls of a channel start now, which wait for a stream or a connection, and which are refused.
// Invariants: a call that cannot start now waits in one bounded line, in order, or is refused with
// RESOURCE_EXHAUSTED naming the limit; whoever waits is looked at again when a picker is new and
// when a connection has room. Not here: what a call does (call.ts), who picks (balancers/).

import { Status } from '../grpc/status.ts';
import type { LimitName, LimitReading } from '../transport/admission.ts';
import type { ClientTransport } from '../transport/client-transport.ts';
import type { ClientLimits } from '../transport/limits.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import type { PickInfo, PickResult } from './balancer.ts';
import type { ClientCall } from './call.ts';
import { ChannelSubchannel } from './channel-subchannel.ts';
import type { ResolvingBalancer } from './resolving-balancer.ts';
import { WaitingLine } from './waiting-line.ts';

/** What became of an attempt to start a call. */
const PLACED = 0;
const UNCONNECTED = 1;
const FULL = 2;
type Outcome = typeof PLACED | typeof UNCONNECTED | typeof FULL;

/** Backends that are asked for one call, and calls that are looked at behind one that found none. */
const MAX_TRIES = 32;

/** Asks for any backend, for whoever wants to know whether a call would start. */
const ANY_CALL: PickInfo = { path: '', fields: [] };

interface ReadyWaiter {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** What a placement asks of its channel. */
export interface PlacementHost {
  readonly wheel: TimerWheel;
  readonly limits: ClientLimits;
  readonly policy: 'wait' | 'fail';
  readonly balancing: ResolvingBalancer;
  /** The backend, as errors name it. */
  readonly backendName: string;
  /** Connections the balancer may pick among. */
  readonly subchannelCount: number;
  /** Calls wait, or none does any more. */
  onWaiting(): void;
}

/** The line of a channel, and the way out of it. */
export class Placement {
  readonly line: WaitingLine;
  /** Why the last connection failed, in the words of the picker; '' while all is well. */
  lastFailure: string;
  private readonly host: PlacementHost;
  private readonly readyWaiters: ReadyWaiter[];
  private readonly acted: { calls: number; bytes: number };
  private pumping: boolean;
  /** The connection that was last found full, and the limit that said so. */
  private full: ClientTransport | undefined;
  private fullLimit: LimitName;

  constructor(host: PlacementHost) {
    this.line = new WaitingLine();
    this.lastFailure = '';
    this.host = host;
    this.readyWaiters = [];
    this.acted = { calls: 0, bytes: 0 };
    this.pumping = false;
    this.full = undefined;
    this.fullLimit = 'draining';
  }

  /** Calls or callers of `ready` wait. */
  get waited(): boolean {
    return this.line.size > 0 || this.readyWaiters.length > 0;
  }

  /** @param again the call was admitted once already: it goes first and is not refused */
  place(call: ClientCall, again: boolean): void {
    if (this.line.size > 0 && !again) {
      this.waitOrRefuse(call, again, this.full?.admission.refuses(call.queueBytes));
      return;
    }
    const outcome = this.tryOpen(call);
    if (outcome === FULL) this.waitOrRefuse(call, again, this.fullLimit);
    else if (outcome === UNCONNECTED) this.enterLine(call, again, undefined);
  }

  private tryOpen(call: ClientCall): Outcome {
    const { balancing } = this.host;
    let first: ClientTransport | undefined;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const pick = pickFor(balancing, call);
      if (pick.kind !== 'subchannel') return this.unpicked(call, pick);
      const transport = transportOf(pick);
      // The connection was lost in this turn; a new picker follows.
      if (transport === undefined) return UNCONNECTED;
      const limit = transport.admission.refuses(call.queueBytes);
      if (limit === undefined) {
        const waited = call.inLine;
        if (waited) this.line.remove(call);
        if (call.open(transport, pick.tracker)) return PLACED;
        if (waited) this.line.add(call, true);
      }
      this.full = transport;
      this.fullLimit = limit ?? 'draining';
      transport.notifyCapacity();
      if (transport === first || this.host.subchannelCount < 2) break;
      first ??= transport;
    }
    return FULL;
  }

  private unpicked(
    call: ClientCall,
    pick: Exclude<PickResult, { readonly kind: 'subchannel' }>,
  ): Outcome {
    if (pick.kind === 'queue' || (pick.kind === 'fail' && call.waitForReady)) return UNCONNECTED;
    if (pick.kind === 'fail') call.fail(pick.code, pick.details);
    else call.refuse(pick.code, pick.details);
    return PLACED;
  }

  private waitOrRefuse(call: ClientCall, again: boolean, limit: LimitName | undefined): void {
    const admission = this.full?.admission;
    if (limit !== undefined) admission?.count(limit);
    const waits = this.host.policy === 'wait' || again || limit === undefined;
    if (!waits && limit !== 'draining' && admission !== undefined) {
      call.refuse(Status.RESOURCE_EXHAUSTED, `refused by ${admission.describe(limit)}`);
      return;
    }
    this.enterLine(call, again, limit);
  }

  private enterLine(call: ClientCall, again: boolean, reason: LimitName | undefined): void {
    const { waitingCalls, waitingBytes } = this.host.limits;
    const { line } = this;
    if (!again && line.size >= waitingCalls) {
      this.acted.calls += 1;
      const why = reason ?? this.waitReason();
      call.refuse(
        Status.RESOURCE_EXHAUSTED,
        `refused by the waiting-calls limit: ${line.size} of ${waitingCalls} calls wait already (${why}); slow down or raise limits.waitingCalls`,
      );
      return;
    }
    const bytes = call.heldBytes + call.metadataBytes;
    if (!again && line.bytes > 0 && line.bytes + bytes > waitingBytes) {
      this.refuseBytes(call, line.bytes, reason);
      return;
    }
    call.waitingSinceMs = this.host.wheel.now();
    line.add(call, again);
    this.host.onWaiting();
  }

  private refuseBytes(call: ClientCall, depth: number, reason: LimitName | undefined): void {
    const { waitingBytes } = this.host.limits;
    this.acted.bytes += 1;
    const why = reason ?? this.waitReason();
    call.refuse(
      Status.RESOURCE_EXHAUSTED,
      `refused by the waiting-bytes limit: ${depth} of ${waitingBytes} bytes wait already (${why}); slow down or raise limits.waitingBytes`,
    );
  }

  /** A call in the line holds so many bytes more; it may be refused for it. */
  onHeld(call: ClientCall, bytes: number): void {
    const before = this.line.bytes;
    this.line.bytes += bytes;
    const over = before > 0 && this.line.bytes > this.host.limits.waitingBytes;
    if (over && bytes > 0) this.refuseBytes(call, before, undefined);
  }

  /** The call left the line by itself. */
  withdraw(call: ClientCall): void {
    this.line.remove(call);
    this.host.onWaiting();
  }

  /** What a waiting call waits for. */
  waitReason(): string {
    const { balancing, backendName } = this.host;
    if (balancing.state === 'READY') {
      const limit = this.full?.admission.refuses(0);
      return limit === undefined || this.full === undefined
        ? 'its turn in the line'
        : this.full.admission.describe(limit);
    }
    if (this.lastFailure !== '') return `${balancing.state}, ${this.lastFailure}`;
    if (balancing.resolving) {
      return `${balancing.state}, the addresses of ${balancing.target} are being looked up`;
    }
    return `${balancing.state}, no connection to ${backendName} yet`;
  }

  /** The picker is new: some calls may start, others may have to end. */
  onPicker(): void {
    const { balancing } = this.host;
    if (balancing.state === 'READY') {
      this.lastFailure = '';
    } else if (balancing.state === 'TRANSIENT_FAILURE') {
      const pick = pickFor(balancing, ANY_CALL);
      if (pick.kind === 'fail' || pick.kind === 'drop') this.lastFailure = pick.details;
    }
    if (this.full?.draining === true) this.full = undefined;
    this.pump();
  }

  /** Lets waiting calls start, in order, as far as the limits admit. */
  pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    let hindered = 0;
    let call = this.line.first;
    while (call !== undefined) {
      const next = call.nextInLine;
      if (this.tryOpen(call) === FULL) {
        hindered += 1;
        if (hindered >= MAX_TRIES || this.host.subchannelCount < 2) break;
      }
      // What a call does as it starts or ends may take others out of the line.
      call = next === undefined || next.inLine ? next : this.line.first;
    }
    this.pumping = false;
    this.tellReady();
    this.host.onWaiting();
  }

  /** Ends every waiting call. */
  fail(reason: string): void {
    // Listed first: the listener of one may cancel another, or start a new call.
    const failed: ClientCall[] = [];
    for (let call = this.line.first; call !== undefined; call = call.nextInLine) failed.push(call);
    for (const call of failed) if (call.inLine) call.refuse(Status.UNAVAILABLE, reason);
  }

  /** Resolves when a call would be admitted. */
  ready(): Promise<void> {
    if (this.admitsNow()) return Promise.resolve();
    // Whoever asks again and again while nothing is admitted shares the last promise.
    const last = this.readyWaiters[this.host.limits.waitingCalls - 1];
    if (last !== undefined) return last.promise;
    let resolve: () => void = () => {};
    const promise = new Promise<void>((given) => {
      resolve = given;
    });
    this.readyWaiters.push({ promise, resolve });
    this.host.onWaiting();
    return promise;
  }

  private admitsNow(): boolean {
    if (this.line.size > 0) return false;
    const pick = pickFor(this.host.balancing, ANY_CALL);
    if (pick.kind !== 'subchannel') return false;
    const transport = transportOf(pick);
    if (transport === undefined) return false;
    if (transport.admission.refuses(0) === undefined) return true;
    transport.notifyCapacity();
    return false;
  }

  // One at a time: what the one does with the room is seen before the next is told. Nothing else need
  // happen on the connection, so the next does not wait for it.
  private tellReady(): void {
    if (this.readyWaiters.length === 0 || !this.admitsNow()) return;
    this.readyWaiters.shift()?.resolve();
    if (this.readyWaiters.length > 0 && this.admitsNow()) setImmediate(() => this.pump());
  }

  /** The limits of the line, for stats. */
  readings(): Record<'waiting-calls' | 'waiting-bytes', LimitReading> {
    const { waitingCalls, waitingBytes } = this.host.limits;
    const { line, acted } = this;
    return {
      'waiting-calls': {
        value: waitingCalls,
        unit: 'calls',
        depth: line.size,
        acted: acted.calls,
      },
      'waiting-bytes': {
        value: waitingBytes,
        unit: 'bytes',
        depth: line.bytes,
        acted: acted.bytes,
      },
    };
  }
}

// A picker may be a user's; what it throws ends the call it was asked for.
function pickFor(balancing: ResolvingBalancer, call: PickInfo): PickResult {
  try {
    return balancing.picker.pick(call);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { kind: 'drop', code: Status.INTERNAL, details: `the picker threw: ${why}` };
  }
}

function transportOf(
  pick: Extract<PickResult, { readonly kind: 'subchannel' }>,
): ClientTransport | undefined {
  const { subchannel } = pick;
  if (subchannel instanceof ChannelSubchannel) return subchannel.transport;
  throw new TypeError('the balancer picked a subchannel that createSubchannel did not make');
}
