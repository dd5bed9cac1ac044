// The resolvers of targets that say their addresses themselves: `ipv4:`, `ipv6:`, `static:`, `unix:`
// and `unix-abstract:`.
// Invariants: the addresses are reported once, from inside the first `resolve()`, and never change,
// so that asking again is answered by silence; order is the target's. gRPC naming.md.
// Not here: names that have to be looked up (dns.ts). Names in `static:` lists are looked up by
// node:net while it connects.

import { ipFamily } from '../../transport/ip-address.ts';
import { type HostPort, hostPortText, parseHostPort, targetNotUnderstood } from '../host-port.ts';
import type {
  BackendAddress,
  Resolver,
  ResolverFactory,
  ResolverListener,
  TargetUri,
} from '../resolver.ts';

/** Reports addresses that do not change. */
export class FixedResolver implements Resolver {
  private readonly addresses: readonly BackendAddress[];
  private readonly listener: ResolverListener;
  private done: boolean;

  constructor(addresses: readonly BackendAddress[], listener: ResolverListener) {
    this.addresses = addresses;
    this.listener = listener;
    this.done = false;
  }

  resolve(): void {
    if (this.done) return;
    this.done = true;
    this.listener.onResolution({ addresses: this.addresses });
  }

  close(): void {
    this.done = true;
  }
}

/** What a target says; throws the TypeError of targets that are not understood. */
type ReadTarget = (target: TargetUri) => {
  readonly authority: string;
  readonly addresses: readonly BackendAddress[];
};

function fixedFactory(scheme: string, read: ReadTarget): ResolverFactory {
  return {
    scheme,
    authority: (target) => read(target).authority,
    create: (target, listener) => new FixedResolver(read(target).addresses, listener),
  };
}

// `scheme:a:port,b:port` and, as grpc-go writes it, `scheme:///a:port,b:port`.
function listReader(read: (item: string) => HostPort | undefined): ReadTarget {
  return (target) => {
    const { authority, path, text } = target;
    const items = path.split(',').map((item) => read(item.trim()));
    const known = items.filter((item) => item !== undefined);
    const [first] = known;
    if (authority !== '' || first === undefined || known.length < items.length) {
      throw targetNotUnderstood(text);
    }
    return {
      authority: hostPortText(first),
      addresses: known.map(({ host, port }) => ({ endpoint: { kind: 'tcp', host, port } })),
    };
  };
}

function ofFamily(family: 4 | 6): (item: string) => HostPort | undefined {
  return (item) => {
    // `ipv6:` lists may give an address without port and brackets.
    const parsed = parseHostPort(ipFamily(item) === 6 ? `[${item}]` : item);
    return parsed !== undefined && ipFamily(parsed.host) === family ? parsed : undefined;
  };
}

function readUnix(target: TargetUri): ReturnType<ReadTarget> {
  const { authority, path, text } = target;
  // The form with slashes takes absolute paths only: `unix://a/b` is a mistake for `unix:///a/b`.
  const slashed = text.slice(target.scheme.length + 1).startsWith('//');
  if (authority !== '' || path === '' || path.includes('\0')) throw targetNotUnderstood(text);
  const socket = slashed ? `/${path}` : path;
  return {
    authority: 'localhost',
    addresses: [{ endpoint: { kind: 'unix', path: socket } }],
  };
}

function readAbstract({ authority, path, text }: TargetUri): ReturnType<ReadTarget> {
  if (authority !== '' || path === '' || path.includes('\0')) throw targetNotUnderstood(text);
  // Names in Linux's abstract namespace begin with a NUL, unix(7).
  return {
    authority: 'localhost',
    addresses: [{ endpoint: { kind: 'unix', path: `\0${path}` } }],
  };
}

/** `ipv4:address[:port],...` */
export const ipv4Resolver: ResolverFactory = fixedFactory('ipv4', listReader(ofFamily(4)));
/** `ipv6:[address]:port,...`, brackets only where there is a port. */
export const ipv6Resolver: ResolverFactory = fixedFactory('ipv6', listReader(ofFamily(6)));
/** `static:host:port,...`; hosts are names or addresses. */
export const staticResolver: ResolverFactory = fixedFactory(
  'static',
  listReader((item) => parseHostPort(item)),
);
/** `unix:path` and `unix:///absolute/path`. */
export const unixResolver: ResolverFactory = fixedFactory('unix', readUnix);
/** `unix-abstract:name`, Linux only. */
export const unixAbstractResolver: ResolverFactory = fixedFactory('unix-abstract', readAbstract);
