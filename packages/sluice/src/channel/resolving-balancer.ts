// What stands between a channel and its backends: the resolver of its target, the service config in
// force, the balancer that the config names, and the picker that balancer gave last.
// Invariants: one resolver, one balancer, and at most one more that is to replace it once it has a
// connection or has failed; nothing runs while the channel is IDLE or closed.
// gRPC naming.md, load-balancing.md, service_config.md. Not here: calls (channel.ts).

import { Status } from '../grpc/status.ts';
import type { BalancerFactory, Picker } from './balancer.ts';
import { failing, QUEUEING } from './balancers/pickers.ts';
import { type ParsedServiceConfig, readServiceConfig } from './parsed-service-config.ts';
import { PolicyAtWork, type PolicyHost, type PolicyOwner } from './policy-at-work.ts';
import type {
  Resolution,
  Resolver,
  ResolverFactory,
  ResolverListener,
  TargetUri,
} from './resolver.ts';
import type { ServiceConfig } from './service-config.ts';
import type { ConnectivityState } from './subchannel.ts';
import { reasonOf } from './typed-messages.ts';

/** What a resolving balancer asks of its channel. */
export interface ResolvingBalancerHost extends PolicyHost {
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
  readonly maxAttempts: number | undefined;
  readonly proxy: string | false | undefined;
}

/** Hears one resolver, until that is closed; whatever comes late is dropped. */
class ResolverBond implements ResolverListener {
  private owner: ResolvingBalancer | undefined;

  constructor(owner: ResolvingBalancer) {
    this.owner = owner;
  }

  get isCut(): boolean {
    return this.owner === undefined;
  }

  cut(): void {
    this.owner = undefined;
  }

  onResolution(resolution: Resolution): void {
    this.owner?.onResolution(resolution);
  }

  onError(details: string): void {
    this.owner?.onError(details);
  }
}

/** Resolves and balances one target. IDLE until `exitIdle`. */
export class ResolvingBalancer implements ResolverListener, PolicyOwner {
  readonly target: string;
  state: ConnectivityState;
  picker: Picker;
  /** The config in force: the resolver's, or the channel's own. */
  parsed: ParsedServiceConfig;
  private readonly host: ResolvingBalancerHost;
  private readonly options: ResolvingBalancerOptions;
  private resolver: Resolver | undefined;
  private bond: ResolverBond | undefined;
  private current: PolicyAtWork | undefined;
  private pending: PolicyAtWork | undefined;

  constructor(options: ResolvingBalancerOptions, host: ResolvingBalancerHost) {
    this.target = options.uri.text;
    this.state = 'IDLE';
    this.picker = QUEUEING;
    this.parsed = options.serviceConfig;
    this.host = host;
    this.options = options;
    this.resolver = undefined;
    this.bond = undefined;
    this.current = undefined;
    this.pending = undefined;
  }

  /** True until addresses were found, or could not be. */
  get resolving(): boolean {
    return this.bond !== undefined && this.current === undefined && this.state === 'CONNECTING';
  }

  /** A call has come. */
  exitIdle(): void {
    if (this.state !== 'IDLE') return;
    if (this.current !== undefined) {
      this.current.exitIdle();
      return;
    }
    this.move('CONNECTING', QUEUEING);
    if (this.bond === undefined) this.startResolver();
  }

  // A resolver may be a user's: it may answer, and with that end its channel, from inside every call.
  private startResolver(): void {
    const { uri, resolver: factory, lookUpServiceConfig, proxy } = this.options;
    const { wheel, random, attributes } = this.host;
    const bond = new ResolverBond(this);
    this.bond = bond;
    try {
      const settings = { lookUpServiceConfig, proxy, attributes };
      const made = factory.create(uri, bond, { wheel, random, ...settings });
      if (bond.isCut) {
        made.close();
        return;
      }
      this.resolver = made;
    } catch (error) {
      this.onResolverThrown(error);
      return;
    }
    this.resolve();
  }

  private resolve(): void {
    try {
      this.resolver?.resolve();
    } catch (error) {
      this.onResolverThrown(error);
    }
  }

  private onResolverThrown(error: unknown): void {
    this.onError(`the resolver of ${this.target} threw: ${reasonOf(error)}`);
  }

  /** Gives every connection up, until the next call. */
  enterIdle(): void {
    this.stop();
    this.move('IDLE', QUEUEING);
  }

  /** For good. */
  close(): void {
    this.stop();
    this.state = 'SHUTDOWN';
    this.picker = QUEUEING;
  }

  private stop(): void {
    this.bond?.cut();
    this.bond = undefined;
    const { resolver } = this;
    this.resolver = undefined;
    try {
      resolver?.close();
    } catch {
      // A user's; nobody is left who could be told.
    }
    this.pending?.close();
    this.pending = undefined;
    this.current?.close();
    this.current = undefined;
  }

  resolveAgain(): void {
    const { resolver } = this;
    // Not here: a resolver may answer at once, and the balancer that asks is amid something else.
    queueMicrotask(() => {
      if (resolver === this.resolver) this.resolve();
    });
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
    const { factory, config } = found.balancer;
    this.policyOf(factory).resolved(resolution.addresses, config);
    this.host.onUpdate();
  }

  /** The config to use from now on, or why there is none. One that cannot be used changes nothing. */
  private configOf(found: ServiceConfig | string | undefined): ParsedServiceConfig | string {
    if (found === undefined) return this.options.serviceConfig;
    if (typeof found === 'string') return this.current === undefined ? found : this.parsed;
    try {
      return readServiceConfig(found, this.options.maxAttempts);
    } catch (error) {
      if (this.current !== undefined) return this.parsed;
      return reasonOf(error);
    }
  }

  /** The policy at work; a new one takes over once it is of use. */
  private policyOf(factory: BalancerFactory): PolicyAtWork {
    const newest = this.pending ?? this.current;
    if (newest !== undefined && newest.factory === factory) return newest;
    this.pending?.close();
    this.pending = undefined;
    const made = new PolicyAtWork(factory, this, this.host);
    if (this.current === undefined) this.current = made;
    else this.pending = made;
    return made;
  }

  onError(details: string): void {
    if (this.state === 'SHUTDOWN') return;
    const newest = this.pending ?? this.current;
    if (newest !== undefined) {
      newest.unresolved(details);
      return;
    }
    this.move('TRANSIENT_FAILURE', failing(Status.UNAVAILABLE, details));
  }

  onPolicy(policy: PolicyAtWork): void {
    if (policy === this.pending) {
      // The one at work serves calls for as long as the next has nothing better to offer.
      const useless = policy.state === 'CONNECTING' || policy.state === 'IDLE';
      if (useless && this.current?.state === 'READY') {
        // Some connect for calls only, and it gets none yet.
        if (policy.state === 'IDLE') policy.exitIdle();
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
