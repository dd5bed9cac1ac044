// What a channel is made of: resolution and balancing, the placement of its calls, its subchannels,
// its connectivity state and its idleness.
// Invariants: nothing a caller does grows memory past the limits; a channel without calls for its
// idle timeout holds no connection. gRPC connectivity-semantics-and-api.md.
// Longer than 400 lines because it is what the parts of a channel ask for, and they are many.
// Not here: the public face (channel.ts), what a call does (call.ts), where it goes (placement.ts).

import { Status } from '../grpc/status.ts';
import { StatusError } from '../grpc/status-error.ts';
import type { LimitReading } from '../transport/admission.ts';
import { connectionStats, type RuntimeStats } from '../transport/connection-stats.ts';
import { type ClientLimits, defaultClientLimits, resolveLimits } from '../transport/limits.ts';
import { processHold } from '../transport/process-hold.ts';
import type { StallReason } from '../transport/stall.ts';
import {
  processStallWatch,
  type StalledCall,
  type StallVisitor,
} from '../transport/stall-watch.ts';
import { processWheel, type TimerWheel } from '../transport/timer-wheel.ts';
import { WheelTimeout } from '../transport/wheel-timeout.ts';
import type { BalancedSubchannel } from './balancer.ts';
import { ClientCall } from './call.ts';
import type { CallCounts, CallPlacer, RetrySource } from './call-handle.ts';
import type { CallDefaults, MethodSettings } from './call-options.ts';
import { explainChannel } from './channel-explanation.ts';
import {
  type ChannelOptions,
  type ConnectionSettings,
  callDefaults,
  checkOptions,
  connectionSettings,
} from './channel-options.ts';
import { ChannelSubchannel } from './channel-subchannel.ts';
import { CredentialsLine } from './credentials-line.ts';
import { type LiveChannel, liveChannels } from './live-channels.ts';
import { readServiceConfig } from './parsed-service-config.ts';
import { Placement, type PlacementHost } from './placement.ts';
import { type BackendAddress, resolverFactory } from './resolver.ts';
import { ResolvingBalancer, type ResolvingBalancerHost } from './resolving-balancer.ts';
import { ClientAttempts } from './retry/client-attempts.ts';
import { RetryCalls } from './retry/retry-calls.ts';
import { StateWatch } from './state-watch.ts';
import type { ConnectivityState, Subchannel } from './subchannel.ts';
import { processPool, SubchannelPool } from './subchannel-pool.ts';
import { parseTargetUri } from './target.ts';
import type { WatchOptions } from './waiter.ts';

const CLOSED = 'the channel is closed';

/** Milliseconds without calls after which a channel gives its connections up. */
const IDLE_TIMEOUT_MS: number = 30 * 60 * 1_000;

/** An idle timeout is watched in so many steps: what is late is late by one of them. */
const IDLE_STEPS = 10;

/** Subchannels that may be given up before those of which nothing is left are forgotten. */
const SPARE_BACKENDS = 16;

/** The inside of one channel; its parts know it by the interfaces it implements. */
export class ChannelCore implements CallPlacer, PlacementHost, ResolvingBalancerHost, LiveChannel {
  readonly target: string;
  readonly wheel: TimerWheel;
  readonly callDefaults: CallDefaults;
  readonly counts: CallCounts;
  readonly credentialsLine: CredentialsLine;
  readonly random: () => number;
  readonly limits: ClientLimits;
  readonly policy: 'wait' | 'fail';
  readonly backendName: string;
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
  readonly balancing: ResolvingBalancer;
  private readonly retries: RetryCalls;
  private readonly placement: Placement;
  private readonly pool: SubchannelPool;
  private readonly settings: ConnectionSettings;
  /** What the balancer holds. */
  private readonly held: Set<ChannelSubchannel>;
  /** Every subchannel that calls of this channel may be on. */
  private readonly backends: Set<Subchannel>;
  private readonly watch: StateWatch;
  private readonly idleTimeoutMs: number;
  private idleTimer: WheelTimeout | undefined;
  /** Calls placed, and how many there were, for how many steps, when idleness was last looked at. */
  private placed: number;
  private placedBefore: number;
  private quietSteps: number;
  private closed: boolean;
  /** Whoever waits holds the process. */
  private holds: boolean;

