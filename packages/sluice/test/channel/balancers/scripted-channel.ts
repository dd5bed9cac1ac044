// A channel for balancers whose subchannels change state when a test says so, with a clock that the
// test turns. What a balancer does is kept in words.

import assert from 'node:assert/strict';
import type {
  BalancedSubchannel,
  Balancer,
  BalancerContext,
  BalancerFactory,
  BalancerTimer,
  Picker,
  PickResult,
} from '#sluice/channel/balancer.js';
import { balancerFactory } from '#sluice/channel/balancer.js';
import type { BackendAddress } from '#sluice/channel/resolver.js';
import type { ConnectivityState } from '#sluice/channel/subchannel.js';
import { Status } from '#sluice/grpc/status.js';
import { mulberry32 } from '../../support/random.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** The address of a backend by its name: `a` is a:1, `6x` is [6::1]:1, `4x` is 4.0.0.1:1. */
export function address(name: string, weight?: number): BackendAddress {
  const hosts: Record<string, string> = { '4': '4.0.0.', '6': '6::' };
  const host = hosts[name.charAt(0)];
  const full = host === undefined ? name : `${host}${name.charCodeAt(1) - 96}`;
  const endpoint = { kind: 'tcp', host: full, port: 1 } as const;
  return weight === undefined ? { endpoint } : { endpoint, weight };
}

export function addresses(names: string): BackendAddress[] {
  return names.split(' ').map((name) => address(name));
}

/** A subchannel that does what the test says. */
export class ScriptedSubchannel implements BalancedSubchannel {
  readonly address: BackendAddress;
  readonly name: string;
  state: ConnectivityState;
  lastFailure: string;
  released: boolean;
  private readonly channel: ScriptedChannel;
  private readonly onState: (subchannel: BalancedSubchannel) => void;

  constructor(
    to: BackendAddress,
    channel: ScriptedChannel,
    onState: (subchannel: BalancedSubchannel) => void,
  ) {
    this.address = to;
    this.name = to.endpoint.kind === 'tcp' ? to.endpoint.host : to.endpoint.path;
    this.state = channel.stateOf(this.name);
    this.lastFailure = '';
    this.released = false;
    this.channel = channel;
    this.onState = onState;
  }

  connect(): void {
    assert.equal(this.released, false, `connect of ${this.name} after release`);
    if (this.state !== 'IDLE') return;
    this.channel.log.push(`connect ${this.name}`);
    const refusal = this.channel.refusals.get(this.name);
    this.move('CONNECTING');
    if (refusal !== undefined) this.fail(refusal);
  }

  release(): void {
    assert.equal(this.released, false, `${this.name} is released twice`);
    this.released = true;
    this.channel.log.push(`release ${this.name}`);
  }

  ready(): void {
    this.move('READY');
  }

  fail(reason: string): void {
    this.lastFailure = reason;
    this.move('TRANSIENT_FAILURE');
  }

  /** A connection is lost, or a backoff is over. */
  idle(reason: string = this.lastFailure): void {
    this.lastFailure = reason;
    this.move('IDLE');
  }

  private move(state: ConnectivityState): void {
    this.state = state;
    if (!this.released) this.onState(this);
  }
}

/** A channel with one balancer. */
export class ScriptedChannel implements BalancerContext {
  readonly target = 'test:backends';
  readonly clock: VirtualClock;
  /** Connects and releases, in order. */
  readonly log: string[];
  /** States told, in order, without repetition. */
  readonly states: ConnectivityState[];
  /** Backends whose connections fail from inside `connect`, and how. */
  readonly refusals: Map<string, string>;
  state: ConnectivityState | undefined;
  picker: Picker;
  resolutions: number;
  /** Updates told. */
  updates: number;
  readonly random: () => number;
  private readonly subchannels: ScriptedSubchannel[];
  private readonly shared: Map<string, ConnectivityState>;
  private readonly balancer: Balancer;
  private readonly factory: BalancerFactory;

