// The interface of name resolution and the registry of resolvers by scheme.
// Invariant: what is registered here is known to every channel by the scheme of its target.
// gRPC naming.md, gRFC A31 (config selectors). Not here: how a resolver works for a channel of Sluice
// (resolver-bridge.ts); the built-in schemes of channels are Sluice's, those below are for programs.

import { registerResolver as registerSluiceResolver } from 'sluice';
import type { StatusOr } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import type { Status } from './constants.ts';
import type { Filter, FilterFactory } from './filter.ts';
import type { Metadata } from './metadata.ts';
import { bridgedResolver } from './resolver-bridge.ts';
import { DnsResolver } from './resolver-dns.ts';
import { Ipv4Resolver, Ipv6Resolver } from './resolver-ip.ts';
import { UdsResolver } from './resolver-uds.ts';
import type { MethodConfig, ServiceConfig } from './service-config.ts';
import type { Endpoint } from './subchannel-address.ts';
import { type GrpcUri, uriToString } from './uri-parser.ts';

/** Among a resolver's attributes: its config selector. */
export const CHANNEL_ARGS_CONFIG_SELECTOR_KEY = 'grpc.internal.config_selector';

export interface CallConfig {
  methodConfig: MethodConfig;
  onCommitted?: () => void;
  pickInformation: { [key: string]: string };
  status: Status;
  dynamicFilterFactories: FilterFactory<Filter>[];
}

/** Says how a call is made, by its method and metadata. */
export interface ConfigSelector {
  invoke(methodName: string, metadata: Metadata, channelId: number): CallConfig;
  unref(): void;
}

export interface ResolverListener {
  /**
   * @param attributes for policies, beside the channel's options
   * @param serviceConfig null where there is none
   * @param resolutionNote for errors of the policy
   * @returns whether the policy can work with the result
   */
  (
    endpointList: StatusOr<Endpoint[]>,
    attributes: { [key: string]: unknown },
    serviceConfig: StatusOr<ServiceConfig> | null,
    resolutionNote: string,
  ): boolean;
}

/** Resolves one target for one channel. */
export interface Resolver {
  /** Addresses may be stale. The listener is not called from inside. */
  updateResolution(): void;
  /** Silence, until `updateResolution` is called again. */
  destroy(): void;
}

export interface ResolverConstructor {
  new (target: GrpcUri, listener: ResolverListener, channelOptions: ChannelOptions): Resolver;
  /** Of calls to the target. @throws Error for a target that is not understood */
  getDefaultAuthority(target: GrpcUri): string;
}

const resolvers: Map<string, ResolverConstructor> = new Map<string, ResolverConstructor>([
  ['dns', DnsResolver],
  ['ipv4', Ipv4Resolver],
  ['ipv6', Ipv6Resolver],
  ['unix', UdsResolver],
]);

let defaultScheme: string | null = 'dns';

/** Makes `scheme:` targets known; a second registration of a scheme replaces the first. */
export function registerResolver(scheme: string, resolverClass: ResolverConstructor): void {
  resolvers.set(scheme, resolverClass);
  registerSluiceResolver(bridgedResolver(scheme, resolverClass));
}

/** The scheme of targets that name none, or none that is known. */
export function registerDefaultScheme(scheme: string): void {
  defaultScheme = scheme;
}

function resolverOf({ scheme }: GrpcUri): ResolverConstructor | undefined {
  return scheme === undefined ? undefined : resolvers.get(scheme);
}

/** @throws Error where no resolver has the scheme */
export function createResolver(
  target: GrpcUri,
  listener: ResolverListener,
  options: ChannelOptions,
): Resolver {
  const Class = resolverOf(target);
  if (Class !== undefined) return new Class(target, listener, options);
  throw new Error(`No resolver could be created for target ${uriToString(target)}`);
}

/** @throws Error where no resolver has the scheme, and what the resolver throws */
export function getDefaultAuthority(target: GrpcUri): string {
  const Class = resolverOf(target);
  if (Class !== undefined) return Class.getDefaultAuthority(target);
  throw new Error(`Invalid target ${uriToString(target)}`);
}

/** The target with the default scheme in front, unless its own is known; null where there is none. */
export function mapUriDefaultScheme(target: GrpcUri): GrpcUri | null {
  if (resolverOf(target) !== undefined) return target;
  if (defaultScheme === null) return null;
  return { scheme: defaultScheme, path: uriToString(target) };
}
