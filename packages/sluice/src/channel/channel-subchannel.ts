// A channel's hold on a subchannel that others may use too: what its balancer sees, and where the
// channel finds the transport of a pick.
// Invariant: after `release` nothing is heard of it, and it stays readable.
// Not here: connecting (subchannel.ts), whom the channel picks (balancers/).

import type { ClientTransport } from '../transport/client-transport.ts';
import type { BackendStats } from '../transport/connection-stats.ts';
import type { BalancedSubchannel } from './balancer.ts';
import type { BackendAddress } from './resolver.ts';
import type { ConnectivityState, Subchannel, SubchannelUser } from './subchannel.ts';

/** What a channel and its balancer hear. */
export interface ChannelSubchannelListener {
  onState(subchannel: BalancedSubchannel): void;
  /** A call more may be admitted here than a moment ago. */
  onCapacity(): void;
  onReleased(): void;
}

/** One address of a channel, connected or not. */
export class ChannelSubchannel implements BalancedSubchannel, SubchannelUser {
  readonly address: BackendAddress;
  readonly shared: Subchannel;
  private readonly listener: ChannelSubchannelListener;
  private released: boolean;

  constructor(address: BackendAddress, shared: Subchannel, listener: ChannelSubchannelListener) {
    this.address = address;
    this.shared = shared;
    this.listener = listener;
    this.released = false;
    shared.addUser(this);
  }

  get state(): ConnectivityState {
    return this.released ? 'SHUTDOWN' : this.shared.state;
  }

  get lastFailure(): string {
    return this.shared.lastFailure;
  }

  /** The connection for a call of so many bytes; undefined unless READY. */
  connectionFor(bytes: number): ClientTransport | undefined {
    return this.released ? undefined : this.shared.connectionFor(bytes);
  }

  /** As it stands, for the figures of the channel. */
  stats(): BackendStats {
    const { name: address, lastFailure, live, maxConnections, opened, closed } = this.shared;
    const connections = Array.from(live, ({ id }) => id);
    const { state } = this;
    return { address, state, lastFailure, connections, maxConnections, opened, closed };
  }

  connect(): void {
    if (!this.released) this.shared.connect();
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.shared.removeUser(this);
    this.listener.onReleased();
  }

  onState(): void {
    // Whoever was told before may have released it.
    if (!this.released) this.listener.onState(this);
  }

  onCapacity(): void {
    if (!this.released) this.listener.onCapacity();
  }
}
