// ring_hash: calls with the same value in a request field go to the same backend for as long as it
// is there.
// Invariants: connects only where calls lead, and to one backend at a time while calls fail; a call
// waits for the first of its backends on the ring that has not failed; a failed one counts as failed
// until it is READY again. gRFC A42, A61, A76, A117. Not here: the ring itself (hash-ring.ts).

import { Status } from '../../grpc/status.ts';
import { endpointText } from '../../transport/connector.ts';
import type {
  BalancedSubchannel,
  Balancer,
  BalancerContext,
  BalancerFactory,
  BalancerTimer,
  Picker,
  PickInfo,
  PickResult,
} from '../balancer.ts';
import type { BackendAddress } from '../resolver.ts';
import type { ConnectivityState } from '../subchannel.ts';
import { HashRing, POSITIONS, positionOf, type RingMember } from './hash-ring.ts';
import { failing, QUEUE } from './pickers.ts';
import { PolicyFields } from './policy-config.ts';

const DEFAULT_LEAST_SIZE = 1_024;
const DEFAULT_MOST_SIZE = 4_096;
/** gRFC A42: what a config may ask for. */
const LARGEST_SIZE = 8 * 1_024 * 1_024;
/** Entries that are made in any case; a config from elsewhere must not take all memory. */
const SIZE_CAP = 4_096;

interface RingHashConfig {
  readonly leastSize: number;
  readonly mostSize: number;
  /** Lower case; '' where every call goes to a random backend. */
  readonly header: string;
}

/** One backend on the ring. */
class RingEndpoint implements RingMember {
  readonly subchannel: BalancedSubchannel;
  readonly picked: PickResult;
  hashKey: string;
  weight: number;
  /** Why it failed; undefined while it has not since it was last READY. */
  failure: PickResult | undefined;
  /** READY when it was last looked at. */
  wasReady: boolean;

  constructor(context: BalancerContext, address: BackendAddress, onState: () => void) {
    this.subchannel = context.createSubchannel(address, onState);
    this.picked = { kind: 'subchannel', subchannel: this.subchannel };
    this.hashKey = '';
    this.weight = 0;
    this.failure = undefined;
    this.wasReady = false;
  }
}

class RingHash implements Balancer, Picker {
  private readonly context: BalancerContext;
  private byAddress: Map<string, RingEndpoint>;
  private endpoints: readonly RingEndpoint[];
  private ring: HashRing | undefined;
  private header: string;
  private timer: BalancerTimer | undefined;
  /** True while an update is under way: the state is told once, at its end. */
  private quiet: boolean;

  constructor(context: BalancerContext) {
    this.context = context;
    this.byAddress = new Map();
    this.endpoints = [];
    this.ring = undefined;
    this.header = '';
    this.timer = undefined;
    this.quiet = false;
  }

  // Picker.

  pick(call: PickInfo): PickResult {
    const { ring, header } = this;
    if (ring === undefined) return QUEUE;
    const value = header === '' ? '' : headerValue(call.fields, header);
    return value === ''
      ? this.pickAny(ring, ring.entryAt(Math.floor(this.context.random() * POSITIONS)))
      : this.pickFrom(ring, ring.entryAt(positionOf(value)));
  }

  private pickFrom(ring: HashRing, first: number): PickResult {
    for (let i = 0; i < ring.size; i += 1) {
      const endpoint = this.endpointAt(ring, first + i);
      if (endpoint.failure !== undefined) continue;
      const { subchannel } = endpoint;
      if (subchannel.state === 'READY') return endpoint.picked;
      if (subchannel.state === 'IDLE') subchannel.connect();
      // Unless it failed at once.
      if (endpoint.failure === undefined) return QUEUE;
    }
    return this.endpointAt(ring, first).failure ?? QUEUE;
  }

  // The hash is any: what is connected is better than what is not, and one more connection is begun
  // if the hash says so and none is under way (gRFC A76).
  private pickAny(ring: HashRing, first: number): PickResult {
    let waits = false;
    for (let i = 0; i < ring.size; i += 1) {
      const endpoint = this.endpointAt(ring, first + i);
      if (endpoint.failure !== undefined) continue;
      const { subchannel } = endpoint;
      if (subchannel.state === 'READY') return endpoint.picked;
      if (!waits && subchannel.state === 'IDLE' && !this.isConnecting()) subchannel.connect();
      waits ||= endpoint.failure === undefined;
    }
    return waits ? QUEUE : (this.endpointAt(ring, first).failure ?? QUEUE);
  }

  private endpointAt(ring: HashRing, entry: number): RingEndpoint {
    const endpoint = this.endpoints[ring.ownerOf(entry)];
    if (endpoint === undefined) throw new RangeError(`the ring has no owner of entry ${entry}`);
    return endpoint;
  }

  // Balancer.

  update(addresses: readonly BackendAddress[], config: unknown): void {
    // What parseConfig below returned.
    const { leastSize, mostSize, header } = config as RingHashConfig;
    this.header = header;
    this.quiet = true;
    const before = this.byAddress;
    this.byAddress = new Map();
    for (const address of addresses) {
      const key = endpointText(address.endpoint);
      const seen = this.byAddress.get(key);
      const weight = weightOf(address);
      if (seen !== undefined) {
        seen.weight += weight;
        continue;
      }
      const endpoint = before.get(key) ?? this.endpointOf(address);
      endpoint.hashKey = hashKeyOf(address, key);
      endpoint.weight = weight;
      this.byAddress.set(key, endpoint);
      before.delete(key);
    }
    for (const { subchannel } of before.values()) subchannel.release();
    this.endpoints = [...this.byAddress.values()];
    this.ring =
      this.endpoints.length === 0 ? undefined : new HashRing(this.endpoints, leastSize, mostSize);
    this.quiet = false;
    this.tell();
  }

