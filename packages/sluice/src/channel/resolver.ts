// The interface of name resolution: from a target to the addresses of its backends, for resolvers
// of Sluice and of its users alike, and the registry of them by scheme.
// Invariant: a resolver reports through its listener only, never throws from `resolve`, and is
// silent after `close`. gRPC naming.md. Not here: what is done with addresses (balancer.ts).

import type { Endpoint } from '../transport/connector.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { builtinResolver } from './resolvers/builtin.ts';
import type { ServiceConfig } from './service-config.ts';

/** A target string taken apart: `scheme://authority/path`, or `scheme:path`. */
export interface TargetUri {
  /** Lower case, `dns` where the target names none. */
  readonly scheme: string;
  /** Between `//` and the next `/`; '' when absent. */
  readonly authority: string;
  /** The rest, without its leading `/` where there was a `//`. */
  readonly path: string;
  /** The target as it was given. */
  readonly text: string;
}

/** One backend that a channel may connect to. */
export interface BackendAddress {
  readonly endpoint: Endpoint;
  /** Share of traffic where a balancer weighs (ring_hash); default 1. */
  readonly weight?: number;
  /**
   * What a resolver tells a balancer of its own. Sluice reads `hashKey` alone, a string that places
   * the backend on the ring of ring_hash instead of its address (gRFC A76).
   */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** What a resolver found. */
export interface Resolution {
  readonly addresses: readonly BackendAddress[];
  /** A service config found beside the addresses; a string says why one could not be used. */
  readonly serviceConfig?: ServiceConfig | string | undefined;
}

/** Who hears of a resolution. */
export interface ResolverListener {
  onResolution(resolution: Resolution): void;
  /** Addresses could not be found; those known before stay in use. */
  onError(details: string): void;
}

/** What a resolver may use. */
export interface ResolverContext {
  readonly wheel: TimerWheel;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** Look for a service config where the scheme has one (DNS TXT); default false. */
  readonly lookUpServiceConfig: boolean;
  /** The channel's setting: a URL, `false` for none, undefined for what the environment says. */
  readonly proxy?: string | false | undefined;
  /** The channel's setting. */
  readonly attributes?: Readonly<Record<string, unknown>> | undefined;
}

/** Resolves one target for one channel. */
export interface Resolver {
  /** Resolve now, or as soon as the resolver's own rate limit allows. Called once at the start. */
  resolve(): void;
  close(): void;
}

/** Makes the resolvers of one scheme. */
export interface ResolverFactory {
  readonly scheme: string;
  /**
   * The default `:authority` of requests to the target.
   * @throws TypeError that names the target and the accepted form
   */
  authority(target: TargetUri): string;
  create(target: TargetUri, listener: ResolverListener, context: ResolverContext): Resolver;
}

const factories = new Map<string, ResolverFactory>();

/**
 * Makes `scheme:` targets known to `connect`; a second registration replaces the first, and one of
 * a built-in scheme replaces that.
 * @throws TypeError that names a scheme which is none (RFC 3986 §3.1)
 */
export function registerResolver(factory: ResolverFactory): void {
  if (!/^[a-z][a-z0-9+.-]*$/.test(factory.scheme)) {
    throw new TypeError(
      `the scheme ${JSON.stringify(factory.scheme)} cannot be registered; use a-z first, then a-z, 0-9, "+", "-" or "."`,
    );
  }
  factories.set(factory.scheme, factory);
}

/** The factory of a scheme in lower case, or undefined. */
export function resolverFactory(scheme: string): ResolverFactory | undefined {
  return factories.get(scheme) ?? builtinResolver(scheme);
}
