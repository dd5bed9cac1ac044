// What stands between a channel and its backends: the resolver of its target, the service config in
// force, the balancer that the config names, and the picker that balancer gave last.
// Invariants: one resolver, one balancer, and at most one more that is to replace it once it has a
// connection or has failed; nothing runs while the channel is IDLE or closed.
// gRPC naming.md, load-balancing.md, service_config.md. Not here: calls (channel.ts).

import { Status } from '../grpc/status.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { WheelTimeout } from '../transport/wheel-timeout.ts';
import type {
  BalancedSubchannel,
  Balancer,
  BalancerContext,
  BalancerFactory,
  BalancerTimer,
  Picker,
} from './balancer.ts';
import { type ParsedServiceConfig, readServiceConfig } from './parsed-service-config.ts';
import type {
  BackendAddress,
  Resolution,
  Resolver,
  ResolverFactory,
  ResolverListener,
  TargetUri,
} from './resolver.ts';
import type { ServiceConfig } from './service-config.ts';
import type { ConnectivityState } from './subchannel.ts';

/** What a resolving balancer asks of its channel. */
export interface ResolvingBalancerHost {
  readonly wheel: TimerWheel;
  readonly random: () => number;
  createSubchannel(
    address: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel;
  /** State, picker or service config are new. */
  onUpdate(): void;
}

/** How a target is resolved and balanced. */
export interface ResolvingBalancerOptions {
  readonly uri: TargetUri;
  readonly resolver: ResolverFactory;
  /** Used where the resolver finds none. */
  readonly serviceConfig: ParsedServiceConfig;
  readonly lookUpServiceConfig: boolean;
  readonly proxy: string | false | undefined;
}

const QUEUE: Picker = { pick: () => ({ kind: 'queue' }) };

/** The balancer of one policy at work, and what it said last. */
class Policy implements BalancerContext {
  readonly target: string;
  readonly factory: BalancerFactory;
  readonly balancer: Balancer;
  state: ConnectivityState;
  picker: Picker;
  closed: boolean;
  private readonly host: ResolvingBalancerHost;
  private readonly owner: ResolvingBalancer;

  constructor(factory: BalancerFactory, owner: ResolvingBalancer, host: ResolvingBalancerHost) {
    this.target = owner.target;
    this.factory = factory;
    this.state = 'CONNECTING';
    this.picker = QUEUE;
    this.closed = false;
    this.host = host;
    this.owner = owner;
    this.balancer = factory.create(this);
  }

  createSubchannel(
    address: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel {
    return this.host.createSubchannel(address, onState);
  }

  update(state: ConnectivityState, picker: Picker): void {
    if (this.closed) return;
    this.state = state;
    this.picker = picker;
    this.owner.onPolicy(this);
  }

  requestResolution(): void {
    if (!this.closed) this.owner.resolveAgain();
  }

  startTimer(ms: number, callback: () => void): BalancerTimer {
    return new WheelTimeout(this.host.wheel, ms, callback);
  }

  now(): number {
    return this.host.wheel.now();
  }

  random(): number {
    return this.host.random();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.balancer.close();
  }
}

/** Resolves and balances one target. IDLE until `exitIdle`. */
export class ResolvingBalancer implements ResolverListener {
  readonly target: string;
  state: ConnectivityState;
  picker: Picker;
  /** The config in force: the resolver's, or the channel's own. */
  parsed: ParsedServiceConfig;
  private readonly host: ResolvingBalancerHost;
  private readonly options: ResolvingBalancerOptions;
  private resolver: Resolver | undefined;
  private current: Policy | undefined;
  private pending: Policy | undefined;

  constructor(options: ResolvingBalancerOptions, host: ResolvingBalancerHost) {
    this.target = options.uri.text;
    this.state = 'IDLE';
    this.picker = QUEUE;
    this.parsed = options.serviceConfig;
    this.host = host;
    this.options = options;
    this.resolver = undefined;
    this.current = undefined;
    this.pending = undefined;
  }

