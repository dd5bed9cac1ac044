// Which calls of a channel start now, which wait for a stream or a connection, and which are refused.
// Invariants: a call that cannot start now waits in one bounded line, or is refused with
// RESOURCE_EXHAUSTED naming the limit; none overtakes another one that waits for the same connection,
// and none is held back by one that waits for something else; whoever waits is looked at again when a
// picker is new and when a connection has room.
// Not here: what a call does (call.ts), the line itself (waiting-line.ts), who picks (balancers/).

import { isStatus, Status } from '../grpc/status.ts';
import type { AdmissionLimit } from '../transport/admission.ts';
import type { ClientTransport } from '../transport/client-transport.ts';
import type { ClientLimits } from '../transport/limits.ts';
import type { StallReason } from '../transport/stall.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { WheelTimeout } from '../transport/wheel-timeout.ts';
import type { Picker, PickInfo, PickResult } from './balancer.ts';
import type { ClientCall } from './call.ts';
import { ChannelSubchannel } from './channel-subchannel.ts';
import { ReadyWaiters } from './ready-waiters.ts';
import type { ResolvingBalancer } from './resolving-balancer.ts';
import type { Subchannel } from './subchannel.ts';
import { reasonOf } from './typed-messages.ts';
import { checkWatchOptions, type WatchOptions } from './waiter.ts';
import { callsBefore, WaitingLine } from './waiting-line.ts';

/** What became of an attempt to start a call. */
const PLACED = 0;
const UNCONNECTED = 1;
const FULL = 2;
type Outcome = typeof PLACED | typeof UNCONNECTED | typeof FULL;

/** Backends that are asked for one call, and calls that are looked at behind one that found none. */
const MAX_TRIES = 32;

/**
 * Milliseconds until all of a line is looked at that was left after MAX_TRIES calls: behind those that
 * wait for a backend which hangs there may be some for another one. Each look costs a pick per call.
 */
const WHOLE_LINE_MS = 100;

/** Asks for any backend, for whoever wants to know whether a call would start. */
const ANY_CALL: PickInfo = { path: '', fields: [] };

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
  /** Milliseconds until a backend is tried again, 0 while one is; -1 where none is known. */
  retryInMs(): number;
  /** Calls or callers of `ready` wait, or none does any more. */
  onWaiting(): void;
}

/** The line of a channel, and the way out of it. */
export class Placement {
  readonly line: WaitingLine;
  /** Why the last connection failed, in the words of the picker; '' while all is well. */
  lastFailure: string;
  private readonly host: PlacementHost;
  private readonly readyWaiters: ReadyWaiters;
  /** Backends that calls in the line wait for, as far as the last pump has seen. */
  private readonly awaited: Set<Subchannel>;
  private pumping: boolean;
  /** Something has changed while the line was looked at. */
  private pumpAgain: boolean;
  private wholeLine: WheelTimeout | undefined;
  /** The connection that was last found full, and the limit that said so, if any did. */
  private full: ClientTransport | undefined;
  private fullLimit: AdmissionLimit | undefined;

  constructor(host: PlacementHost) {
    this.line = new WaitingLine(host.limits, host.wheel, () => this.waitReason());
    this.lastFailure = '';
    this.host = host;
    this.readyWaiters = new ReadyWaiters(host.limits.waitingCalls, {
      wheel: host.wheel,
      waitReason: () => this.waitReason(),
      onWaiting: () => host.onWaiting(),
    });
    this.awaited = new Set();
    this.pumping = false;
    this.pumpAgain = false;
    this.wholeLine = undefined;
    this.full = undefined;
    this.fullLimit = undefined;
  }

  /** Calls or callers of `ready` wait. */
  get waited(): boolean {
    return this.line.size > 0 || this.readyWaiters.size > 0;
  }

  /** @param again the call was admitted once already: it goes first and is not refused */
  place(call: ClientCall, again: boolean): void {
    const outcome = this.tryOpen(call, again, MAX_TRIES);
    if (outcome === FULL) this.waitOrRefuse(call, again, this.fullLimit);
    else if (outcome === UNCONNECTED) this.enterLine(call, again, undefined);
  }

