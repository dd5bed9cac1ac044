// The resolvers that every program has, by scheme.
// Invariant: a table and nothing else, so that nothing depends on a module being imported for its
// effects. gRPC naming.md. Not here: those that programs register (resolver.ts).

import type { ResolverFactory } from '../resolver.ts';
import { dnsResolver } from './dns.ts';
import {
  ipv4Resolver,
  ipv6Resolver,
  staticResolver,
  unixAbstractResolver,
  unixResolver,
} from './fixed.ts';

const builtin: readonly ResolverFactory[] = [
  dnsResolver,
  ipv4Resolver,
  ipv6Resolver,
  staticResolver,
  unixResolver,
  unixAbstractResolver,
];

/** The factory of a built-in scheme, or undefined. */
export function builtinResolver(scheme: string): ResolverFactory | undefined {
  return builtin.find((factory) => factory.scheme === scheme);
}
