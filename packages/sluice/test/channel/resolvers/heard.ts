// A listener that keeps what a resolver says, in words short enough to compare.

import type {
  Resolution,
  Resolver,
  ResolverFactory,
  ResolverListener,
} from '#sluice/channel/resolver.js';
import { parseTargetUri } from '#sluice/channel/target.js';
import { endpointText } from '#sluice/transport/connector.js';
import { TimerWheel } from '#sluice/transport/timer-wheel.js';
import { VirtualClock } from '../../support/virtual-clock.js';

export class Heard implements ResolverListener {
  readonly all: string[] = [];
  readonly resolutions: Resolution[] = [];

  onResolution(resolution: Resolution): void {
    this.resolutions.push(resolution);
    this.all.push(resolution.addresses.map(({ endpoint }) => endpointText(endpoint)).join(' '));
  }

  onError(details: string): void {
    this.all.push(`error: ${details}`);
  }

  /** What was said since the last time. */
  take(): string[] {
    return this.all.splice(0);
  }
}

/** A resolver with its listener, on a clock of its own. */
export class Resolving {
  readonly clock: VirtualClock;
  readonly wheel: TimerWheel;
  readonly heard: Heard;
  readonly resolver: Resolver;

  constructor(
    factory: ResolverFactory,
    target: string,
    options: { proxy?: string | false; lookUpServiceConfig?: boolean; random?: number } = {},
  ) {
    this.clock = new VirtualClock(1_000);
    this.wheel = new TimerWheel(this.clock);
    this.heard = new Heard();
    this.resolver = factory.create(parseTargetUri(target), this.heard, {
      wheel: this.wheel,
      random: () => options.random ?? 0.5,
      lookUpServiceConfig: options.lookUpServiceConfig ?? false,
      proxy: options.proxy,
    });
  }
}
