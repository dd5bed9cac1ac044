// The balancer of one policy while it works for a channel, and what it said last.
// Invariants: what a balancer throws makes its channel fail calls with INTERNAL and goes no further;
// what it tells while its own code runs is passed on once, when that code has returned, so that
// nothing of a caller runs in between; after `close` nothing is heard of it.
// Not here: which policy is at work (resolving-balancer.ts), the interface (balancer.ts).

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
import { failing, QUEUEING } from './balancers/pickers.ts';
import type { BackendAddress } from './resolver.ts';
import type { ConnectivityState } from './subchannel.ts';
import { reasonOf } from './typed-messages.ts';

/** What a policy needs of its channel. */
export interface PolicyHost {
  readonly wheel: TimerWheel;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** The channel's setting. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  createSubchannel(
    address: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel;
}

/** Whoever put a policy to work. */
export interface PolicyOwner {
  readonly target: string;
  /** State and picker are new. */
  onPolicy(policy: PolicyAtWork): void;
  resolveAgain(): void;
}

/** In place of one that could not be made. */
const NO_BALANCER: Balancer = { update() {}, onResolverError() {}, exitIdle() {}, close() {} };

/** One balancer with its context. */
export class PolicyAtWork implements BalancerContext {
  readonly target: string;
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
  readonly factory: BalancerFactory;
  state: ConnectivityState;
  picker: Picker;
  private readonly host: PolicyHost;
  private readonly owner: PolicyOwner;
  private readonly balancer: Balancer;
  private closed: boolean;
  /** How deep in the balancer's code this is. */
  private depth: number;
  private changed: boolean;

  constructor(factory: BalancerFactory, owner: PolicyOwner, host: PolicyHost) {
    this.target = owner.target;
    this.attributes = host.attributes;
    this.factory = factory;
    this.state = 'CONNECTING';
    this.picker = QUEUEING;
    this.host = host;
    this.owner = owner;
    this.closed = false;
    this.depth = 1;
    this.changed = false;
    this.balancer = this.made();
    // What it has told meanwhile is passed on with the first addresses: its owner does not know it yet.
    this.depth = 0;
  }

  private made(): Balancer {
    try {
      return this.factory.create(this);
    } catch (error) {
      this.onThrown(error);
      return NO_BALANCER;
    }
  }

  private run(act: () => void): void {
    this.depth += 1;
    try {
      act();
    } catch (error) {
      this.onThrown(error);
    }
    this.depth -= 1;
    if (this.depth > 0 || !this.changed || this.closed) return;
    this.changed = false;
    this.owner.onPolicy(this);
  }

  private onThrown(error: unknown): void {
    this.changed = true;
    this.state = 'TRANSIENT_FAILURE';
    const details = `the balancer ${this.factory.name} threw: ${reasonOf(error)}`;
    this.picker = failing(Status.INTERNAL, details);
  }

  // What its owner does.

  resolved(addresses: readonly BackendAddress[], config: unknown): void {
    this.run(() => this.balancer.update(addresses, config));
  }

  unresolved(details: string): void {
    this.run(() => this.balancer.onResolverError(details));
  }

  exitIdle(): void {
    this.run(() => this.balancer.exitIdle());
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.run(() => this.balancer.close());
  }

  // BalancerContext.

  createSubchannel(
    address: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel {
    return this.host.createSubchannel(address, (subchannel) => {
      this.run(() => onState(subchannel));
    });
  }

  update(state: ConnectivityState, picker: Picker): void {
    if (this.closed) return;
    this.state = state;
    this.picker = picker;
    if (this.depth > 0) this.changed = true;
    else this.owner.onPolicy(this);
  }

  requestResolution(): void {
    if (!this.closed) this.owner.resolveAgain();
  }

  startTimer(ms: number, callback: () => void): BalancerTimer {
    return new WheelTimeout(this.host.wheel, ms, () => {
      if (!this.closed) this.run(callback);
    });
  }

  now(): number {
    return this.host.wheel.now();
  }

  random(): number {
    return this.host.random();
  }
}
