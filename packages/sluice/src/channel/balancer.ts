// The interface of load balancing: from addresses to the connection of one call, for balancers of
// Sluice and of its users alike, and the registry of them by name.
// Invariants: `pick` is synchronous and cheap, it runs for every call; a balancer speaks to its
// channel through its context only. gRPC load-balancing.md, gRFC A24.
// Not here: connections themselves (subchannel.ts), the policies (balancers/).

import type { Status } from '../grpc/status.ts';
import { builtinBalancer } from './balancers/builtin.ts';
import type { BackendAddress } from './resolver.ts';
import type { ConnectivityState } from './subchannel.ts';

/** What a picker knows of a call. */
export interface PickInfo {
  readonly path: string;
  /** Request metadata, flat: name, value, name, value ... */
  readonly fields: readonly string[];
}

/** Hears of the attempts that a pick led to. Must not throw. */
export interface PickTracker {
  onStart(): void;
  /**
   * @param trailers flat
   * @param details of the status; none of a balancer below another one that does not pass them on
   */
  onEnd(code: Status, trailers: readonly string[], details?: string): void;
}

/** What to do with a call. */
export type PickResult =
  | {
      readonly kind: 'subchannel';
      readonly subchannel: BalancedSubchannel;
      readonly tracker?: PickTracker | undefined;
    }
  /** No backend yet: the call waits for the next picker. */
  | { readonly kind: 'queue' }
  /** Fails the call, unless it waits for ready. */
  | { readonly kind: 'fail'; readonly code: Status; readonly details: string }
  /** Fails the call in any case. */
  | { readonly kind: 'drop'; readonly code: Status; readonly details: string };

/** Chooses the backend of each call, until the balancer gives another picker. */
export interface Picker {
  pick(call: PickInfo): PickResult;
}

/** A backend's connection as a balancer sees it. */
export interface BalancedSubchannel {
  readonly address: BackendAddress;
  readonly state: ConnectivityState;
  /** Why the last attempt or connection failed; '' when none did. */
  readonly lastFailure: string;
  /** Starts connecting if it is IDLE. */
  connect(): void;
  /** Gives the connection up; calls on it go on. The listener hears nothing more. */
  release(): void;
}

/** A timer of a balancer. */
export interface BalancerTimer {
  cancel(): void;
}

/** What a channel offers its balancer. */
export interface BalancerContext {
  /** The channel's target, for messages. */
  readonly target: string;
  /** The channel's setting. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
  /**
   * `onState` is called on every change from now on, from inside `connect` too. A subchannel that
   * other channels use may be in any state already.
   */
  createSubchannel(
    address: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel;
  /** The channel's state from now on, and who picks for its calls. */
  update(state: ConnectivityState, picker: Picker): void;
  /** Addresses may be stale. */
  requestResolution(): void;
  /** Runs `callback` once, `ms` from now, unless cancelled; does not hold the process. */
  startTimer(ms: number, callback: () => void): BalancerTimer;
  /** Monotonic milliseconds. */
  now(): number;
  /** 0 <= x < 1. */
  random(): number;
}

/** A load balancing policy at work for one channel. What it throws fails the calls of the channel. */
export interface Balancer {
  /** New addresses or a new config; the first call comes right after it was made. */
  update(addresses: readonly BackendAddress[], config: unknown): void;
  /** No addresses could be found and none were known before, or resolution goes on failing. */
  onResolverError(details: string): void;
  /** A call came while the channel was IDLE. */
  exitIdle(): void;
  /** Release every subchannel, stop every timer. */
  close(): void;
}

/** The factory of a policy by its name, or undefined. */
export type FindBalancer = (name: string) => BalancerFactory | undefined;

/** Makes the balancers of one policy. */
export interface BalancerFactory {
  /** The name in `loadBalancingConfig`. */
  readonly name: string;
  /**
   * Reads the policy's config.
   * @param config the JSON value behind the name; undefined where the policy is the default
   * @param find the policies that are known, for those that have others below them
   * @throws TypeError or RangeError that names the field and its value
   */
  parseConfig(config: unknown, find: FindBalancer): unknown;
  create(context: BalancerContext): Balancer;
}

const factories = new Map<string, BalancerFactory>();

/** Makes a policy known to service configs; a second registration replaces the first. */
export function registerBalancer(factory: BalancerFactory): void {
  factories.set(factory.name, factory);
}

/** The factory of a policy, or undefined. */
export function balancerFactory(name: string): BalancerFactory | undefined {
  return factories.get(name) ?? builtinBalancer(name);
}
