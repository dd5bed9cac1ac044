// pick_first in the interface of programs' policies: one connection for all calls, to the first address
// that can be reached; and the leaf that other policies have for each endpoint.
// Invariants: addresses are tried in order, the next one 250 ms after the last or as soon as that has
// failed; once all have failed the state is TRANSIENT_FAILURE until one connects, while all are tried
// on. gRFC A61, A62; RFC 8305. Not here: the pick_first of channels, which is Sluice's.

import { interleaved, shuffled } from './address-order.ts';
import { registerBuiltin, setDefaultBalancer } from './balancer-registry.ts';
import { type StatusOr, statusOrFromValue } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import { ConnectivityState } from './connectivity-state.ts';
import {
  type ChannelControlHelper,
  createChildChannelControlHelper,
  type LoadBalancer,
  type TypedLoadBalancingConfig,
} from './load-balancer.ts';
import { PickFirstLoadBalancingConfig } from './pick-first-config.ts';
import {
  type CompletePickResult,
  type PickArgs,
  type Picker,
  PickResultType,
  QueuePicker,
  UnavailablePicker,
} from './picker.ts';
import type { Endpoint, SubchannelAddress } from './subchannel-address.ts';
import type {
  ConnectivityStateListener,
  HealthListener,
  SubchannelInterface,
} from './subchannel-interface.ts';

export { PickFirstLoadBalancingConfig, shuffled };

const TYPE_NAME = 'pick_first';

/** Milliseconds between the starts of two attempts (RFC 8305 §8). */
const CONNECTION_DELAY_INTERVAL_MS = 250;

/** An option that policies give to the pick_first below them: heed the health of subchannels. */
const REPORT_HEALTH_STATUS = 'grpc-node.internal.pick-first.report_health_status';

class PickFirstPicker implements Picker {
  private subchannel: SubchannelInterface;

  constructor(subchannel: SubchannelInterface) {
    this.subchannel = subchannel;
  }

  pick(_pickArgs: PickArgs): CompletePickResult {
    return {
      pickResultType: PickResultType.COMPLETE,
      subchannel: this.subchannel,
      status: null,
      onCallStarted: null,
      onCallEnded: null,
    };
  }
}

interface Child {
  readonly subchannel: SubchannelInterface;
  hasFailed: boolean;
}

export class PickFirstLoadBalancer implements LoadBalancer {
  private readonly channelControlHelper: ChannelControlHelper;
  /** Those that a connection is tried to; empty while one is picked or the policy is IDLE. */
  private children: Child[];
  private currentState: ConnectivityState;
  /** Of `children`, the one whose attempt began last. */
  private currentSubchannelIndex: number;
  private currentPick: SubchannelInterface | null;
  private readonly subchannelStateListener: ConnectivityStateListener;
  private readonly pickedSubchannelHealthListener: HealthListener;
  private connectionDelayTimeout: NodeJS.Timeout | undefined;
  private stickyTransientFailureMode: boolean;
  private reportHealthStatus: boolean;
  private lastError: string | null;
  private latestAddressList: SubchannelAddress[] | null;
  private latestOptions: ChannelOptions;
  private latestResolutionNote: string;

  constructor(channelControlHelper: ChannelControlHelper) {
    this.channelControlHelper = channelControlHelper;
    this.children = [];
    this.currentState = ConnectivityState.IDLE;
    this.currentSubchannelIndex = 0;
    this.currentPick = null;
    this.subchannelStateListener = (subchannel, _previous, state, _keepalive, error) => {
      this.onSubchannelStateUpdate(subchannel, state, error);
    };
    this.pickedSubchannelHealthListener = () => this.calculateAndReportNewState();
    this.connectionDelayTimeout = undefined;
    this.stickyTransientFailureMode = false;
    this.reportHealthStatus = false;
    this.lastError = null;
    this.latestAddressList = null;
    this.latestOptions = {};
    this.latestResolutionNote = '';
  }

  private calculateAndReportNewState(): void {
    const { currentPick } = this;
    if (currentPick !== null) {
      if (this.reportHealthStatus && !currentPick.isHealthy()) {
        this.fail(`Picked subchannel ${currentPick.getAddress()} is unhealthy`);
      } else {
        this.updateState(ConnectivityState.READY, new PickFirstPicker(currentPick), null);
      }
    } else if (this.latestAddressList?.length === 0) {
      this.fail(
        `No connection established. Last error: ${this.lastError}. Resolution note: ${this.latestResolutionNote}`,
      );
    } else if (this.children.length === 0) {
      this.updateState(ConnectivityState.IDLE, new QueuePicker(this), null);
    } else if (this.stickyTransientFailureMode) {
      this.fail(
        `No connection established. Last error: ${this.lastError}. Resolution note: ${this.latestResolutionNote}`,
      );
    } else {
      this.updateState(ConnectivityState.CONNECTING, new QueuePicker(this), null);
    }
  }

