// The subchannel at the bottom of all wrappers: one of Sluice's, in the interface that policies know.
// Invariants: it holds one of Sluice's while it is new or somebody has a reference, and none after the
// last reference is gone; a listener hears every change once.
// Not here: connecting, backoff and calls, which are Sluice's; who makes one (balancer-bridge.ts).

import type { BalancedSubchannel } from 'sluice';
import { CallCredentials } from './call-credentials.ts';
import { type Channel, ChannelImplementation } from './channel.ts';
import { ChannelCredentials } from './channel-credentials.ts';
import type { ChannelOptions } from './channel-options.ts';
import type { SubchannelRef } from './channelz.ts';
import { callCredentialsOf } from './client-tls.ts';
import { stateOf } from './connectivity-names.ts';
import { ConnectivityState } from './connectivity-state.ts';
import {
  isTcpSubchannelAddress,
  type SubchannelAddress,
  subchannelAddressToString,
} from './subchannel-address.ts';
import type {
  ConnectivityStateListener,
  DataWatcher,
  HealthListener,
  SubchannelInterface,
} from './subchannel-interface.ts';

/** What shares one source of data about a backend among its watchers. */
export interface DataProducer {
  addDataWatcher(dataWatcher: DataWatcher): void;
  removeDataWatcher(dataWatcher: DataWatcher): void;
}

/** Whoever made a subchannel. */
export interface SubchannelHost {
  readonly options: ChannelOptions;
  /** Of the channel's calls. */
  readonly authority: string;
  readonly credentials: ChannelCredentials | undefined;
  /**
   * One of Sluice's for the address; `onState` is called on every change.
   * @internal
   */
  open(address: SubchannelAddress, onState: () => void): BalancedSubchannel;
  /** The last reference is gone; a new one may come. */
  onUnused(subchannel: Subchannel): void;
}

let lastId = 0;

export class Subchannel implements SubchannelInterface {
  private readonly subchannelAddress: SubchannelAddress;
  private readonly host: SubchannelHost;
  private readonly name: string;
  private readonly id: number;
  private readonly stateListeners: Set<ConnectivityStateListener>;
  private readonly dataProducers: Map<string, DataProducer>;
  private inner: BalancedSubchannel | undefined;
  private connectivityState: ConnectivityState;
  private refcount: number;
  /** Somebody wants a connection as soon as the backoff is over. */
  private continueConnecting: boolean;
  private channel: Channel | undefined;

  constructor(subchannelAddress: SubchannelAddress, host: SubchannelHost) {
    lastId += 1;
    this.subchannelAddress = subchannelAddress;
    this.host = host;
    this.name = subchannelAddressToString(subchannelAddress);
    this.id = lastId;
    this.stateListeners = new Set();
    this.dataProducers = new Map();
    this.inner = undefined;
    this.connectivityState = ConnectivityState.IDLE;
    this.refcount = 0;
    this.continueConnecting = false;
    this.channel = undefined;
    this.opened();
    // Not every policy takes a reference to all that it asks for.
    queueMicrotask(() => this.release());
  }

  /**
   * Sluice's, for a pick; undefined when nobody has a reference.
   * @internal
   */
  get balanced(): BalancedSubchannel | undefined {
    return this.inner;
  }

  private opened(): BalancedSubchannel {
    if (this.inner !== undefined) return this.inner;
    const inner = this.host.open(this.subchannelAddress, () => {
      if (this.inner === inner) this.onState(inner);
    });
    this.inner = inner;
    this.connectivityState = stateOf(inner.state);
    return inner;
  }