  /** @throws TypeError or RangeError for a target or option that is not understood */
  constructor(target: string, options: ChannelOptions) {
    const uri = parseTargetUri(target);
    const resolver = resolverFactory(uri.scheme);
    if (resolver === undefined) throw new TypeError(`no resolver for the target ${target}`);
    const authority = resolver.authority(uri);
    checkOptions(options);
    this.target = target;
    this.wheel = processWheel;
    this.random = Math.random;
    this.limits = resolveLimits(defaultClientLimits, options.limits);
    this.policy = options.admissionPolicy ?? 'wait';
    this.backendName = uri.scheme === 'dns' ? authority : target;
    this.attributes = options.attributes;
    this.pool = options.shareConnections === false ? new SubchannelPool() : processPool;
    this.settings = connectionSettings(authority, options, this.limits, this.wheel);
    this.credentialsLine = new CredentialsLine(this.limits, this.wheel, () => this.onWaiting());
    this.counts = { started: 0, succeeded: 0, failed: 0 };
    this.callDefaults = callDefaults(authority, uri.scheme.startsWith('unix'), options);
    this.held = new Set();
    this.backends = new Set();
    this.watch = new StateWatch(this.limits.waitingCalls, this);
    this.idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
    this.idleTimer = undefined;
    this.placed = 0;
    this.placedBefore = 0;
    this.quietSteps = 0;
    this.closed = false;
    this.holds = false;
    this.retries = new RetryCalls({
      target,
      starter: new ClientAttempts(this),
      wheel: this.wheel,
      random: this.random,
      configOf: (path) => this.balancing.parsed.methods.configOf(path),
    });
    this.balancing = new ResolvingBalancer(
      {
        uri,
        resolver,
        serviceConfig: readServiceConfig(options.serviceConfig, options.maxAttempts),
        maxAttempts: options.maxAttempts,
        lookUpServiceConfig: options.lookUpServiceConfig ?? false,
        proxy: options.proxy,
      },
      this,
    );
    this.placement = new Placement(this);
    this.retries.configure(this.balancing.parsed.retryThrottling);
    liveChannels.add(this);
  }

  // Connectivity.

  /** Resolves when a call would be admitted. */
  ready(options: WatchOptions): Promise<void> {
    if (this.closed) {
      return Promise.reject(StatusError.refusal(Status.UNAVAILABLE, CLOSED));
    }
    this.exitIdle();
    return this.placement.ready(options);
  }

  /** Connectivity: IDLE, CONNECTING, READY, TRANSIENT_FAILURE or SHUTDOWN. */
  get state(): ConnectivityState {
    return this.closed ? 'SHUTDOWN' : this.balancing.state;
  }

  /** Resolves with the first state that is not `known`. */
  watchState(known: ConnectivityState, options: WatchOptions): Promise<ConnectivityState> {
    return this.watch.next(known, options);
  }

  // Figures.

  /** Every queue, window and limit as it stands; cheap enough for ten times a second. */
  stats(): RuntimeStats {
    const now = this.wheel.now();
    const { line } = this.placement;
    const { credentialsLine: waiting } = this;
    const limits: Record<string, LimitReading> = {
      ...line.readings(),
      'retry-bytes': this.retries.reading(),
    };
    const connections: RuntimeStats['connections'] = [];
    addReadings(limits, waiting.readings());
    for (const { live, actedBefore } of this.subchannels()) {
      addActed(limits, actedBefore);
      for (const { transport, id, names, sinceMs } of live) {
        addReadings(limits, transport.limitReadings());
        const identity = { id, names, sinceMs, state: transport.state };
        connections.push(connectionStats(transport.connection, identity));
      }
    }
    return {
      state: this.state,
      waitingCalls: line.size + waiting.size,
      oldestWaitMs: Math.round(Math.max(waitOf(line.first, now), waitOf(waiting.first, now))),
      limits,
      connections,
      retries: { ...this.retries.counts },
      backends: [...this.held].map((backend) => backend.stats()),
    };
  }