  /** @param first the call goes before those in the line */
  private tryOpen(call: ClientCall, first: boolean, mostTries: number): Outcome {
    const { balancing } = this.host;
    let tried: Subchannel | undefined;
    for (let tries = 0; tries < mostTries; tries += 1) {
      const { picker } = balancing;
      const pick = pickFor(picker, call);
      // It may have told a backend to connect, which failed at once.
      if (pick.kind === 'queue' && picker !== balancing.picker) continue;
      if (pick.kind !== 'subchannel') return this.unpicked(call, pick);
      const chosen = subchannelOf(pick);
      const transport = chosen?.connectionFor(call.queueBytes);
      // The connection was lost in this turn; a new picker follows.
      if (chosen === undefined || transport === undefined) return UNCONNECTED;
      const { shared } = chosen;
      const limit = transport.admission.refuses(call.queueBytes);
      if (limit === undefined && (first || !this.hasQueueFor(shared))) {
        const waited = call.inLine;
        if (waited) this.line.remove(call);
        if (call.open(transport, pick.tracker)) return PLACED;
        if (waited) this.line.add(call, true);
      }
      this.full = transport;
      this.fullLimit = limit;
      this.awaited.add(shared);
      shared.onHeldBack(transport, limit);
      if (shared === tried || this.host.subchannelCount < 2) break;
      tried ??= shared;
    }
    return FULL;
  }