  private fail(details: string): void {
    this.updateState(
      ConnectivityState.TRANSIENT_FAILURE,
      new UnavailablePicker({ details }),
      details,
    );
  }

  private maybeEnterStickyTransientFailureMode(): void {
    if (!this.children.every((child) => child.hasFailed)) return;
    for (const child of this.children) child.hasFailed = false;
    this.channelControlHelper.requestReresolution();
    this.stickyTransientFailureMode = true;
    for (const { subchannel } of this.children) subchannel.startConnecting();
    this.calculateAndReportNewState();
  }

  private removeCurrentPick(): void {
    const { currentPick } = this;
    if (currentPick === null) return;
    this.currentPick = null;
    currentPick.removeConnectivityStateListener(this.subchannelStateListener);
    currentPick.removeHealthStateWatcher(this.pickedSubchannelHealthListener);
    this.channelControlHelper.removeChannelzChild(currentPick.getChannelzRef());
    currentPick.unref();
  }

  private onSubchannelStateUpdate(
    subchannel: SubchannelInterface,
    state: ConnectivityState,
    errorMessage: string | undefined,
  ): void {
    if (this.currentPick?.realSubchannelEquals(subchannel)) {
      if (state !== ConnectivityState.READY) {
        this.removeCurrentPick();
        this.calculateAndReportNewState();
      }
      return;
    }
    const index = this.children.findIndex((child) =>
      child.subchannel.realSubchannelEquals(subchannel),
    );
    const child = this.children[index];
    if (child === undefined) return;
    if (state === ConnectivityState.READY) {
      this.pickSubchannel(child.subchannel);
    } else if (state === ConnectivityState.TRANSIENT_FAILURE) {
      child.hasFailed = true;
      if (errorMessage !== undefined) this.lastError = errorMessage;
      this.maybeEnterStickyTransientFailureMode();
      if (index === this.currentSubchannelIndex) this.startNextSubchannelConnecting(index + 1);
    }
    // One that failed connects again when its backoff is over.
    child.subchannel.startConnecting();
  }

  private startNextSubchannelConnecting(startIndex: number): void {
    clearTimeout(this.connectionDelayTimeout);
    for (let index = startIndex; index < this.children.length; index += 1) {
      const state = this.children[index]?.subchannel.getConnectivityState();
      if (state === ConnectivityState.IDLE || state === ConnectivityState.CONNECTING) {
        this.startConnecting(index);
        return;
      }
    }
    this.maybeEnterStickyTransientFailureMode();
  }

  private startConnecting(subchannelIndex: number): void {
    clearTimeout(this.connectionDelayTimeout);
    this.currentSubchannelIndex = subchannelIndex;
    const child = this.children[subchannelIndex];
    if (child === undefined) return;
    // Before the attempt, which may fail at once and go on to the next.
    this.connectionDelayTimeout = setTimeout(
      () => this.startNextSubchannelConnecting(subchannelIndex + 1),
      CONNECTION_DELAY_INTERVAL_MS,
    );
    this.connectionDelayTimeout.unref();
    if (child.subchannel.getConnectivityState() === ConnectivityState.IDLE) {
      // Not from here: a policy must not change while its new addresses are still being told.
      process.nextTick(() => {
        if (this.children.includes(child)) child.subchannel.startConnecting();
      });
    }
  }

  private pickSubchannel(subchannel: SubchannelInterface): void {
    clearTimeout(this.connectionDelayTimeout);
    this.stickyTransientFailureMode = false;
    // Before the list is given up, of which it is one.
    subchannel.ref();
    this.channelControlHelper.addChannelzChild(subchannel.getChannelzRef());
    this.removeCurrentPick();
    this.resetSubchannelList();
    subchannel.addConnectivityStateListener(this.subchannelStateListener);
    subchannel.addHealthStateWatcher(this.pickedSubchannelHealthListener);
    this.currentPick = subchannel;
    this.calculateAndReportNewState();
  }

  private updateState(
    newState: ConnectivityState,
    picker: Picker,
    errorMessage: string | null,
  ): void {
    this.currentState = newState;
    this.channelControlHelper.updateState(newState, picker, errorMessage);
  }

  private resetSubchannelList(): void {
    clearTimeout(this.connectionDelayTimeout);
    const { children } = this;
    this.children = [];
    this.currentSubchannelIndex = 0;
    for (const { subchannel } of children) {
      subchannel.removeConnectivityStateListener(this.subchannelStateListener);
      this.channelControlHelper.removeChannelzChild(subchannel.getChannelzRef());
      subchannel.unref();
    }
  }

