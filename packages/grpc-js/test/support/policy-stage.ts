// A channel for load balancing policies that are tested without one: it makes subchannels whose states
// the test sets, and writes down what the policy tells it.
// Not here: channels with connections.

import type * as grpcJs from '@grpc/grpc-js';
import type { ChannelControlHelper } from '@grpc/grpc-js/build/src/load-balancer';
import type { Picker } from '@grpc/grpc-js/build/src/picker';
import type { SubchannelAddress } from '@grpc/grpc-js/build/src/subchannel-address';
import type {
  ConnectivityStateListener,
  HealthListener,
  SubchannelInterface,
} from '@grpc/grpc-js/build/src/subchannel-interface';

type Grpc = typeof grpcJs;

const STATES = ['IDLE', 'CONNECTING', 'READY', 'TRANSIENT_FAILURE', 'SHUTDOWN'] as const;

/** One whose state is what the test says. */
export class StagedSubchannel {
  readonly name: string;
  state = 0;
  healthy = true;
  references = 0;
  readonly log: string[];
  readonly listeners: Set<ConnectivityStateListener> = new Set();
  readonly healthListeners: Set<HealthListener> = new Set();
  private readonly grpc: Grpc;

  constructor(grpc: Grpc, name: string, log: string[]) {
    this.grpc = grpc;
    this.name = name;
    this.log = log;
  }

  /** The policies know it by the whole interface, of which they use this much. */
  get asInterface(): SubchannelInterface {
    return this as unknown as SubchannelInterface;
  }

  move(state: number, error?: string): void {
    const before = this.state;
    this.state = state;
    for (const listener of this.listeners) listener(this.asInterface, before, state, -1, error);
  }

  setHealthy(healthy: boolean): void {
    this.healthy = healthy;
    for (const listener of this.healthListeners) listener(healthy);
  }

  getConnectivityState(): number {
    return this.state;
  }

  addConnectivityStateListener(listener: ConnectivityStateListener): void {
    this.listeners.add(listener);
  }

  removeConnectivityStateListener(listener: ConnectivityStateListener): void {
    this.listeners.delete(listener);
  }

  startConnecting(): void {
    this.log.push(`connect ${this.name}`);
    if (this.state === 0) this.move(1);
  }

  getAddress(): string {
    return this.name;
  }

  throttleKeepalive(): void {}

  ref(): void {
    this.references += 1;
  }

  unref(): void {
    this.references -= 1;
    if (this.references === 0) this.log.push(`gone ${this.name}`);
  }

  getChannelzRef(): unknown {
    return { kind: 'subchannel', id: 1, name: this.name };
  }

  isHealthy(): boolean {
    return this.healthy;
  }

  addHealthStateWatcher(listener: HealthListener): void {
    this.healthListeners.add(listener);
  }

  removeHealthStateWatcher(listener: HealthListener): void {
    this.healthListeners.delete(listener);
  }

  addDataWatcher(): void {}

  getRealSubchannel(): this {
    return this;
  }

  realSubchannelEquals(other: SubchannelInterface): boolean {
    return (other.getRealSubchannel() as unknown) === this;
  }

  getCallCredentials(): unknown {
    return this.grpc.credentials.createEmpty();
  }

  getChannel(): unknown {
    return undefined;
  }
}

/** What a policy sees of a channel. */
export class PolicyStage {
  readonly log: string[] = [];
  readonly subchannels: Map<string, StagedSubchannel> = new Map();
  readonly helper: ChannelControlHelper;
  picker: Picker | undefined;
  private readonly grpc: Grpc;

  constructor(grpc: Grpc) {
    this.grpc = grpc;
    this.helper = {
      createSubchannel: (address) => this.subchannel(address).asInterface,
      updateState: (state, picker, error) => {
        this.picker = picker;
        this.log.push(`${STATES[state]} ${error}`);
      },
      requestReresolution: () => {
        this.log.push('resolve again');
      },
      addChannelzChild() {},
      removeChannelzChild() {},
    };
  }

  subchannel(address: SubchannelAddress): StagedSubchannel {
    const name = this.grpc.experimental.subchannelAddressToString(address);
    let subchannel = this.subchannels.get(name);
    if (subchannel === undefined) {
      subchannel = new StagedSubchannel(this.grpc, name, this.log);
      this.subchannels.set(name, subchannel);
    }
    return subchannel;
  }

  at(port: number): StagedSubchannel {
    return this.subchannel({ host: '127.0.0.1', port });
  }

  /** What a call would meet. */
  pick(): string {
    const result = this.picker?.pick({ metadata: new this.grpc.Metadata(), extraPickInfo: {} });
    if (result === undefined) return 'no picker';
    const { pickResultType: type, subchannel, status } = result;
    if (type === 0) return `to ${subchannel?.getAddress()}`;
    if (status !== null) return `${type} ${status.code} ${status.details}`;
    return String(type);
  }

  /** What was told since the last time. */
  told(): string[] {
    return this.log.splice(0);
  }
}

/** What the policies put off until the next tick has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