  private endpointOf(address: BackendAddress): RingEndpoint {
    const endpoint = new RingEndpoint(this.context, address, () => {
      this.look(endpoint);
      this.tell();
    });
    // One that other channels use may be in any state.
    if (endpoint.subchannel.state !== 'IDLE') this.look(endpoint);
    return endpoint;
  }

  private look(endpoint: RingEndpoint): void {
    const { subchannel, wasReady } = endpoint;
    const { state, lastFailure } = subchannel;
    endpoint.wasReady = state === 'READY';
    if (state === 'READY') {
      endpoint.failure = undefined;
    } else if (state === 'TRANSIENT_FAILURE') {
      endpoint.failure = { kind: 'fail', code: Status.UNAVAILABLE, details: lastFailure };
      this.context.requestResolution();
    } else if (state === 'IDLE') {
      if (wasReady) this.context.requestResolution();
      // Its backoff is over.
      if (endpoint.failure !== undefined) subchannel.connect();
    }
  }

  private tell(): void {
    if (this.quiet) return;
    const { target } = this.context;
    if (this.endpoints.length === 0) {
      this.tellFailure(`the resolver of ${target} found no addresses`);
      return;
    }
    const state = aggregated(this.endpoints);
    this.context.update(state, this);
    // Calls alone would not lead on from here: those that fail are not tried again.
    if (state === 'CONNECTING' || state === 'TRANSIENT_FAILURE') this.connectOne();
  }

  private tellFailure(details: string): void {
    this.context.update('TRANSIENT_FAILURE', failing(Status.UNAVAILABLE, details));
  }

  private isConnecting(): boolean {
    return this.endpoints.some((endpoint) => shownState(endpoint) === 'CONNECTING');
  }

  /** Begins a connection, to any backend, unless one is under way. */
  private connectOne(): void {
    const { endpoints } = this;
    if (this.isConnecting()) return;
    const idle = endpoints.filter((endpoint) => shownState(endpoint) === 'IDLE');
    idle[Math.floor(this.context.random() * idle.length)]?.subchannel.connect();
  }

  onResolverError(details: string): void {
    if (this.endpoints.length === 0) this.tellFailure(details);
  }

  // By a call, which picks its own backend at once, or by somebody who wants any connection. Only in
  // the second case is it still IDLE a little later.
  exitIdle(): void {
    this.timer ??= this.context.startTimer(0, () => {
      this.timer = undefined;
      if (this.endpoints.length > 0 && aggregated(this.endpoints) === 'IDLE') this.connectOne();
    });
  }

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    for (const { subchannel } of this.endpoints) subchannel.release();
    this.endpoints = [];
    this.ring = undefined;
    this.byAddress.clear();
  }
}

function shownState({ failure, subchannel }: RingEndpoint): ConnectivityState {
  return failure === undefined ? subchannel.state : 'TRANSIENT_FAILURE';
}

// gRFC A42, "Aggregated Connectivity State".
function aggregated(endpoints: readonly RingEndpoint[]): ConnectivityState {
  const states = endpoints.map(shownState);
  const failed = states.filter((state) => state === 'TRANSIENT_FAILURE').length;
  if (states.includes('READY')) return 'READY';
  if (failed > 1) return 'TRANSIENT_FAILURE';
  if (states.includes('CONNECTING')) return 'CONNECTING';
  if (failed === 1 && states.length > 1) return 'CONNECTING';
  return states.includes('IDLE') ? 'IDLE' : 'TRANSIENT_FAILURE';
}

/** The values of a request field, joined by commas; '' where there are none. */
function headerValue(fields: readonly string[], name: string): string {
  let joined = '';
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue;
    const value = fields[i + 1] ?? '';
    joined = joined === '' ? value : `${joined},${value}`;
  }
  return joined;
}

function weightOf({ weight = 1 }: BackendAddress): number {
  return weight > 0 && weight < Number.POSITIVE_INFINITY ? weight : 1;
}

function hashKeyOf({ attributes }: BackendAddress, key: string): string {
  const own = attributes?.hashKey;
  return typeof own === 'string' && own !== '' ? own : key;
}

/**
 * gRFC A42 and A76; `ring_hash_experimental` is its name in gRPC. Config: `requestHashHeader`, the
 * request field whose value is hashed (default none: every call goes to a random backend);
 * `minRingSize` (default 1024) and `maxRingSize` (4096), entries of the ring, up to 8388608 but taken
 * for 4096 above that. Backends have entries by their `weight`.
 */
export const ringHash: BalancerFactory = {
  name: 'ring_hash',
  parseConfig(config: unknown): RingHashConfig {
    const fields = new PolicyFields(config, 'ring_hash');
    const least = fields.integer('minRingSize', DEFAULT_LEAST_SIZE, 1, LARGEST_SIZE);
    const fallback = Math.max(DEFAULT_MOST_SIZE, least);
    const most = fields.integer('maxRingSize', fallback, 1, LARGEST_SIZE);
    const leastSize = fields.value('minRingSize') === undefined ? Math.min(least, most) : least;
    if (leastSize > most) {
      throw fields.wrongValue('minRingSize', `${most} at most, which is maxRingSize`);
    }
    const header = fields.string('requestHashHeader').toLowerCase();
    if (!/^[0-9a-z_.-]*$/.test(header) || header.endsWith('-bin')) {
      throw fields.wrongValue('requestHashHeader', 'the name of a request field with text values');
    }
    return {
      leastSize: Math.min(leastSize, SIZE_CAP),
      mostSize: Math.min(most, SIZE_CAP),
      header,
    };
  },
  create: (context) => new RingHash(context),
};
