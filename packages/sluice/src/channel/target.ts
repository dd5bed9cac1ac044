// A channel's target string taken apart: which resolver it is for, and what that resolver is told.
// Invariant: every string has one reading; whether it makes sense is for its resolver to say, in
// `ResolverFactory.authority`. gRPC naming.md "Name Syntax", RFC 3986 §3.
// Not here: what is behind a scheme (resolvers/).

import { targetNotUnderstood } from './host-port.ts';
import { resolverFactory, type TargetUri } from './resolver.ts';

/**
 * Takes a target apart: `scheme:path` or `scheme://authority/path` where the scheme is a registered
 * one, in any case of letters. Anything else is a name for `dns`: "localhost:50051" has no scheme,
 * though RFC 3986 would see one.
 * @throws TypeError when it is no string or is empty
 */
export function parseTargetUri(target: string): TargetUri {
  if (typeof target !== 'string' || target === '') throw targetNotUnderstood(target);
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):(?:\/\/([^/]*)(?:\/(.*))?|(.*))$/s.exec(target);
  const scheme = match?.[1]?.toLowerCase();
  if (match === null || scheme === undefined || resolverFactory(scheme) === undefined) {
    return { scheme: 'dns', authority: '', path: target, text: target };
  }
  return { scheme, authority: match[2] ?? '', path: match[3] ?? match[4] ?? '', text: target };
}
