// A channel's target, with the scheme that it has where it names none.
// Not here: what is behind a scheme (resolver.ts), the form of a URI (uri-parser.ts).

import { mapUriDefaultScheme } from './resolver.ts';
import { type GrpcUri, parseUri } from './uri-parser.ts';

/** @throws Error for what is no URI, and where no resolver has its scheme */
export function parseTarget(target: string): GrpcUri {
  const parsed = parseUri(target);
  if (parsed === null) throw new Error(`Could not parse target name "${target}"`);
  const mapped = mapUriDefaultScheme(parsed);
  if (mapped === null) {
    throw new Error(`Could not find a default scheme for target name "${target}"`);
  }
  return mapped;
}
