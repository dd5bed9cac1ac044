// The config of pick_first (gRFC A62).
// Not here: the policy (load-balancer-pick-first.ts).

import type { TypedLoadBalancingConfig } from './load-balancer.ts';

const TYPE_NAME = 'pick_first';

export class PickFirstLoadBalancingConfig implements TypedLoadBalancingConfig {
  private readonly shuffleAddressList: boolean;

  constructor(shuffleAddressList: boolean) {
    this.shuffleAddressList = shuffleAddressList;
  }

  getLoadBalancerName(): string {
    return TYPE_NAME;
  }

  toJsonObject(): object {
    return { [TYPE_NAME]: { shuffleAddressList: this.shuffleAddressList } };
  }

  getShuffleAddressList(): boolean {
    return this.shuffleAddressList;
  }

  // biome-ignore lint/suspicious/noExplicitAny: the published type
  static createFromJson(obj: any): PickFirstLoadBalancingConfig {
    if ('shuffleAddressList' in obj && typeof obj.shuffleAddressList !== 'boolean') {
      throw new Error('pick_first config field shuffleAddressList must be a boolean if provided');
    }
    // Only `true` shuffles.
    return new PickFirstLoadBalancingConfig(obj.shuffleAddressList === true);
  }
}