  constructor(policy: string, seed = 1) {
    this.clock = new VirtualClock();
    this.log = [];
    this.states = [];
    this.refusals = new Map();
    this.state = undefined;
    this.picker = { pick: () => assert.fail('no picker was given') };
    this.resolutions = 0;
    this.updates = 0;
    this.random = mulberry32(seed);
    this.subchannels = [];
    this.shared = new Map();
    const factory = balancerFactory(policy);
    assert.ok(factory, policy);
    this.factory = factory;
    this.balancer = factory.create(this);
  }

  // BalancerContext.

  createSubchannel(
    to: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel {
    const made = new ScriptedSubchannel(to, this, onState);
    this.subchannels.push(made);
    return made;
  }

  update(state: ConnectivityState, picker: Picker): void {
    if (this.state !== state) this.states.push(state);
    this.state = state;
    this.picker = picker;
    this.updates += 1;
  }

  requestResolution(): void {
    this.resolutions += 1;
  }

  startTimer(ms: number, callback: () => void): BalancerTimer {
    const handle = this.clock.setTimer(callback, ms, false);
    return { cancel: () => this.clock.clearTimer(handle) };
  }

  now(): number {
    return this.clock.now();
  }

  // What a test does.

  /** Another channel uses the backend: it is in this state already. */
  share(name: string, state: ConnectivityState): void {
    this.shared.set(name, state);
  }

  stateOf(name: string): ConnectivityState {
    return this.shared.get(name) ?? 'IDLE';
  }

  resolve(to: readonly BackendAddress[] | string, config?: unknown): void {
    const list = typeof to === 'string' ? addresses(to) : to;
    this.balancer.update(list, this.factory.parseConfig(config, balancerFactory));
  }

  resolverError(details: string): void {
    this.balancer.onResolverError(details);
  }

  exitIdle(): void {
    this.balancer.exitIdle();
  }

  /** The subchannel in use of a backend. */
  backend(name: string): ScriptedSubchannel {
    const found = this.subchannels.find((one) => one.name === name && !one.released);
    assert.ok(found, `no subchannel of ${name}`);
    return found;
  }

  /** Names of the backends with a subchannel, in the order they were made. */
  get held(): string {
    const held = this.subchannels.filter(({ released }) => !released);
    return held.map(({ name }) => name).join(' ');
  }

  /** Connects and releases since the last time. */
  take(): string[] {
    return this.log.splice(0);
  }

  pickResult(...fields: string[]): PickResult {
    return this.picker.pick({ path: '/a.B/C', fields });
  }

  /** The backend picked for a call with these fields, `queue`, or `fail: <details>`. */
  pick(...fields: string[]): string {
    const result = this.pickResult(...fields);
    if (result.kind === 'queue') return 'queue';
    if (result.kind === 'subchannel') {
      assert.ok(result.subchannel instanceof ScriptedSubchannel);
      return result.subchannel.name;
    }
    assert.equal(result.code, Status.UNAVAILABLE);
    return `${result.kind}: ${result.details}`;
  }

  /** How often each backend is picked in so many calls. */
  counts(calls: number, ...fields: string[]): Record<string, number> {
    const counts: Record<string, number> = {};
    for (let i = 0; i < calls; i += 1) {
      const name = this.pick(...fields);
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  /** A call from its start to its end, at whatever backend is picked; answers the backend. */
  call(code: Status = Status.OK, trailers: readonly string[] = [], ...fields: string[]): string {
    const result = this.pickResult(...fields);
    assert.equal(result.kind, 'subchannel');
    result.tracker?.onStart();
    result.tracker?.onEnd(code, trailers);
    assert.ok(result.subchannel instanceof ScriptedSubchannel);
    return result.subchannel.name;
  }

  /** Closes the balancer: it may hold nothing. */
  close(): void {
    this.balancer.close();
    assert.equal(this.held, '', 'subchannels left');
    assert.equal(this.clock.pending, 0, 'timers left');
  }
}

/** A channel whose backends are all READY. */
export function readyChannel(
  policy: string,
  names: string,
  config?: unknown,
  seed?: number,
): ScriptedChannel {
  const channel = new ScriptedChannel(policy, seed);
  channel.resolve(names, config);
  for (const name of channel.held.split(' ')) {
    const backend = channel.backend(name);
    backend.connect();
    backend.ready();
  }
  channel.take();
  return channel;
}