  /** What its calls wait for, since when, and what would release them: a line for each place. */
  explain(): string {
    if (this.closed) return CLOSED;
    const { line, readyWaits } = this.placement;
    return explainChannel({
      state: this.state,
      waitingCalls: line.size,
      firstWaiting: line.first,
      withoutCredentials: this.credentialsLine.size,
      firstWithoutCredentials: this.credentialsLine.first,
      betweenAttempts: this.retries.betweenAttempts,
      readyWaits,
      openCalls: () => this.openCalls(),
    });
  }

  /** LiveChannel: the calls on its connections. */
  openCalls(): [peer: string, calls: ClientCall[]][] {
    const found: [string, ClientCall[]][] = [];
    for (const { live } of this.subchannels()) {
      for (const { transport, names } of live) {
        const calls: ClientCall[] = [];
        for (const caller of transport.listeners()) if (this.isCall(caller)) calls.push(caller);
        found.push([names.peer, calls]);
      }
    }
    return found;
  }

  /** StallSource. */
  visitStalls(visit: StallVisitor): void {
    const show = (call: ClientCall): void => {
      const reason = call.stall(false);
      const about: StalledCall = { side: 'client', place: this.target, path: call.path };
      if (reason !== undefined) visit(call, about, reason);
    };
    const { first } = this.placement.line;
    for (let call = first; call !== undefined; call = call.nextInLine) show(call);
    for (let call = this.credentialsLine.first; call !== undefined; call = call.nextInLine) {
      show(call);
    }
    for (const [, calls] of this.openCalls()) for (const call of calls) show(call);
  }

  /** Those that the balancer holds, and of the others those where something of this channel is left. */
  subchannels(): ReadonlySet<Subchannel> {
    const { backends } = this;
    const held = new Set<Subchannel>();
    for (const { shared } of this.held) held.add(shared);
    for (const backend of backends) {
      // First, because it spares a look at all calls of a connection.
      if (held.has(backend)) continue;
      const isLeft = backend.used ? this.hasCallsOn(backend) : backend.live.size > 0;
      if (!isLeft) backends.delete(backend);
    }
    return backends;
  }

  private hasCallsOn({ live }: Subchannel): boolean {
    for (const { transport } of live) {
      for (const caller of transport.listeners()) if (this.isCall(caller)) return true;
    }
    return false;
  }

  /** Connections may be shared: not every call on them is of this channel. */
  private isCall(caller: unknown): caller is ClientCall {
    return caller instanceof ClientCall && caller.isOf(this);
  }

  // The end.

  /** Ends the channel: open and waiting calls fail with UNAVAILABLE, connections close. */
  close(): Promise<void> {
    const reason = 'the channel was closed';
    if (!this.closed) {
      this.closed = true;
      liveChannels.delete(this);
      processStallWatch.remove(this);
      this.idleTimer?.cancel();
      this.placement.end(reason);
      this.retries.close(reason);
      this.credentialsLine.end(reason);
      this.balancing.close();
      // A user's balancer may have forgotten some.
      for (const subchannel of this.held) subchannel.release();
      for (const backend of this.backends) this.endCalls(backend, reason);
      this.watch.tell();
      this.onWaiting();
    }
    const closing: Promise<void>[] = [];
    for (const backend of this.backends) {
      if (!backend.used) closing.push(backend.whenClosed());
    }
    return Promise.all(closing).then(() => {});
  }

  // One that other channels use stays, without the calls of this one.
  private endCalls({ live, used }: Subchannel, reason: string): void {
    for (const { transport } of live) {
      if (!used) {
        transport.close(reason);
        continue;
      }
      for (const caller of transport.listeners()) {
        if (this.isCall(caller)) caller.abandon(Status.UNAVAILABLE, reason);
      }
    }
  }

  // CallPlacer.

  settingsOf(path: string): MethodSettings | undefined {
    const { methods } = this.balancing.parsed;
    return methods.isEmpty ? undefined : methods.configOf(path);
  }

  retryOf(path: string): RetrySource | undefined {
    return this.balancing.parsed.methods.isEmpty ? undefined : this.retries.sourceOf(path);
  }

  place(call: ClientCall, again: boolean): void {
    if (this.closed) {
      call.refuse(Status.UNAVAILABLE, CLOSED);
      return;
    }
    this.placed += 1;
    if (this.balancing.state === 'IDLE') this.exitIdle();
    this.placement.place(call, again);
  }

  onHeld(call: ClientCall, bytes: number): void {
    this.placement.onHeld(call, bytes);
  }

