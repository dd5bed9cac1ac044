// The policy above all others in a channel whose resolver gave a config selector: the selector is asked
// for each call before the policy below picks for it.
// Invariant: everything but picking is the policy's below. gRFC A31.
// Not here: asking the selector (pick-information.ts).

import {
  type BackendAddress,
  type BalancedSubchannel,
  type Balancer,
  type BalancerContext,
  type BalancerFactory,
  type BalancerTimer,
  type ConnectivityState,
  type FindBalancer,
  type Picker,
  type PickInfo,
  type PickResult,
  type PickTracker,
  registerBalancer,
  type Status as SluiceStatus,
} from 'sluice';
import { attributesOf } from './channel-attributes.ts';
import { Status } from './constants.ts';
import { type PickInformation, pickInformation } from './pick-information.ts';
import { failureCodeOf } from './picker-bridge.ts';
import type { CallConfig } from './resolver.ts';

const NAME = 'grpc-js.config_selector';
const QUEUE: PickResult = { kind: 'queue' };

interface SelectingConfig {
  readonly factory: BalancerFactory;
  readonly config: unknown;
}

/** Tells the selector that its config is in use, then whoever picked. */
class CommittingTracker implements PickTracker {
  private readonly config: CallConfig;
  private readonly below: PickTracker | undefined;

  constructor(config: CallConfig, below: PickTracker | undefined) {
    this.config = config;
    this.below = below;
  }

  onStart(): void {
    this.config.onCommitted?.();
    this.below?.onStart();
  }

  onEnd(code: SluiceStatus, trailers: readonly string[], details?: string): void {
    this.below?.onEnd(code, trailers, details);
  }
}

class SelectingPicker implements Picker {
  private readonly below: Picker;
  private readonly information: PickInformation;

  constructor(below: Picker, information: PickInformation) {
    this.below = below;
    this.information = information;
  }

  pick(call: PickInfo): PickResult {
    const config = this.information.configOf(call);
    if (config === undefined) return this.below.pick(call);
    if (config.status !== Status.OK) {
      const details = `Failed to route call to method ${call.path}`;
      return { kind: 'drop', code: failureCodeOf(config.status), details };
    }
    const result = this.below.pick(call);
    if (result.kind === 'fail' && config.methodConfig.waitForReady === true) return QUEUE;
    if (result.kind !== 'subchannel' || config.onCommitted === undefined) return result;
    const { subchannel, tracker } = result;
    return { kind: 'subchannel', subchannel, tracker: new CommittingTracker(config, tracker) };
  }
}

/** What the policy below is offered instead of the channel. */
class Below implements BalancerContext {
  readonly target: string;
  readonly attributes: Readonly<Record<string, unknown>> | undefined;
  readonly factory: BalancerFactory;
  readonly balancer: Balancer;
  private readonly context: BalancerContext;
  private readonly information: PickInformation | undefined;

  constructor(factory: BalancerFactory, context: BalancerContext) {
    const own = attributesOf(context.attributes);
    this.target = context.target;
    this.attributes = context.attributes;
    this.factory = factory;
    this.context = context;
    this.information = own === undefined ? undefined : pickInformation(own);
    this.balancer = factory.create(this);
  }

  createSubchannel(
    address: BackendAddress,
    onState: (subchannel: BalancedSubchannel) => void,
  ): BalancedSubchannel {
    return this.context.createSubchannel(address, onState);
  }

  update(state: ConnectivityState, picker: Picker): void {
    const { information } = this;
    this.context.update(
      state,
      information === undefined ? picker : new SelectingPicker(picker, information),
    );
  }

  requestResolution(): void {
    this.context.requestResolution();
  }

  startTimer(ms: number, callback: () => void): BalancerTimer {
    return this.context.startTimer(ms, callback);
  }

  now(): number {
    return this.context.now();
  }

  random(): number {
    return this.context.random();
  }
}

class SelectingBalancer implements Balancer {
  private readonly context: BalancerContext;
  private below: Below | undefined;

  constructor(context: BalancerContext) {
    this.context = context;
    this.below = undefined;
  }

  update(addresses: readonly BackendAddress[], given: unknown): void {
    // What parseConfig below returned.
    const { factory, config } = given as SelectingConfig;
    if (this.below?.factory !== factory) {
      this.below?.balancer.close();
      this.below = new Below(factory, this.context);
    }
    this.below.balancer.update(addresses, config);
  }

  onResolverError(details: string): void {
    this.below?.balancer.onResolverError(details);
  }

  exitIdle(): void {
    this.below?.balancer.exitIdle();
  }

  close(): void {
    this.below?.balancer.close();
  }
}

const selectingBalancer: BalancerFactory = {
  name: NAME,
  parseConfig(config: unknown, find: FindBalancer): SelectingConfig {
    // What `selecting` made.
    const [name, inner] = Object.entries(config as Record<string, unknown>)[0] ?? [''];
    const factory = find(name);
    if (factory === undefined) throw new RangeError(`no policy ${name} is registered`);
    return { factory, config: factory.parseConfig(inner, find) };
  },
  create: (context) => new SelectingBalancer(context),
};

let isRegistered = false;

/** For `loadBalancingConfig`: the policy that asks the selector, with `policy` below it. */
export function selecting(
  policy: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (!isRegistered) {
    isRegistered = true;
    registerBalancer(selectingBalancer);
  }
  return { [NAME]: policy };
}
