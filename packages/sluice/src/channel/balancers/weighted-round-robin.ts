// weighted_round_robin: like round_robin, but each backend as often as its own load reports allow.
// Invariants: weights come from the reports at the end of calls, and count for the picks of the next
// update period; without two usable weights it is round_robin. gRFC A58.
// Not here: weights (endpoint-weight.ts), choosing (stride-scheduler.ts), states (endpoint-list.ts).

import type {
  BalancedSubchannel,
  Balancer,
  BalancerContext,
  BalancerFactory,
  BalancerTimer,
  Picker,
  PickResult,
} from '../balancer.ts';
import type { BackendAddress } from '../resolver.ts';
import { EndpointList } from './endpoint-list.ts';
import { EndpointWeight, type WeightPolicy } from './endpoint-weight.ts';
import { QUEUE } from './pickers.ts';
import { PolicyFields } from './policy-config.ts';
import { StrideScheduler } from './stride-scheduler.ts';

const POLICY = 'weighted_round_robin';

// Defaults of gRFC A58, milliseconds.
const BLACKOUT_MS = 10_000;
const EXPIRATION_MS = 180_000;
const UPDATE_MS = 1_000;
/** A shorter update period is taken for this: each costs as much as there are backends. */
const LEAST_UPDATE_MS = 100;

interface WeightedConfig {
  readonly blackoutMs: number;
  readonly expirationMs: number;
  readonly updateMs: number;
  readonly errorPenalty: number;
}

const DEFAULTS: WeightedConfig = {
  blackoutMs: BLACKOUT_MS,
  expirationMs: EXPIRATION_MS,
  updateMs: UPDATE_MS,
  errorPenalty: 1,
};

class WeightedPicker implements Picker {
  private readonly endpoints: readonly EndpointWeight[];
  private readonly random: () => number;
  private scheduler: StrideScheduler;

  constructor(endpoints: readonly EndpointWeight[], random: () => number) {
    this.endpoints = endpoints;
    this.random = random;
    this.scheduler = this.scheduled();
  }

  reweigh(): void {
    this.scheduler = this.scheduled();
  }

  private scheduled(): StrideScheduler {
    const weights = this.endpoints.map((endpoint) => endpoint.current());
    return new StrideScheduler(weights, this.random);
  }

  pick(): PickResult {
    const endpoint = this.endpoints[this.scheduler.next()];
    return endpoint === undefined ? QUEUE : endpoint.result;
  }
}

class WeightedRoundRobin implements Balancer, WeightPolicy {
  private readonly context: BalancerContext;
  private readonly endpoints: EndpointList;
  private readonly weights: WeakMap<BalancedSubchannel, EndpointWeight>;
  private config: WeightedConfig;
  private picker: WeightedPicker | undefined;
  private timer: BalancerTimer | undefined;

  constructor(context: BalancerContext) {
    this.context = context;
    this.weights = new WeakMap();
    this.config = DEFAULTS;
    this.picker = undefined;
    this.timer = undefined;
    this.endpoints = new EndpointList(
      context,
      (ready) => this.pickerOf(ready),
      (subchannel) => this.weightOf(subchannel).onReady(),
    );
  }

  // WeightPolicy.

  get blackoutMs(): number {
    return this.config.blackoutMs;
  }

  get expirationMs(): number {
    return this.config.expirationMs;
  }

  get errorPenalty(): number {
    return this.config.errorPenalty;
  }

  now(): number {
    return this.context.now();
  }

  private weightOf(subchannel: BalancedSubchannel): EndpointWeight {
    const known = this.weights.get(subchannel);
    if (known !== undefined) return known;
    const made = new EndpointWeight(subchannel, this);
    this.weights.set(subchannel, made);
    return made;
  }

  private pickerOf(ready: readonly BalancedSubchannel[]): Picker {
    const weights = ready.map((subchannel) => this.weightOf(subchannel));
    this.picker = new WeightedPicker(weights, () => this.context.random());
    if (ready.length > 1) this.timer ??= this.startTimer();
    return this.picker;
  }

  private startTimer(): BalancerTimer {
    return this.context.startTimer(this.config.updateMs, () => {
      this.timer = undefined;
      if (this.endpoints.readySubchannels.length < 2) return;
      this.picker?.reweigh();
      this.timer = this.startTimer();
    });
  }

  // Balancer.

  update(addresses: readonly BackendAddress[], config: unknown): void {
    // What parseConfig below returned.
    this.config = config as WeightedConfig;
    this.endpoints.update(addresses);
  }

  onResolverError(details: string): void {
    this.endpoints.onResolverError(details);
  }

  exitIdle(): void {}

  close(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.endpoints.close();
  }
}

/**
 * gRFC A58, by the reports of gRFC A51 at the end of calls. Config, durations like "10s":
 * `blackoutPeriod` (default 10 s), `weightExpirationPeriod` (180 s), `weightUpdatePeriod` (1 s, 0.1 s
 * at least), `errorUtilizationPenalty` (1). `enableOobLoadReport` has to be false: reports outside
 * of calls are not supported.
 */
export const weightedRoundRobin: BalancerFactory = {
  name: POLICY,
  parseConfig(config: unknown): WeightedConfig {
    const fields = new PolicyFields(config, POLICY);
    if (fields.boolean('enableOobLoadReport', false)) {
      throw fields.wrongValue('enableOobLoadReport', 'false, reports come with calls only');
    }
    fields.duration('oobReportingPeriod', 0);
    return {
      blackoutMs: fields.duration('blackoutPeriod', BLACKOUT_MS),
      expirationMs: fields.duration('weightExpirationPeriod', EXPIRATION_MS),
      updateMs: Math.max(LEAST_UPDATE_MS, fields.duration('weightUpdatePeriod', UPDATE_MS)),
      errorPenalty: fields.float('errorUtilizationPenalty', 1),
    };
  },
  create: (context) => new WeightedRoundRobin(context),
};
