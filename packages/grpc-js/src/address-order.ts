// In which order pick_first tries addresses: at random where a config says so (gRFC A62), the families
// in turns (gRFC A61, RFC 8305 §4). Not here: trying them (load-balancer-pick-first.ts).

import { isIPv6 } from 'node:net';
import { isTcpSubchannelAddress, type SubchannelAddress } from './subchannel-address.ts';

/** A new list in random order; `list` stays as it is. */
export function shuffled<T>(list: T[]): T[] {
  return list
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** The families take turns, beginning with that of the first address. */
export function interleaved(addresses: SubchannelAddress[]): SubchannelAddress[] {
  const isOfSix = (one: SubchannelAddress): boolean =>
    isTcpSubchannelAddress(one) && isIPv6(one.host);
  const [first] = addresses;
  if (first === undefined) return [];
  const firstIsOfSix = isOfSix(first);
  const some = addresses.filter((one) => isOfSix(one) === firstIsOfSix);
  const others = addresses.filter((one) => isOfSix(one) !== firstIsOfSix);
  const result: SubchannelAddress[] = [];
  for (let i = 0; i < Math.max(some.length, others.length); i += 1) {
    result.push(...some.slice(i, i + 1), ...others.slice(i, i + 1));
  }
  return result;
}
