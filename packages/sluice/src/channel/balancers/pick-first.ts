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
import { PolicyFields } from './policy-config.ts';

/** Milliseconds between the starts of two attempts (RFC 8305 §8). */
const ATTEMPT_DELAY_MS = 250;

/** Causes in an error text; a name may have hundreds of addresses. */
const TOLD_CAUSES = 8;

interface PickFirstConfig {
  readonly shuffleAddressList: boolean;
}

class PickFirst implements Balancer {
  private readonly context: BalancerContext;
  private addresses: readonly BackendAddress[];
  /** Connecting, in the order of `addresses`; the tail not started yet has none. */
  private tried: BalancedSubchannel[];
  /** Those of `tried` whose attempt failed. What they say of earlier times does not count. */
  private readonly failures: Set<BalancedSubchannel>;
  private chosen: BalancedSubchannel | undefined;
  /**
   * Whose connection ended last. Held until another one is chosen: it knows how often it may ping, and
   * whether it has to back off.
   */
  private lost: BalancedSubchannel | undefined;
  private timer: BalancerTimer | undefined;
  /** Every address failed since the last connection. */
  private failed: boolean;
  private idle: boolean;

  constructor(context: BalancerContext) {
    this.context = context;
    this.addresses = [];
    this.tried = [];
    this.failures = new Set();
    this.chosen = undefined;
    this.lost = undefined;
    this.timer = undefined;
    this.failed = false;
    this.idle = false;
  }

  update(addresses: readonly BackendAddress[], config: unknown): void {
    if (addresses.length === 0) {
      this.addresses = addresses;
      this.stop();
      this.idle = false;
      const details = `the resolver of ${this.context.target} found no addresses`;
      this.fail(failing(Status.UNAVAILABLE, details));
      return;
    }
    const { shuffleAddressList } = configOf(config);
    const distinct = withoutRepetition(addresses);
    // Another order is no reason to begin again: name servers turn their lists with every answer.
    if (this.tried.length > 0 && isSameSet(distinct, this.addresses)) return;
    const order = shuffleAddressList ? shuffled(distinct, this.context) : distinct;
    this.addresses = alternating(order, familyOf);
    const { chosen, tried } = this;
    if (chosen !== undefined && distinct.some((one) => isSame(one, chosen.address))) return;
    if (this.idle) return;
    this.tried = [];
    this.chosen = undefined;
    this.begin();
    // Only now: what is used on keeps its attempt and its backoff.
    for (const subchannel of tried) subchannel.release();
    chosen?.release();
  }

  onResolverError(details: string): void {
    if (this.addresses.length > 0) return;
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
    this.forgetLost();
    this.timer?.cancel();
    this.timer = undefined;
    for (const subchannel of this.tried.splice(0)) subchannel.release();
    this.chosen?.release();
    this.chosen = undefined;
  }

  private forgetLost(): void {
    this.lost?.release();
    this.lost = undefined;
  }

  private begin(): void {
    this.failures.clear();
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
    else if (subchannel.state === 'TRANSIENT_FAILURE') this.onFailure(subchannel);
    // Its backoff is over.
    else if (subchannel.state === 'IDLE') subchannel.connect();
  }

  private choose(subchannel: BalancedSubchannel): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.chosen = subchannel;
    this.failed = false;
    for (const other of this.tried.splice(0)) if (other !== subchannel) other.release();
    this.forgetLost();
    const picked = { kind: 'subchannel', subchannel } as const;
    this.context.update('READY', { pick: () => picked });
  }

  private onLost(): void {
    this.lost = this.chosen;
    this.chosen = undefined;
    this.idle = true;
    this.context.requestResolution();
    // Found in the meantime, and maybe tried already.
    if (this.idle) this.context.update('IDLE', QUEUEING);
  }

  private onFailure(subchannel: BalancedSubchannel): void {
    this.failures.add(subchannel);
    if (this.tried.length < this.addresses.length) {
      this.tryNext();
      return;
    }
    if (this.failures.size < this.tried.length) return;
    this.fail(failing(Status.UNAVAILABLE, causesOf(this.tried)));
    this.context.requestResolution();
  }

  private fail(picker: Picker): void {
    this.failed = true;
    this.context.update('TRANSIENT_FAILURE', picker);
  }
}

function causesOf(failed: readonly BalancedSubchannel[]): string {
  const causes = [...new Set(failed.map(({ lastFailure }) => lastFailure))];
  const told = causes.slice(0, TOLD_CAUSES).join('; ');
  return causes.length <= TOLD_CAUSES ? told : `${told}; and ${causes.length - TOLD_CAUSES} more`;
}

function familyOf({ endpoint }: BackendAddress): number {
  return endpoint.kind === 'tcp' ? ipFamily(endpoint.host) : 0;
}

function withoutRepetition(addresses: readonly BackendAddress[]): readonly BackendAddress[] {
  const known = new Map(addresses.map((address) => [endpointText(address.endpoint), address]));
  return known.size === addresses.length ? addresses : [...known.values()];
}

function isSameSet(some: readonly BackendAddress[], others: readonly BackendAddress[]): boolean {
  const known = new Set(others.map(({ endpoint }) => endpointText(endpoint)));
  return (
    some.length === known.size && some.every(({ endpoint }) => known.has(endpointText(endpoint)))
  );
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
    const fields = new PolicyFields(config, 'pick_first');
    return { shuffleAddressList: fields.boolean('shuffleAddressList', false) };
  },
  create: (context) => new PickFirst(context),
};
