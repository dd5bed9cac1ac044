// pick_first: one connection for all calls, to the first address that can be reached.
// Invariants: at most one subchannel is used, all others are released once one is READY; addresses
// are tried in order, the next one 250 ms after the last or as soon as that failed (happy eyeballs).
// gRFC A61, A62; RFC 8305. Not here: backoff, which each subchannel has of its own.
//
//   idle -exitIdle-> trying -one READY-> ready -it ends-> idle
//                    trying -all failed-> trying on, calls fail

import { Status } from '../../grpc/status.ts';
import { endpointText } from '../../transport/connector.ts';
import { ipFamily } from '../../transport/ip-address.ts';
import type {
  BalancedSubchannel,
  Balancer,
  BalancerContext,
  BalancerFactory,
  BalancerTimer,
  Picker,
} from '../balancer.ts';
import type { BackendAddress } from '../resolver.ts';
import { alternating } from '../resolvers/interleave.ts';
import { failing, QUEUEING } from './pickers.ts';
import { fieldsOf } from './policy-config.ts';

/** Milliseconds between the starts of two attempts (RFC 8305 §8). */
const ATTEMPT_DELAY_MS = 250;

interface PickFirstConfig {
  readonly shuffleAddressList: boolean;
}

class PickFirst implements Balancer {
  private readonly context: BalancerContext;
  private addresses: readonly BackendAddress[];
  /** Connecting, in the order of `addresses`; the tail not started yet has none. */
  private tried: BalancedSubchannel[];
  private chosen: BalancedSubchannel | undefined;
  private timer: BalancerTimer | undefined;
  /** Every address failed since the last connection. */
  private failed: boolean;
  private idle: boolean;

  constructor(context: BalancerContext) {
    this.context = context;
    this.addresses = [];
    this.tried = [];
    this.chosen = undefined;
    this.timer = undefined;
    this.failed = false;
    this.idle = false;
  }

  update(addresses: readonly BackendAddress[], config: unknown): void {
    const { shuffleAddressList } = configOf(config);
    const order = shuffleAddressList ? shuffled(addresses, this.context) : addresses;
    this.addresses = alternating(order, familyOf);
    if (addresses.length === 0) {
      this.stop();
      const details = `the resolver of ${this.context.target} found no addresses`;
      this.fail(failing(Status.UNAVAILABLE, details));
      return;
    }
    const { chosen } = this;
    if (chosen !== undefined && this.addresses.some((one) => isSame(one, chosen.address))) return;
    if (this.idle) return;
    this.stop();
    this.begin();
  }

  onResolverError(details: string): void {
    if (this.chosen !== undefined || this.tried.length > 0) return;
    this.fail(failing(Status.UNAVAILABLE, details));
  }

  exitIdle(): void {
    if (!this.idle) return;
    this.idle = false;
    if (this.addresses.length > 0) this.begin();
    else this.context.requestResolution();
  }

  close(): void {
    this.stop();
  }

  private stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    for (const subchannel of this.tried.splice(0)) subchannel.release();
    this.chosen?.release();
    this.chosen = undefined;
  }

  private begin(): void {
    if (!this.failed) this.context.update('CONNECTING', QUEUEING);
    this.tryNext();
  }

  // One more address; those before go on.
  private tryNext(): void {
    this.timer?.cancel();
    this.timer = undefined;
    const address = this.addresses[this.tried.length];
    if (address === undefined) return;
    const subchannel = this.context.createSubchannel(address, (changed) => this.onState(changed));
    this.tried.push(subchannel);
    if (this.tried.length < this.addresses.length) {
      this.timer = this.context.startTimer(ATTEMPT_DELAY_MS, () => this.tryNext());
    }
    // One that other channels use may be READY, connecting or backing off.
    if (subchannel.state === 'IDLE') subchannel.connect();
    else this.onState(subchannel);
  }

  private onState(subchannel: BalancedSubchannel): void {
    if (subchannel === this.chosen) {
      if (subchannel.state !== 'READY') this.onLost();
      return;
    }
    if (!this.tried.includes(subchannel)) return;
    if (subchannel.state === 'READY') this.choose(subchannel);
    else if (subchannel.state === 'TRANSIENT_FAILURE') this.onFailure();
    // Its backoff is over.
    else if (subchannel.state === 'IDLE') subchannel.connect();
  }

  private choose(subchannel: BalancedSubchannel): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.chosen = subchannel;
    this.failed = false;
    for (const other of this.tried.splice(0)) if (other !== subchannel) other.release();
    const picked = { kind: 'subchannel', subchannel } as const;
    this.context.update('READY', { pick: () => picked });
  }

  private onLost(): void {
    this.stop();
    this.idle = true;
    this.context.requestResolution();
    // Found in the meantime, and maybe tried already.
    if (this.idle) this.context.update('IDLE', QUEUEING);
  }

  private onFailure(): void {
    if (this.tried.length < this.addresses.length) {
      this.tryNext();
      return;
    }
    if (this.tried.some(({ lastFailure }) => lastFailure === '')) return;
    const causes = [...new Set(this.tried.map(({ lastFailure }) => lastFailure))];
    this.fail(failing(Status.UNAVAILABLE, causes.join('; ')));
    this.context.requestResolution();
  }

  private fail(picker: Picker): void {
    this.failed = true;
    this.context.update('TRANSIENT_FAILURE', picker);
  }
}

function familyOf({ endpoint }: BackendAddress): number {
  return endpoint.kind === 'tcp' ? ipFamily(endpoint.host) : 0;
}

function isSame(one: BackendAddress, other: BackendAddress): boolean {
  return endpointText(one.endpoint) === endpointText(other.endpoint);
}

function shuffled(
  addresses: readonly BackendAddress[],
  context: BalancerContext,
): readonly BackendAddress[] {
  return addresses
    .map((address) => ({ address, key: context.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ address }) => address);
}

const DEFAULTS: PickFirstConfig = { shuffleAddressList: false };

function configOf(config: unknown): PickFirstConfig {
  // What parseConfig below returned.
  return (config as PickFirstConfig | undefined) ?? DEFAULTS;
}

/** gRFC A62. Config: `shuffleAddressList`, default false. */
export const pickFirst: BalancerFactory = {
  name: 'pick_first',
  parseConfig(config: unknown): PickFirstConfig {
    const { shuffleAddressList = false } = fieldsOf(config, 'pick_first');
    if (typeof shuffleAddressList !== 'boolean') {
      throw new TypeError(
        `pick_first.shuffleAddressList is ${String(shuffleAddressList)}; it must be true or false`,
      );
    }
    return { shuffleAddressList };
  },
  create: (context) => new PickFirst(context),
};
