// Holds the policy at work below another one, and brings in its successor when a config asks for one.
// Invariants: at most one policy at work and one that is to replace it; the successor takes over once
// it is not CONNECTING any more; nothing is heard of one that was replaced.
// Not here: which policies there are (load-balancer.ts).

import type { StatusOr } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import type { ChannelRef, SubchannelRef } from './channelz.ts';
import { ConnectivityState } from './connectivity-state.ts';
import {
  type ChannelControlHelper,
  createLoadBalancer,
  type LoadBalancer,
  type TypedLoadBalancingConfig,
} from './load-balancer.ts';
import type { Picker } from './picker.ts';
import type { Endpoint, SubchannelAddress } from './subchannel-address.ts';
import type { SubchannelInterface } from './subchannel-interface.ts';

const TYPE_NAME = 'child_load_balancer_helper';

/** What the handler's policies are offered: what they say counts while they are one of its two. */
class ChildPolicyHelper implements ChannelControlHelper {
  private readonly parent: ChannelControlHelper;
  private readonly onState: (
    from: ChildPolicyHelper,
    state: ConnectivityState,
    picker: Picker,
    errorMessage: string | null,
  ) => void;
  private readonly isOf: (from: ChildPolicyHelper) => 'current' | 'pending' | 'none';

  constructor(
    parent: ChannelControlHelper,
    onState: ChildPolicyHelper['onState'],
    isOf: ChildPolicyHelper['isOf'],
  ) {
    this.parent = parent;
    this.onState = onState;
    this.isOf = isOf;
  }

  createSubchannel(
    subchannelAddress: SubchannelAddress,
    subchannelArgs: ChannelOptions,
  ): SubchannelInterface {
    return this.parent.createSubchannel(subchannelAddress, subchannelArgs);
  }

  updateState(state: ConnectivityState, picker: Picker, errorMessage: string | null): void {
    this.onState(this, state, picker, errorMessage);
  }

  requestReresolution(): void {
    // Only the newest addresses are of interest.
    if (this.isOf(this) !== 'none') this.parent.requestReresolution();
  }

  addChannelzChild(child: ChannelRef | SubchannelRef): void {
    this.parent.addChannelzChild(child);
  }

  removeChannelzChild(child: ChannelRef | SubchannelRef): void {
    this.parent.removeChannelzChild(child);
  }
}

interface Child {
  readonly policy: LoadBalancer;
  readonly helper: ChildPolicyHelper;
}

export class ChildLoadBalancerHandler {
  private readonly channelControlHelper: ChannelControlHelper;
  private currentChild: Child | null;
  private pendingChild: Child | null;
  private latestConfig: TypedLoadBalancingConfig | null;
  /** The one that is being made: it may speak before anybody knows it. */
  private comingHelper: ChildPolicyHelper | null;

  constructor(channelControlHelper: ChannelControlHelper) {
    this.channelControlHelper = channelControlHelper;
    this.currentChild = null;
    this.pendingChild = null;
    this.latestConfig = null;
    this.comingHelper = null;
  }

  protected configUpdateRequiresNewPolicyInstance(
    oldConfig: TypedLoadBalancingConfig,
    newConfig: TypedLoadBalancingConfig,
  ): boolean {
    return oldConfig.getLoadBalancerName() !== newConfig.getLoadBalancerName();
  }

  /** The policy of `lbConfig` must be registered. */
  updateAddressList(
    endpointList: StatusOr<Endpoint[]>,
    lbConfig: TypedLoadBalancingConfig,
    options: ChannelOptions,
    resolutionNote: string,
  ): boolean {
    const { latestConfig } = this;
    if (
      this.currentChild === null ||
      latestConfig === null ||
      this.configUpdateRequiresNewPolicyInstance(latestConfig, lbConfig)
    ) {
      const made = this.made(lbConfig);
      if (made === null) return false;
      if (this.currentChild === null) {
        this.currentChild = made;
      } else {
        this.pendingChild?.policy.destroy();
        this.pendingChild = made;
      }
    }
    this.latestConfig = lbConfig;
    const newest = this.pendingChild ?? this.currentChild;
    return newest.policy.updateAddressList(endpointList, lbConfig, options, resolutionNote);
  }

  private made(config: TypedLoadBalancingConfig): Child | null {
    const helper = new ChildPolicyHelper(
      this.channelControlHelper,
      (from, state, picker, errorMessage) => this.onState(from, state, picker, errorMessage),
      (from) => this.placeOf(from),
    );
    this.comingHelper = helper;
    const policy = createLoadBalancer(config, helper);
    this.comingHelper = null;
    return policy === null ? null : { policy, helper };
  }

  private placeOf(helper: ChildPolicyHelper): 'current' | 'pending' | 'none' {
    if (helper === this.pendingChild?.helper) return 'pending';
    if (helper === this.currentChild?.helper) {
      return this.pendingChild === null ? 'current' : 'none';
    }
    if (helper !== this.comingHelper) return 'none';
    return this.currentChild === null ? 'current' : 'pending';
  }

  private onState(
    from: ChildPolicyHelper,
    state: ConnectivityState,
    picker: Picker,
    errorMessage: string | null,
  ): void {
    if (this.pendingChild !== null && from === this.pendingChild.helper) {
      if (state === ConnectivityState.CONNECTING) return;
      this.currentChild?.policy.destroy();
      this.currentChild = this.pendingChild;
      this.pendingChild = null;
    } else if (this.placeOf(from) === 'none' && from !== this.currentChild?.helper) {
      return;
    }
    this.channelControlHelper.updateState(state, picker, errorMessage);
  }

  exitIdle(): void {
    this.currentChild?.policy.exitIdle();
    this.pendingChild?.policy.exitIdle();
  }

  resetBackoff(): void {
    this.currentChild?.policy.resetBackoff();
    this.pendingChild?.policy.resetBackoff();
  }

  destroy(): void {
    // Each is forgotten first: what it says as it ends is of no interest.
    const { currentChild, pendingChild } = this;
    this.currentChild = null;
    this.pendingChild = null;
    currentChild?.policy.destroy();
    pendingChild?.policy.destroy();
  }

  getTypeName(): string {
    return TYPE_NAME;
  }
}
