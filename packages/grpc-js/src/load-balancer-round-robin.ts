// round_robin in the interface of programs' policies: a connection to every endpoint, calls to one after
// another.
// Invariant: only READY endpoints are picked; one that is IDLE is connected again.
// gRPC load-balancing.md. Not here: the round_robin of channels, which is Sluice's.

import { registerBuiltin } from './balancer-registry.ts';
import type { StatusOr } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import { ConnectivityState } from './connectivity-state.ts';
import {
  type ChannelControlHelper,
  createChildChannelControlHelper,
  type LoadBalancer,
  type TypedLoadBalancingConfig,
} from './load-balancer.ts';
import { LeafLoadBalancer } from './load-balancer-pick-first.ts';
import {
  type PickArgs,
  type Picker,
  type PickResult,
  QueuePicker,
  UnavailablePicker,
} from './picker.ts';
import { type Endpoint, endpointEqual } from './subchannel-address.ts';

const TYPE_NAME = 'round_robin';

class RoundRobinLoadBalancingConfig implements TypedLoadBalancingConfig {
  getLoadBalancerName(): string {
    return TYPE_NAME;
  }

  toJsonObject(): object {
    return { [TYPE_NAME]: {} };
  }

  // biome-ignore lint/suspicious/noExplicitAny: the interface of config types
  static createFromJson(_obj: any): RoundRobinLoadBalancingConfig {
    return new RoundRobinLoadBalancingConfig();
  }
}

interface ReadyChild {
  readonly endpoint: Endpoint;
  readonly picker: Picker;
}

class RoundRobinPicker implements Picker {
  private readonly children: readonly ReadyChild[];
  private nextIndex: number;

  constructor(children: readonly ReadyChild[], nextIndex: number) {
    this.children = children;
    this.nextIndex = nextIndex;
  }

  pick(pickArgs: PickArgs): PickResult {
    const child = this.children[this.nextIndex];
    if (child === undefined) throw new RangeError('a round_robin picker without endpoints');
    this.nextIndex = (this.nextIndex + 1) % this.children.length;
    return child.picker.pick(pickArgs);
  }

  /** Whose turn it is: the next picker goes on there. */
  peekNextEndpoint(): Endpoint | undefined {
    return this.children[this.nextIndex]?.endpoint;
  }
}

export class RoundRobinLoadBalancer implements LoadBalancer {
  private readonly channelControlHelper: ChannelControlHelper;
  private children: LeafLoadBalancer[];
  private currentState: ConnectivityState;
  private currentReadyPicker: RoundRobinPicker | null;
  /** While children are made and told: only what comes out of it is of interest. */
  private updatesPaused: boolean;
  private childChannelControlHelper: ChannelControlHelper;
  private lastError: string | null;

  constructor(channelControlHelper: ChannelControlHelper) {
    this.channelControlHelper = channelControlHelper;
    this.children = [];
    this.currentState = ConnectivityState.IDLE;
    this.currentReadyPicker = null;
    this.updatesPaused = false;
    this.lastError = null;
    this.childChannelControlHelper = createChildChannelControlHelper(channelControlHelper, {
      updateState: (state, _picker, errorMessage) => {
        if (this.updatesPaused) return;
        const isFewer = state !== ConnectivityState.READY;
        if (isFewer && this.currentState === ConnectivityState.READY) {
          channelControlHelper.requestReresolution();
        }
        if (errorMessage !== null) this.lastError = errorMessage;
        this.calculateAndUpdateState();
      },
    });
  }

  private countChildrenWithState(state: ConnectivityState): number {
    return this.children.filter((child) => child.getConnectivityState() === state).length;
  }

  private calculateAndUpdateState(): void {
    if (this.countChildrenWithState(ConnectivityState.READY) > 0) {
      const ready = this.children.filter(
        (child) => child.getConnectivityState() === ConnectivityState.READY,
      );
      const next = this.currentReadyPicker?.peekNextEndpoint();
      const index =
        next === undefined
          ? 0
          : ready.findIndex((child) => endpointEqual(child.getEndpoint(), next));
      const picker = new RoundRobinPicker(
        ready.map((child) => ({ endpoint: child.getEndpoint(), picker: child.getPicker() })),
        Math.max(0, index),
      );
      this.currentReadyPicker = picker;
      this.updateState(ConnectivityState.READY, picker, null);
    } else if (this.countChildrenWithState(ConnectivityState.CONNECTING) > 0) {
      this.updateState(ConnectivityState.CONNECTING, new QueuePicker(this), null);
    } else if (this.countChildrenWithState(ConnectivityState.TRANSIENT_FAILURE) > 0) {
      const details = `round_robin: No connection established. Last error: ${this.lastError}`;
      this.updateState(
        ConnectivityState.TRANSIENT_FAILURE,
        new UnavailablePicker({ details }),
        details,
      );
    } else {
      this.updateState(ConnectivityState.IDLE, new QueuePicker(this), null);
    }
    // Connected again at once: whoever is not READY gets no calls.
    for (const child of this.children) {
      if (child.getConnectivityState() === ConnectivityState.IDLE) child.exitIdle();
    }
  }

  private updateState(
    newState: ConnectivityState,
    picker: Picker,
    errorMessage: string | null,
  ): void {
    if (newState !== ConnectivityState.READY) this.currentReadyPicker = null;
    this.currentState = newState;
    this.channelControlHelper.updateState(newState, picker, errorMessage);
  }

  private resetSubchannelList(): void {
    const { children } = this;
    this.children = [];
    for (const child of children) child.destroy();
  }

  updateAddressList(
    maybeEndpointList: StatusOr<Endpoint[]>,
    lbConfig: TypedLoadBalancingConfig,
    options: ChannelOptions,
    resolutionNote: string,
  ): boolean {
    if (!(lbConfig instanceof RoundRobinLoadBalancingConfig)) return false;
    if (!maybeEndpointList.ok) {
      if (this.children.length === 0) {
        this.updateState(
          ConnectivityState.TRANSIENT_FAILURE,
          new UnavailablePicker(maybeEndpointList.error),
          maybeEndpointList.error.details,
        );
      }
      return true;
    }
    // From anywhere: clients that start together must not all begin at the same backend.
    const endpoints = rotated(maybeEndpointList.value);
    const replaced = this.children;
    if (endpoints.length === 0) {
      const details = `No addresses resolved. Resolution note: ${resolutionNote}`;
      this.updateState(
        ConnectivityState.TRANSIENT_FAILURE,
        new UnavailablePicker({ details }),
        details,
      );
    }
    this.updatesPaused = true;
    this.children = endpoints.map(
      (endpoint) =>
        new LeafLoadBalancer(endpoint, this.childChannelControlHelper, options, resolutionNote),
    );
    for (const child of this.children) child.startConnecting();
    this.updatesPaused = false;
    // Only now: what is used on keeps its connection.
    for (const child of replaced) child.destroy();
    if (endpoints.length > 0) this.calculateAndUpdateState();
    return endpoints.length > 0;
  }

  /** There is no IDLE to leave: children connect by themselves. */
  exitIdle(): void {}

  resetBackoff(): void {}

  destroy(): void {
    this.resetSubchannelList();
  }

  getTypeName(): string {
    return TYPE_NAME;
  }
}

function rotated<T>(list: T[]): T[] {
  const start = Math.floor(Math.random() * list.length);
  return [...list.slice(start), ...list.slice(0, start)];
}

export function setup(): void {
  registerBuiltin(TYPE_NAME, RoundRobinLoadBalancer, RoundRobinLoadBalancingConfig);
}
