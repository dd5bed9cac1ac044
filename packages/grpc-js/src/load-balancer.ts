// The interface of load balancing policies, the registry of them by name, and the reading of
// `loadBalancingConfig` entries (gRFC A24).
// Invariant: what is registered here is known to every channel by its name in a service config.
// Not here: how a policy works for a channel of Sluice (balancer-bridge.ts).

import { registerBalancer } from 'sluice';
import { bridgedBalancer } from './balancer-bridge.ts';
import { balancerTypes, defaultBalancer, setDefaultBalancer } from './balancer-registry.ts';
import type { StatusOr } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import type { ChannelRef, SubchannelRef } from './channelz.ts';
import type { ConnectivityState } from './connectivity-state.ts';
import { LogVerbosity } from './constants.ts';
import { log } from './logging.ts';
import type { Picker } from './picker.ts';
import type { LoadBalancingConfig } from './service-config.ts';
import type { Endpoint, SubchannelAddress } from './subchannel-address.ts';
import type { SubchannelInterface } from './subchannel-interface.ts';

/** What a channel does for its policy. */
export interface ChannelControlHelper {
  createSubchannel(
    subchannelAddress: SubchannelAddress,
    subchannelArgs: ChannelOptions,
  ): SubchannelInterface;
  /** The channel's state from now on, and who picks for its calls. */
  updateState(
    connectivityState: ConnectivityState,
    picker: Picker,
    errorMessage: string | null,
  ): void;
  requestReresolution(): void;
  addChannelzChild(child: ChannelRef | SubchannelRef): void;
  removeChannelzChild(child: ChannelRef | SubchannelRef): void;
}

/** Passes on to `parent` what `overrides` does not have. */
export function createChildChannelControlHelper(
  parent: ChannelControlHelper,
  overrides: Partial<ChannelControlHelper>,
): ChannelControlHelper {
  return {
    createSubchannel:
      overrides.createSubchannel?.bind(overrides) ?? parent.createSubchannel.bind(parent),
    updateState: overrides.updateState?.bind(overrides) ?? parent.updateState.bind(parent),
    requestReresolution:
      overrides.requestReresolution?.bind(overrides) ?? parent.requestReresolution.bind(parent),
    addChannelzChild:
      overrides.addChannelzChild?.bind(overrides) ?? parent.addChannelzChild.bind(parent),
    removeChannelzChild:
      overrides.removeChannelzChild?.bind(overrides) ?? parent.removeChannelzChild.bind(parent),
  };
}

/** A policy at work. */
export interface LoadBalancer {
  /**
   * @param endpointList or why there is none
   * @param channelOptions the channel's, and what the resolver added
   * @param resolutionNote to be part of errors
   * @returns whether the policy can work with it; if not, the resolver is asked again
   */
  updateAddressList(
    endpointList: StatusOr<Endpoint[]>,
    lbConfig: TypedLoadBalancingConfig,
    channelOptions: ChannelOptions,
    resolutionNote: string,
  ): boolean;
  exitIdle(): void;
  resetBackoff(): void;
  /** Gives every subchannel up, and is silent from then on. */
  destroy(): void;
  /** The name it was registered with. */
  getTypeName(): string;
}

export interface LoadBalancerConstructor {
  new (channelControlHelper: ChannelControlHelper): LoadBalancer;
}

export interface TypedLoadBalancingConfig {
  getLoadBalancerName(): string;
  toJsonObject(): object;
}

export interface TypedLoadBalancingConfigConstructor {
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  new (...args: any): TypedLoadBalancingConfig;
  // biome-ignore lint/suspicious/noExplicitAny: the published type
  createFromJson(obj: any): TypedLoadBalancingConfig;
}

/** Makes a policy known by name; a second registration of a name replaces the first. */
export function registerLoadBalancerType(
  typeName: string,
  loadBalancerType: LoadBalancerConstructor,
  loadBalancingConfigType: TypedLoadBalancingConfigConstructor,
): void {
  balancerTypes.set(typeName, {
    LoadBalancer: loadBalancerType,
    LoadBalancingConfig: loadBalancingConfigType,
    isBuiltin: false,
  });
  registerBalancer(bridgedBalancer(typeName, loadBalancerType, loadBalancingConfigType));
}

export function registerDefaultLoadBalancerType(typeName: string): void {
  setDefaultBalancer(typeName);
}

/** Null where the policy is not registered. */
export function createLoadBalancer(
  config: TypedLoadBalancingConfig,
  channelControlHelper: ChannelControlHelper,
): LoadBalancer | null {
  const type = balancerTypes.get(config.getLoadBalancerName());
  return type === undefined ? null : new type.LoadBalancer(channelControlHelper);
}

export function isLoadBalancerNameRegistered(typeName: string): boolean {
  return balancerTypes.has(typeName);
}

/** @throws Error for an entry without exactly one name, for a name that is not known */
export function parseLoadBalancingConfig(rawConfig: LoadBalancingConfig): TypedLoadBalancingConfig {
  const names = Object.keys(rawConfig);
  const [name] = names;
  if (name === undefined || names.length !== 1) {
    throw new Error('Provided load balancing config has multiple conflicting entries');
  }
  const type = balancerTypes.get(name);
  if (type === undefined) throw new Error(`Unrecognized load balancing config name ${name}`);
  try {
    return type.LoadBalancingConfig.createFromJson(rawConfig[name]);
  } catch (error) {
    const { message } = error instanceof Error ? error : new Error(String(error));
    throw new Error(`${name}: ${message}`);
  }
}

/** @throws Error when no default is registered */
export function getDefaultConfig(): TypedLoadBalancingConfig {
  const name = defaultBalancer();
  const type = name === null ? undefined : balancerTypes.get(name);
  if (type === undefined) throw new Error('No default load balancer type registered');
  return new type.LoadBalancingConfig();
}

/** The first entry that can be used; null, or the default, where there is none. */
export function selectLbConfigFromList(
  configs: LoadBalancingConfig[],
  fallbackTodefault = false,
): TypedLoadBalancingConfig | null {
  for (const config of configs) {
    try {
      return parseLoadBalancingConfig(config);
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      log(LogVerbosity.DEBUG, 'Config parsing failed with error', message);
    }
  }
  return fallbackTodefault ? getDefaultConfig() : null;
}
