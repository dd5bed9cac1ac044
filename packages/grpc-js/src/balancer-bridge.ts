// A policy that a program registered, at work for a channel of Sluice.
// Invariants: the policy hears of every result of the resolver, and of errors as results; two
// subchannels of one address stand for the same one of Sluice, which is held as long as the policy has
// references to it; after `close` nothing is heard of the policy.
// Not here: pickers (picker-bridge.ts), the other way around (native-balancer.ts).

import type {
  BackendAddress,
  BalancedSubchannel,
  Balancer,
  BalancerContext,
  BalancerFactory,
} from 'sluice';
import { type StatusOr, statusOrFromError, statusOrFromValue } from './call-interface.ts';
import { type ChannelAttributes, ownAttributes } from './channel-attributes.ts';
import type { ChannelCredentials } from './channel-credentials.ts';
import type { ChannelOptions } from './channel-options.ts';
import type { ChannelRef, SubchannelRef } from './channelz.ts';
import { stateNameOf } from './connectivity-names.ts';
import type { ConnectivityState } from './connectivity-state.ts';
import { Status } from './constants.ts';
import { addressOf, backendOf, endpointsOf } from './endpoint-bridge.ts';
import type {
  ChannelControlHelper,
  LoadBalancer,
  LoadBalancerConstructor,
  TypedLoadBalancingConfig,
  TypedLoadBalancingConfigConstructor,
} from './load-balancer.ts';
import { pickInformation } from './pick-information.ts';
import type { Picker } from './picker.ts';
import { BridgedPicker } from './picker-bridge.ts';
import { getDefaultAuthority } from './resolver.ts';
import { Subchannel, type SubchannelHost } from './subchannel.ts';
import {
  type Endpoint,
  type SubchannelAddress,
  subchannelAddressToString,
} from './subchannel-address.ts';
import { BaseSubchannelWrapper, type SubchannelInterface } from './subchannel-interface.ts';
import { parseTarget } from './target-uri.ts';

/** For Sluice's registry. */
export function bridgedBalancer(
  name: string,
  loadBalancerType: LoadBalancerConstructor,
  configType: TypedLoadBalancingConfigConstructor,
): BalancerFactory {
  return {
    name,
    parseConfig(config: unknown): TypedLoadBalancingConfig {
      return isTyped(config) ? config : configType.createFromJson(config ?? {});
    },
    create: (context) => new BridgedBalancer(context, loadBalancerType),
  };
}

/** Configs are handed on as they are where they were read already. */
function isTyped(config: unknown): config is TypedLoadBalancingConfig {
  return (
    typeof config === 'object' &&
    config !== null &&
    'getLoadBalancerName' in config &&
    typeof config.getLoadBalancerName === 'function'
  );
}

/** What a policy gets from `createSubchannel`: a subchannel of its own over a shared one. */
class ChannelSubchannelWrapper extends BaseSubchannelWrapper {}

class BridgedBalancer implements Balancer, ChannelControlHelper, SubchannelHost {
  readonly options: ChannelOptions;
  readonly credentials: ChannelCredentials | undefined;
  private readonly context: BalancerContext;
  private readonly attributes: ChannelAttributes;
  private readonly policy: LoadBalancer;
  /** By address; those that somebody has a reference to, or that are new. */
  private readonly subchannels: Map<string, Subchannel>;
  /** As the resolver gave them, with what Sluice needs beside an address. */
  private readonly backends: Map<string, BackendAddress>;
  private config: TypedLoadBalancingConfig | undefined;
  private closed: boolean;

  constructor(context: BalancerContext, loadBalancerType: LoadBalancerConstructor) {
    this.context = context;
    this.attributes = ownAttributes(context.attributes);
    this.options = this.attributes.options;
    this.credentials = this.attributes.credentials;
    this.subchannels = new Map();
    this.backends = new Map();
    this.config = undefined;
    this.closed = false;
    this.policy = new loadBalancerType(this);
  }

  // Balancer.

  update(addresses: readonly BackendAddress[], config: unknown): void {
    this.backends.clear();
    for (const address of addresses) {
      this.backends.set(subchannelAddressToString(addressOf(address)), address);
    }
    // What parseConfig above returned.
    this.config = config as TypedLoadBalancingConfig;
    const { resolutionError } = this.attributes;
    this.tell(
      this.config,
      resolutionError === undefined
        ? statusOrFromValue(endpointsOf(addresses))
        : statusOrFromError(resolutionError),
    );
  }

  onResolverError(details: string): void {
    if (this.config === undefined) return;
    this.tell(this.config, statusOrFromError({ code: Status.UNAVAILABLE, details }));
  }

  private tell(config: TypedLoadBalancingConfig, endpoints: StatusOr<Endpoint[]>): void {
    const { attributes } = this;
    const options = { ...attributes.options, ...attributes.resolverAttributes };
    attributes.accepted = this.policy.updateAddressList(
      endpoints,
      config,
      options,
      attributes.resolutionNote,
    );
  }

  exitIdle(): void {
    this.policy.exitIdle();
  }

  close(): void {
    this.closed = true;
    this.policy.destroy();
  }

  // ChannelControlHelper.

  createSubchannel(
    subchannelAddress: SubchannelAddress,
    _subchannelArgs: ChannelOptions,
  ): SubchannelInterface {
    const name = subchannelAddressToString(subchannelAddress);
    let real = this.subchannels.get(name);
    if (real === undefined) {
      real = new Subchannel(subchannelAddress, this);
      this.subchannels.set(name, real);
    }
    return new ChannelSubchannelWrapper(real);
  }

  updateState(connectivityState: ConnectivityState, picker: Picker, _error: string | null): void {
    if (this.closed) return;
    this.context.update(
      stateNameOf(connectivityState),
      new BridgedPicker(picker, pickInformation(this.attributes)),
    );
  }

  requestReresolution(): void {
    this.context.requestResolution();
  }

  addChannelzChild(_child: ChannelRef | SubchannelRef): void {}

  removeChannelzChild(_child: ChannelRef | SubchannelRef): void {}

  // SubchannelHost.

  get authority(): string {
    return getDefaultAuthority(parseTarget(this.context.target));
  }

  open(address: SubchannelAddress, onState: () => void): BalancedSubchannel {
    const known = this.backends.get(subchannelAddressToString(address));
    return this.context.createSubchannel(known ?? backendOf(address), onState);
  }

  onUnused(subchannel: Subchannel): void {
    const name = subchannel.getAddress();
    if (this.subchannels.get(name) === subchannel) this.subchannels.delete(name);
  }
}
