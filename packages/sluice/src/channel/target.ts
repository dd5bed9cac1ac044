// A channel's target string taken apart: which resolver it is for, and what that resolver is told.
// Invariant: every string has one reading; whether it makes sense is for its resolver to say, in
// `ResolverFactory.authority`. gRPC naming.md "Name Syntax", RFC 3986 §3.
// Not here: what is behind a scheme (resolvers/).

import { parseHostPort, targetNotUnderstood } from './host-port.ts';
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

/**
 * The target as text: a list of addresses becomes a `static:` one.
 * @throws TypeError for an empty list, and for an entry that is no address
 */
export function targetText(target: string | readonly string[]): string {
  if (!isList(target)) return target;
  if (target.length === 0) throw new TypeError('the list of targets is empty; give an address');
  target.forEach((entry: unknown, index) => {
    if (typeof entry === 'string' && parseHostPort(entry) !== undefined) return;
    throw new TypeError(
      `target[${index}] is ${JSON.stringify(entry)}; in a list use "host:port" or "[v6]:port"`,
    );
  });
  return `static:${target.join(',')}`;
}

// `Array.isArray` does not tell a readonly array from a string.
function isList(target: string | readonly string[]): target is readonly string[] {
  return Array.isArray(target);
}
