// A policy of Sluice at work below a program's policy, over subchannels and pickers of this package.
// Invariants: every subchannel it holds has one reference and one listener, both taken back as it is
// released; timers do not hold the process.
// Not here: the other way around (balancer-bridge.ts), what configs look like (sluice-policy.ts).

import {
  type BackendAddress,
  type BalancedSubchannel,
  type Balancer,
  type BalancerContext,
  type BalancerTimer,
  balancerFactory,
  type Picker as SluicePicker,
  type ConnectivityState as StateName,
} from 'sluice';
import type { StatusOr } from './call-interface.ts';
import { channelAttributes } from './channel-attributes.ts';
import type { ChannelOptions } from './channel-options.ts';
import { stateNameOf, stateOf } from './connectivity-names.ts';
import { ConnectivityState } from './connectivity-state.ts';
import { addressOf, backendsOf } from './endpoint-bridge.ts';
import type { ChannelControlHelper } from './load-balancer.ts';
import { NativePicker, pickedSubchannel } from './native-picker.ts';
import { UnavailablePicker } from './picker.ts';
import type { Endpoint } from './subchannel-address.ts';
import type { ConnectivityStateListener, SubchannelInterface } from './subchannel-interface.ts';

/** A subchannel of this package as Sluice's policies see it. */
class NativeSubchannel implements BalancedSubchannel {
  readonly address: BackendAddress;
  lastFailure: string;
  private readonly subchannel: SubchannelInterface;
  private readonly listener: ConnectivityStateListener;
  private released: boolean;

  constructor(
    address: BackendAddress,
    subchannel: SubchannelInterface,
    onState: (subchannel: BalancedSubchannel) => void,
  ) {
    this.address = address;
    this.lastFailure = '';
    this.subchannel = subchannel;
    this.listener = (_subchannel, _previous, _state, _keepaliveTime, errorMessage) => {
      if (errorMessage !== undefined) this.lastFailure = errorMessage;
      onState(this);
    };
    this.released = false;
    subchannel.ref();
    subchannel.addConnectivityStateListener(this.listener);
  }

  get [pickedSubchannel](): SubchannelInterface {
    return this.subchannel;
  }

  get state(): StateName {
    return this.released ? 'SHUTDOWN' : stateNameOf(this.subchannel.getConnectivityState());
  }

  connect(): void {
    this.subchannel.startConnecting();
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.subchannel.removeConnectivityStateListener(this.listener);
    this.subchannel.unref();
  }
}

class NativeContext implements BalancerContext {
  readonly target: string;
  attributes: Readonly<Record<string, unknown>>;
  options: ChannelOptions;
  private readonly helper: ChannelControlHelper;

  constructor(helper: ChannelControlHelper) {
    this.target = 'the channel';
    this.attributes = channelAttributes({}, undefined);
    this.options = {};
    this.helper = helper;
  }

  createSubchannel(
    address: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel {
    const subchannel = this.helper.createSubchannel(addressOf(address), this.options);
    return new NativeSubchannel(address, subchannel, onState);
  }

  update(state: StateName, picker: SluicePicker): void {
    const native = new NativePicker(picker);
    const failure = state === 'TRANSIENT_FAILURE' ? native.failure() : null;
    this.helper.updateState(stateOf(state), native, failure);
  }

  requestResolution(): void {
    this.helper.requestReresolution();
  }

  startTimer(ms: number, callback: () => void): BalancerTimer {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  }

  now(): number {
    return performance.now();
  }

  random(): number {
    return Math.random();
  }
}

/** One policy of Sluice by its name there. */
export class NativeBalancer {
  private readonly name: string;
  private readonly helper: ChannelControlHelper;
  private readonly context: NativeContext;
  private balancer: Balancer | undefined;
  private hasAddresses: boolean;

  constructor(name: string, helper: ChannelControlHelper) {
    this.name = name;
    this.helper = helper;
    this.context = new NativeContext(helper);
    this.balancer = undefined;
    this.hasAddresses = false;
  }

  /** @param config as Sluice reads it */
  updateAddressList(
    endpoints: StatusOr<Endpoint[]>,
    config: unknown,
    options: ChannelOptions,
  ): boolean {
    if (!endpoints.ok) {
      // Addresses that are known stay in use.
      if (this.hasAddresses) return true;
      const { error } = endpoints;
      this.helper.updateState(
        ConnectivityState.TRANSIENT_FAILURE,
        new UnavailablePicker(error),
        error.details,
      );
      return true;
    }
    const factory = balancerFactory(this.name);
    if (factory === undefined) return false;
    this.context.options = options;
    this.context.attributes = channelAttributes(options, undefined);
    this.balancer ??= factory.create(this.context);
    this.hasAddresses = endpoints.value.length > 0;
    this.balancer.update(backendsOf(endpoints.value), factory.parseConfig(config, balancerFactory));
    return this.hasAddresses;
  }

  exitIdle(): void {
    this.balancer?.exitIdle();
  }

  destroy(): void {
    this.balancer?.close();
    this.balancer = undefined;
  }
}