  withdraw(call: ClientCall): void {
    this.placement.withdraw(call);
  }

  stallOf(call: ClientCall): StallReason {
    return this.placement.stallOf(call);
  }

  // PlacementHost, ResolvingBalancerHost.

  get subchannelCount(): number {
    return this.held.size;
  }

  retryInMs(): number {
    let soonest = -1;
    for (const { shared } of this.held) {
      const { state, retryAtMs } = shared;
      const ms = state === 'TRANSIENT_FAILURE' ? Math.max(0, retryAtMs - this.wheel.now()) : 0;
      if (soonest < 0 || ms < soonest) soonest = ms;
    }
    return soonest;
  }

  createSubchannel(
    address: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel {
    const shared = this.pool.take({ ...this.settings, endpoint: address.endpoint });
    // Addresses may come and go for as long as the program runs.
    if (this.backends.size > 2 * this.held.size + SPARE_BACKENDS) this.subchannels();
    this.backends.add(shared);
    const made = new ChannelSubchannel(address, shared, {
      onState,
      onCapacity: () => this.placement.pump(),
      onReleased: () => this.held.delete(made),
    });
    this.held.add(made);
    return made;
  }

  onUpdate(): void {
    // From inside the constructor nobody waits yet.
    if (this.closed || this.placement === undefined) return;
    this.retries.configure(this.balancing.parsed.retryThrottling);
    this.watch.tell();
    this.placement.onPicker();
    if (this.balancing.state === 'IDLE' && this.placement.waited) this.exitIdle();
    this.onWaiting();
  }

  // No socket without calls holds the process, and timers of the wheel never do: whoever waits must. A
  // program that watches states for as long as it runs need not run for that.
  onWaiting(): void {
    const { watch } = this;
    const holds =
      this.placement.waited ||
      this.credentialsLine.size > 0 ||
      watch.timed > 0 ||
      (watch.size > 0 && this.state === 'CONNECTING');
    if (holds === this.holds) return;
    this.holds = holds;
    if (holds) processHold.take();
    else processHold.release();
  }

  // Idleness.

  /** Resolves and connects, unless that is under way. */
  exitIdle(): void {
    if (this.closed) return;
    processStallWatch.add(this);
    if (this.idleTimer === undefined) this.watchIdleness();
    this.balancing.exitIdle();
  }

  private watchIdleness(): void {
    this.quietSteps = 0;
    if (this.idleTimeoutMs === Number.POSITIVE_INFINITY) return;
    const step = this.idleTimeoutMs / IDLE_STEPS;
    const look = (): void => {
      const busy = this.placed !== this.placedBefore || this.isWaited || this.hasStreams();
      this.placedBefore = this.placed;
      this.quietSteps = busy ? 0 : this.quietSteps + 1;
      if (this.quietSteps < IDLE_STEPS) {
        this.idleTimer = new WheelTimeout(this.wheel, step, look);
        return;
      }
      this.idleTimer = undefined;
      processStallWatch.remove(this);
      this.balancing.enterIdle();
    };
    this.idleTimer = new WheelTimeout(this.wheel, step, look);
  }

  private get isWaited(): boolean {
    return this.placement.waited || this.retries.waitingCalls > 0;
  }

  private hasStreams(): boolean {
    for (const backend of this.subchannels()) if (this.hasCallsOn(backend)) return true;
    return false;
  }
}

function waitOf(call: ClientCall | undefined, now: number): number {
  return call === undefined ? 0 : now - call.waitingSinceMs;
}

// What limits did on connections that are closed.
function addActed(
  into: Record<string, LimitReading>,
  before: ReadonlyMap<string, LimitReading>,
): void {
  for (const [name, { value, unit, acted }] of before) {
    addReadings(into, { [name]: { value, unit, depth: 0, acted } });
  }
}

// Limits are per connection: the depth shown is that of the fullest one.
function addReadings(into: Record<string, LimitReading>, from: Record<string, LimitReading>): void {
  for (const [name, reading] of Object.entries(from)) {
    const before = into[name];
    into[name] =
      before === undefined
        ? reading
        : {
            ...reading,
            depth: Math.max(before.depth, reading.depth),
            acted: before.acted + reading.acted,
          };
  }
}
