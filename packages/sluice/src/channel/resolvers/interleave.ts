// The order in which addresses of two families are tried: alternating, so that one family that
// leads nowhere costs one attempt and not all of them.
// Invariant: within a family the order stays; the family of the first address stays first.
// RFC 8305 §4. Not here: the delays between attempts (balancers/pick-first).

import { ipFamily } from '../../transport/ip-address.ts';

/** Addresses without repetition, families alternating. */
export function interleaveFamilies(addresses: readonly string[]): string[] {
  return alternating([...new Set(addresses)], ipFamily);
}

/** `items` with those of the first one's family and the others in turn. */
export function alternating<T>(items: readonly T[], familyOf: (item: T) => number): T[] {
  const [first] = items;
  if (first === undefined) return [];
  const family = familyOf(first);
  const leading = items.filter((item) => familyOf(item) === family);
  const others = items.filter((item) => familyOf(item) !== family);
  const order: T[] = [];
  for (let i = 0; i < Math.max(leading.length, others.length); i += 1) {
    order.push(...leading.slice(i, i + 1), ...others.slice(i, i + 1));
  }
  return order;
}