  private onState(inner: BalancedSubchannel): void {
    const state = stateOf(inner.state);
    if (state === ConnectivityState.IDLE && this.continueConnecting) {
      this.continueConnecting = false;
      // Tells of CONNECTING from inside, and nobody has to hear of IDLE.
      inner.connect();
      if (inner !== this.inner || stateOf(inner.state) !== state) return;
    }
    const previous = this.connectivityState;
    if (state === previous) return;
    this.connectivityState = state;
    const failure =
      state === ConnectivityState.TRANSIENT_FAILURE || state === ConnectivityState.IDLE
        ? inner.lastFailure
        : '';
    const keepaliveTime = this.host.options['grpc.keepalive_time_ms'] ?? -1;
    for (const listener of this.stateListeners) {
      listener(this, previous, state, keepaliveTime, failure === '' ? undefined : failure);
    }
  }

  getConnectivityState(): ConnectivityState {
    return this.connectivityState;
  }

  addConnectivityStateListener(listener: ConnectivityStateListener): void {
    this.stateListeners.add(listener);
  }

  removeConnectivityStateListener(listener: ConnectivityStateListener): void {
    this.stateListeners.delete(listener);
  }

  startConnecting(): void {
    const inner = this.opened();
    if (inner.state === 'IDLE') inner.connect();
    else if (inner.state === 'TRANSIENT_FAILURE') this.continueConnecting = true;
  }

  /** Backoff is Sluice's, and over when it is over. */
  resetBackoff(): void {
    this.startConnecting();
  }

  getAddress(): string {
    return this.name;
  }

  /** Sluice's own connections do so when they are told to. */
  throttleKeepalive(_newKeepaliveTime: number): void {}

  ref(): void {
    this.refcount += 1;
    this.opened();
  }

  unref(): void {
    this.refcount -= 1;
    if (this.refcount > 0) return;
    this.refcount = 0;
    // Policies give the old list up before they ask for the new one, which may have the same address.
    queueMicrotask(() => this.release());
  }

  private release(): void {
    const { inner } = this;
    if (this.refcount > 0 || inner === undefined) return;
    this.inner = undefined;
    this.connectivityState = ConnectivityState.IDLE;
    this.continueConnecting = false;
    this.channel?.close();
    this.channel = undefined;
    inner.release();
    this.host.onUnused(this);
  }

  getChannelzRef(): SubchannelRef {
    // The type of `kind` is an enum of strings that exists as a type only.
    return { kind: 'subchannel' as SubchannelRef['kind'], id: this.id, name: this.name };
  }

  isHealthy(): boolean {
    return true;
  }

  addHealthStateWatcher(_listener: HealthListener): void {}

  removeHealthStateWatcher(_listener: HealthListener): void {}

  addDataWatcher(_dataWatcher: DataWatcher): void {
    throw new Error(
      'a data watcher is added to a wrapper of a subchannel, not to the subchannel itself',
    );
  }

  getOrCreateDataProducer(
    name: string,
    createDataProducer: (subchannel: Subchannel) => DataProducer,
  ): DataProducer {
    let producer = this.dataProducers.get(name);
    if (producer === undefined) {
      producer = createDataProducer(this);
      this.dataProducers.set(name, producer);
    }
    return producer;
  }

  removeDataProducer(name: string): void {
    this.dataProducers.delete(name);
  }

  getRealSubchannel(): this {
    return this;
  }

  realSubchannelEquals(other: SubchannelInterface): boolean {
    return this.getRealSubchannel() === other.getRealSubchannel();
  }

  getCallCredentials(): CallCredentials {
    const { credentials } = this.host;
    const own = credentials === undefined ? undefined : callCredentialsOf(credentials);
    return own ?? CallCredentials.createEmpty();
  }

  /** Of the same settings, so that it finds the connection that is there. */
  getChannel(): Channel {
    const { options, authority, credentials } = this.host;
    this.channel ??= new ChannelImplementation(
      targetOf(this.subchannelAddress),
      credentials ?? ChannelCredentials.createInsecure(),
      { 'grpc.default_authority': authority, ...options },
    );
    return this.channel;
  }
}

function targetOf(address: SubchannelAddress): string {
  if (!isTcpSubchannelAddress(address)) return `unix:${address.path}`;
  return address.host.includes(':')
    ? `ipv6:[${address.host}]:${address.port}`
    : `ipv4:${address.host}:${address.port}`;
}
