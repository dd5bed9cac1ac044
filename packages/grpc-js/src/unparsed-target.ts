// Targets that the runtime below does not take: those it writes otherwise, and those that nobody
// understands. A channel to one of the latter can be made, and its calls fail, as in 1.14.7.
// Not here: targets that are understood (Sluice's resolvers).

import { isIPv6 } from 'node:net';
import {
  registerResolver,
  Channel as SluiceChannel,
  type ChannelOptions as SluiceChannelOptions,
} from 'sluice';
import { type GrpcUri, splitHostPort, uriToString } from './uri-parser.ts';

const SCHEME = 'grpc-js-unparsed';

let isRegistered = false;

/** @throws what Sluice throws for its options */
export function channelTo(uri: GrpcUri, options: SluiceChannelOptions): SluiceChannel {
  const target = uriToString(asWritten(uri));
  try {
    return new SluiceChannel(target, options);
  } catch (error) {
    if (!(error instanceof TypeError) || !error.message.startsWith('target ')) throw error;
    register();
    return new SluiceChannel(`${SCHEME}:${uriToString(uri)}`, options);
  }
}

// An IPv6 address alone has no port; Sluice wants to see that in brackets. Names without a file begin
// with a NUL here, and have a scheme of their own there.
function asWritten(uri: GrpcUri): GrpcUri {
  if (uri.scheme === 'unix' && uri.path.startsWith('\0')) {
    return { scheme: 'unix-abstract', path: uri.path.slice(1) };
  }
  return uri.scheme === 'dns' && isIPv6(uri.path) ? { ...uri, path: `[${uri.path}]` } : uri;
}

function register(): void {
  if (isRegistered) return;
  isRegistered = true;
  registerResolver({
    scheme: SCHEME,
    authority: () => 'localhost',
    create({ path }, listener) {
      const details = failureOf(path);
      return {
        resolve: () => listener.onError(details),
        close() {},
      };
    },
  });
}

function failureOf(target: string): string {
  const match = /^(ipv[46]):(?:\/\/[^/]*\/)?(.*)$/s.exec(target);
  if (match === null) {
    // A name in some other form is looked up there, and not found.
    const isName = splitHostPort(target.replace(/^dns:/, '')) !== null;
    return isName
      ? `Name resolution failed for target ${target}`
      : `Failed to parse DNS address ${target}`;
  }
  return `Failed to parse ${match[1]} address ${match[2]}`;
}