  private hasQueueFor(backend: Subchannel): boolean {
    return this.line.size > 0 && (this.pumping || this.awaited.has(backend));
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

  private waitOrRefuse(call: ClientCall, again: boolean, limit: AdmissionLimit | undefined): void {
    const admission = this.full?.admission;
    const waits = this.host.policy === 'wait' || again || limit === undefined;
    const isRefused = !waits && limit !== 'draining';
    if (limit !== undefined) admission?.count(limit, isRefused ? 'refused' : 'waited');
    if (isRefused && admission !== undefined) {
      call.refuse(Status.RESOURCE_EXHAUSTED, `refused by ${admission.describe(limit)}`);
      return;
    }
    this.enterLine(call, again, limit);
  }

  private enterLine(call: ClientCall, again: boolean, why: AdmissionLimit | undefined): void {
    // The pump that is under way may have passed the end of the line.
    if (this.pumping) this.pumpAgain = true;
    if (this.line.enter(call, again, why)) this.host.onWaiting();
  }

  /** A call in the line holds so many bytes more; it may be refused for it. */
  onHeld(call: ClientCall, bytes: number): void {
    this.line.onHeld(call, bytes);
  }

  /** The call left the line by itself. */
  withdraw(call: ClientCall): void {
    this.line.remove(call);
    this.host.onWaiting();
  }

  /** What callers of `ready` wait for; undefined where there are none. */
  get readyWaits(): string | undefined {
    return this.readyWaiters.size === 0 ? undefined : this.waitReason();
  }

  /** What a call in the line waits for. */
  stallOf(call: ClientCall): StallReason {
    const { balancing, backendName, wheel } = this.host;
    const forMs = wheel.now() - call.waitingSinceMs;
    const ahead = callsBefore(call);
    const { full, lastFailure: failure } = this;
    if (balancing.state === 'READY') {
      const limit = full?.admission.refuses(call.queueBytes);
      if (full === undefined || limit === undefined) return { kind: 'turn', forMs, ahead };
      return full.admission.stall(limit, forMs, ahead);
    }
    if (balancing.resolving) return { kind: 'resolution', forMs, ahead, target: balancing.target };
    if (balancing.state === 'TRANSIENT_FAILURE') {
      return { kind: 'backoff', forMs, ahead, failure, retryInMs: this.host.retryInMs() };
    }
    return { kind: 'connecting', forMs, ahead, address: backendName, failure };
  }

  /** What waiting calls wait for, in the words of refusals. */
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
      const pick = pickFor(balancing.picker, ANY_CALL);
      if (pick.kind === 'fail' || pick.kind === 'drop') this.lastFailure = pick.details;
    }
    if (this.full?.draining === true) this.full = undefined;
    this.pump();
  }

  /** Lets waiting calls start, in order, as far as the limits admit. */
  pump(): void {
    if (this.pumping) {
      this.pumpAgain = true;
      return;
    }
    this.look(MAX_TRIES, MAX_TRIES);
    this.tellReady();
    this.host.onWaiting();
  }

  /** @param mostHindered waiting calls that find no room, after which the rest is left for later */
  private look(mostHindered: number, mostTries: number): void {
    this.awaited.clear();
    this.pumping = true;
    try {
      let hindered = 0;
      let call = this.line.first;
      while (call !== undefined) {
        const next = call.nextInLine;
        if (this.tryOpen(call, true, mostTries) === FULL) {
          hindered += 1;
          if (this.host.subchannelCount < 2) break;
          if (hindered >= mostHindered) {
            if (next !== undefined) this.lookAtAllLater();
            break;
          }
        }
        // What a call does as it starts or ends may take others out of the line.
        call = next === undefined || next.inLine ? next : this.line.first;
      }
    } finally {
      this.pumping = false;
    }
    if (!this.pumpAgain) return;
    this.pumpAgain = false;
    // Not from here: whatever leads to it could do so without end.
    setImmediate(() => this.pump());
  }

  private lookAtAllLater(): void {
    this.wholeLine ??= new WheelTimeout(this.host.wheel, WHOLE_LINE_MS, () => {
      this.wholeLine = undefined;
      if (this.pumping) return;
      this.look(Number.POSITIVE_INFINITY, 1);
      this.host.onWaiting();
    });
  }

  /** Ends every waiting call, and whichever comes later; ends the wait of callers of `ready`. */
  end(reason: string): void {
    this.wholeLine?.cancel();
    this.wholeLine = undefined;
    this.line.end(reason);
    this.readyWaiters.end(reason);
  }

  /** Resolves when a call would be admitted. */
  ready(options: WatchOptions): Promise<void> {
    checkWatchOptions(options);
    return this.admitsNow() ? Promise.resolve() : this.readyWaiters.wait(options);
  }

  private admitsNow(): boolean {
    const pick = pickFor(this.host.balancing.picker, ANY_CALL);
    if (pick.kind !== 'subchannel') return false;
    const chosen = subchannelOf(pick);
    const transport = chosen?.connectionFor(0);
    if (chosen === undefined || transport === undefined) return false;
    const limit = transport.admission.refuses(0);
    if (limit === undefined && !this.hasQueueFor(chosen.shared)) return true;
    this.full = transport;
    chosen.shared.onHeldBack(transport, limit);
    return false;
  }

  // One at a time: what the one does with the room is seen before the next is told. Nothing else need
  // happen on the connection, so the next does not wait for it.
  private tellReady(): void {
    if (this.readyWaiters.size === 0 || !this.admitsNow()) return;
    this.readyWaiters.tellFirst();
    if (this.readyWaiters.size > 0 && this.admitsNow()) setImmediate(() => this.pump());
  }
}

const NO_PICK = 'the picker gave something that is no PickResult';

// A picker may be a user's; what it throws ends the call it was asked for, and so does nonsense.
function pickFor(picker: Picker, call: PickInfo): PickResult {
  try {
    const result = picker.pick(call);
    const fault = faultOf(result);
    return fault === undefined ? result : { kind: 'drop', code: Status.INTERNAL, details: fault };
  } catch (error) {
    const details = `the picker threw: ${reasonOf(error)}`;
    return { kind: 'drop', code: Status.INTERNAL, details };
  }
}

function faultOf(result: PickResult): string | undefined {
  if (typeof result !== 'object' || result === null) return NO_PICK;
  switch (result.kind) {
    case 'subchannel':
      return result.subchannel instanceof ChannelSubchannel
        ? undefined
        : 'the picker gave a subchannel that createSubchannel did not make';
    case 'queue':
      return undefined;
    default:
      // 'fail' and 'drop'; or, of one without types, anything at all.
      return isStatus(result.code) && result.code !== Status.OK ? undefined : NO_PICK;
  }
}

function subchannelOf(
  pick: Extract<PickResult, { readonly kind: 'subchannel' }>,
): ChannelSubchannel | undefined {
  const { subchannel } = pick;
  return subchannel instanceof ChannelSubchannel ? subchannel : undefined;
}