  // What is picked stays, until one of the list is READY.
  private connectToAddressList(addressList: SubchannelAddress[], options: ChannelOptions): void {
    const children = addressList.map(
      (address): Child => ({
        subchannel: this.channelControlHelper.createSubchannel(address, options),
        hasFailed: false,
      }),
    );
    for (const { subchannel } of children) {
      if (subchannel.getConnectivityState() !== ConnectivityState.READY) continue;
      this.pickSubchannel(subchannel);
      return;
    }
    // Before those of the old list are given up: an address may be in both.
    for (const { subchannel } of children) {
      subchannel.ref();
      this.channelControlHelper.addChannelzChild(subchannel.getChannelzRef());
    }
    this.resetSubchannelList();
    this.children = children;
    for (const child of children) {
      const { subchannel } = child;
      subchannel.addConnectivityStateListener(this.subchannelStateListener);
      child.hasFailed = subchannel.getConnectivityState() === ConnectivityState.TRANSIENT_FAILURE;
    }
    this.startNextSubchannelConnecting(0);
    this.calculateAndReportNewState();
  }

  updateAddressList(
    maybeEndpointList: StatusOr<Endpoint[]>,
    lbConfig: TypedLoadBalancingConfig,
    options: ChannelOptions,
    resolutionNote: string,
  ): boolean {
    if (!(lbConfig instanceof PickFirstLoadBalancingConfig)) return false;
    if (!maybeEndpointList.ok) {
      if (this.children.length === 0 && this.currentPick === null) {
        this.updateState(
          ConnectivityState.TRANSIENT_FAILURE,
          new UnavailablePicker(maybeEndpointList.error),
          maybeEndpointList.error.details,
        );
      }
      return true;
    }
    const endpoints = maybeEndpointList.value;
    this.reportHealthStatus = options[REPORT_HEALTH_STATUS] === true;
    const ordered = lbConfig.getShuffleAddressList() ? shuffled(endpoints) : endpoints;
    const addressList = interleaved(ordered.flatMap(({ addresses }) => addresses));
    this.latestAddressList = addressList;
    this.latestOptions = options;
    if (addressList.length > 0) this.latestResolutionNote = resolutionNote;
    this.connectToAddressList(addressList, options);
    return addressList.length > 0;
  }

  exitIdle(): void {
    if (this.currentState === ConnectivityState.IDLE && this.latestAddressList !== null) {
      this.connectToAddressList(this.latestAddressList, this.latestOptions);
    }
  }

  /** Backoff is each subchannel's own. */
  resetBackoff(): void {}

  destroy(): void {
    this.resetSubchannelList();
    this.removeCurrentPick();
  }

  getTypeName(): string {
    return TYPE_NAME;
  }
}

const LEAF_CONFIG: PickFirstLoadBalancingConfig = new PickFirstLoadBalancingConfig(false);

/** pick_first among the addresses of one endpoint, for policies that have one for each endpoint. */
export class LeafLoadBalancer {
  private endpoint: Endpoint;
  private options: ChannelOptions;
  private resolutionNote: string;
  private pickFirstBalancer: PickFirstLoadBalancer;
  private latestState: ConnectivityState;
  private latestPicker: Picker;

  constructor(
    endpoint: Endpoint,
    channelControlHelper: ChannelControlHelper,
    options: ChannelOptions,
    resolutionNote: string,
  ) {
    const childHelper = createChildChannelControlHelper(channelControlHelper, {
      updateState: (state, picker, errorMessage) => {
        this.latestState = state;
        this.latestPicker = picker;
        channelControlHelper.updateState(state, picker, errorMessage);
      },
    });
    this.endpoint = endpoint;
    this.options = options;
    this.resolutionNote = resolutionNote;
    this.pickFirstBalancer = new PickFirstLoadBalancer(childHelper);
    this.latestState = ConnectivityState.IDLE;
    this.latestPicker = new QueuePicker(this.pickFirstBalancer);
  }

  startConnecting(): void {
    this.pickFirstBalancer.updateAddressList(
      statusOrFromValue([this.endpoint]),
      LEAF_CONFIG,
      { ...this.options, [REPORT_HEALTH_STATUS]: true },
      this.resolutionNote,
    );
  }

  /** Connects to it if it was connecting or connected before. */
  updateEndpoint(newEndpoint: Endpoint, newOptions: ChannelOptions): void {
    this.endpoint = newEndpoint;
    this.options = newOptions;
    if (this.latestState !== ConnectivityState.IDLE) this.startConnecting();
  }

  getConnectivityState(): ConnectivityState {
    return this.latestState;
  }

  getPicker(): Picker {
    return this.latestPicker;
  }

  getEndpoint(): Endpoint {
    return this.endpoint;
  }

  exitIdle(): void {
    this.pickFirstBalancer.exitIdle();
  }

  destroy(): void {
    this.pickFirstBalancer.destroy();
  }
}

export function setup(): void {
  registerBuiltin(TYPE_NAME, PickFirstLoadBalancer, PickFirstLoadBalancingConfig);
  setDefaultBalancer(TYPE_NAME);
}
