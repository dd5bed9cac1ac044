// A connection to one backend as a load balancing policy sees it, and the base of what policies put
// around one.
// Invariant: a wrapper passes all on to what it wraps but for what it overrides; its own refcount
// decides when it is gone. Health is a wrapper's own and can only make the wrapped one's worse.
// Not here: the one at the bottom (subchannel.ts).

import type { CallCredentials } from './call-credentials.ts';
import type { Channel } from './channel.ts';
import type { SubchannelRef } from './channelz.ts';
import type { ConnectivityState } from './connectivity-state.ts';
import type { Subchannel } from './subchannel.ts';

export type ConnectivityStateListener = (
  subchannel: SubchannelInterface,
  previousState: ConnectivityState,
  newState: ConnectivityState,
  keepaliveTime: number,
  errorMessage?: string,
) => void;

export type HealthListener = (healthy: boolean) => void;

export interface DataWatcher {
  setSubchannel(subchannel: Subchannel): void;
  destroy(): void;
}

/**
 * A policy that wraps subchannels must unwrap them in its picker, so that the policies around it see
 * their own wrappers.
 */
export interface SubchannelInterface {
  getConnectivityState(): ConnectivityState;
  addConnectivityStateListener(listener: ConnectivityStateListener): void;
  removeConnectivityStateListener(listener: ConnectivityStateListener): void;
  startConnecting(): void;
  getAddress(): string;
  throttleKeepalive(newKeepaliveTime: number): void;
  ref(): void;
  unref(): void;
  getChannelzRef(): SubchannelRef;
  isHealthy(): boolean;
  addHealthStateWatcher(listener: HealthListener): void;
  removeHealthStateWatcher(listener: HealthListener): void;
  addDataWatcher(dataWatcher: DataWatcher): void;
  /** Of a wrapper the wrapped one, at the bottom itself. */
  getRealSubchannel(): Subchannel;
  /** True if both stand for the same one at the bottom. */
  realSubchannelEquals(other: SubchannelInterface): boolean;
  /** Those of the channel credentials that this subchannel has. */
  getCallCredentials(): CallCredentials;
  /** A channel for calls to this backend alone. */
  getChannel(): Channel;
}

export abstract class BaseSubchannelWrapper implements SubchannelInterface {
  protected child: SubchannelInterface;
  private healthy: boolean;
  private healthListeners: Set<HealthListener>;
  private refcount: number;
  private dataWatchers: Set<DataWatcher>;

  constructor(child: SubchannelInterface) {
    this.child = child;
    this.healthy = true;
    this.healthListeners = new Set();
    this.refcount = 0;
    this.dataWatchers = new Set();
    child.addHealthStateWatcher((childHealthy) => {
      // While this one is unhealthy by itself, what the child is makes no difference.
      if (this.healthy) this.updateHealthListeners(childHealthy);
    });
  }

  private updateHealthListeners(healthy: boolean): void {
    for (const listener of this.healthListeners) listener(healthy);
  }

  getConnectivityState(): ConnectivityState {
    return this.child.getConnectivityState();
  }

  addConnectivityStateListener(listener: ConnectivityStateListener): void {
    this.child.addConnectivityStateListener(listener);
  }

  removeConnectivityStateListener(listener: ConnectivityStateListener): void {
    this.child.removeConnectivityStateListener(listener);
  }

  startConnecting(): void {
    this.child.startConnecting();
  }

  getAddress(): string {
    return this.child.getAddress();
  }

  throttleKeepalive(newKeepaliveTime: number): void {
    this.child.throttleKeepalive(newKeepaliveTime);
  }

  ref(): void {
    this.child.ref();
    this.refcount += 1;
  }

  unref(): void {
    this.child.unref();
    this.refcount -= 1;
    if (this.refcount === 0) this.destroy();
  }

  protected destroy(): void {
    for (const watcher of this.dataWatchers) watcher.destroy();
  }

  getChannelzRef(): SubchannelRef {
    return this.child.getChannelzRef();
  }

  isHealthy(): boolean {
    return this.healthy && this.child.isHealthy();
  }

  addHealthStateWatcher(listener: HealthListener): void {
    this.healthListeners.add(listener);
  }

  removeHealthStateWatcher(listener: HealthListener): void {
    this.healthListeners.delete(listener);
  }

  addDataWatcher(dataWatcher: DataWatcher): void {
    dataWatcher.setSubchannel(this.getRealSubchannel());
    this.dataWatchers.add(dataWatcher);
  }

  protected setHealthy(healthy: boolean): void {
    if (healthy === this.healthy) return;
    this.healthy = healthy;
    // Behind an unhealthy child nothing has changed.
    if (this.child.isHealthy()) this.updateHealthListeners(healthy);
  }

  getRealSubchannel(): Subchannel {
    return this.child.getRealSubchannel();
  }

  realSubchannelEquals(other: SubchannelInterface): boolean {
    return this.getRealSubchannel() === other.getRealSubchannel();
  }

  getCallCredentials(): CallCredentials {
    return this.child.getCallCredentials();
  }

  getChannel(): Channel {
    return this.child.getChannel();
  }
}