  /** True until addresses were found, or could not be. */
  get resolving(): boolean {
    return this.resolver !== undefined && this.current === undefined && this.state === 'CONNECTING';
  }

  /** A call has come. */
  exitIdle(): void {
    if (this.state !== 'IDLE') return;
    if (this.current !== undefined) {
      this.current.balancer.exitIdle();
      return;
    }
    this.move('CONNECTING', QUEUE);
    if (this.resolver !== undefined) return;
    const { uri, resolver, lookUpServiceConfig, proxy } = this.options;
    const { wheel, random } = this.host;
    this.resolver = resolver.create(uri, this, { wheel, random, lookUpServiceConfig, proxy });
    this.resolver.resolve();
  }

  /** Gives every connection up, until the next call. */
  enterIdle(): void {
    this.stop();
    this.move('IDLE', QUEUE);
  }

  /** For good. */
  close(): void {
    this.stop();
    this.state = 'SHUTDOWN';
    this.picker = QUEUE;
  }

  private stop(): void {
    this.resolver?.close();
    this.resolver = undefined;
    this.pending?.close();
    this.pending = undefined;
    this.current?.close();
    this.current = undefined;
  }

  resolveAgain(): void {
    this.resolver?.resolve();
  }

  // ResolverListener.

  onResolution(resolution: Resolution): void {
    if (this.state === 'SHUTDOWN') return;
    const found = this.configOf(resolution.serviceConfig);
    if (typeof found === 'string') {
      this.onError(`the service config of ${this.target} cannot be used: ${found}`);
      return;
    }
    this.parsed = found;
    this.policyOf(found.balancer.factory).balancer.update(
      resolution.addresses,
      found.balancer.config,
    );
    this.host.onUpdate();
  }

  /** The config to use from now on, or why there is none. One that cannot be used changes nothing. */
  private configOf(found: ServiceConfig | string | undefined): ParsedServiceConfig | string {
    if (found === undefined) return this.options.serviceConfig;
    if (typeof found === 'string') return this.current === undefined ? found : this.parsed;
    try {
      return readServiceConfig(found);
    } catch (error) {
      if (this.current !== undefined) return this.parsed;
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The policy at work; a new one takes over once it is of use. */
  private policyOf(factory: BalancerFactory): Policy {
    const newest = this.pending ?? this.current;
    if (newest !== undefined && newest.factory === factory) return newest;
    this.pending?.close();
    this.pending = undefined;
    const made = new Policy(factory, this, this.host);
    if (this.current === undefined) this.current = made;
    else this.pending = made;
    return made;
  }

  onError(details: string): void {
    if (this.state === 'SHUTDOWN') return;
    const newest = this.pending ?? this.current;
    if (newest !== undefined) {
      newest.balancer.onResolverError(details);
      return;
    }
    const failed = { kind: 'fail', code: Status.UNAVAILABLE, details } as const;
    this.move('TRANSIENT_FAILURE', { pick: () => failed });
  }

  onPolicy(policy: Policy): void {
    if (policy === this.pending) {
      // The one at work serves calls for as long as the next has nothing better to offer.
      const useless = policy.state === 'CONNECTING' || policy.state === 'IDLE';
      if (useless && this.current?.state === 'READY') {
        // Some connect for calls only, and it gets none yet.
        if (policy.state === 'IDLE') policy.balancer.exitIdle();
        return;
      }
      this.pending = undefined;
      const replaced = this.current;
      this.current = policy;
      replaced?.close();
    }
    const { pending } = this;
    if (policy !== this.current) return;
    if (pending !== undefined && policy.state !== 'READY') {
      this.current = pending;
      this.pending = undefined;
      policy.close();
    }
    this.move(this.current.state, this.current.picker);
  }

  private move(state: ConnectivityState, picker: Picker): void {
    this.state = state;
    this.picker = picker;
    this.host.onUpdate();
  }
}
