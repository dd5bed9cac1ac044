// The resolvers of `ipv4:` and `ipv6:` targets for programs: addresses that the target itself says.
// Invariant: the result is reported once, and never from inside a call. gRPC naming.md.
// Not here: those of channels, which are Sluice's.

import { isIPv4, isIPv6 } from 'node:net';
import { type StatusOr, statusOrFromError, statusOrFromValue } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import { Status } from './constants.ts';
import { Metadata } from './metadata.ts';
import type { Resolver, ResolverListener } from './resolver.ts';
import type { Endpoint } from './subchannel-address.ts';
import { type GrpcUri, splitHostPort } from './uri-parser.ts';

/** Where the target names none. */
const DEFAULT_PORT = 443;

/** Reports a result that does not change. */
export class FixedResolver implements Resolver {
  private readonly listener: ResolverListener;
  private readonly result: StatusOr<Endpoint[]>;
  private hasReturnedResult: boolean;

  constructor(result: StatusOr<Endpoint[]>, listener: ResolverListener) {
    this.listener = listener;
    this.result = result;
    this.hasReturnedResult = false;
  }

  updateResolution(): void {
    if (this.hasReturnedResult) return;
    this.hasReturnedResult = true;
    process.nextTick(() => {
      if (this.hasReturnedResult) this.listener(this.result, {}, null, '');
    });
  }

  destroy(): void {
    this.hasReturnedResult = false;
  }
}

function addressesOf(target: GrpcUri, isAddress: (host: string) => boolean): StatusOr<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for (const item of target.path.split(',')) {
    const hostPort = splitHostPort(item);
    if (hostPort === null || !isAddress(hostPort.host)) {
      return failure(`Failed to parse ${target.scheme} address ${item}`);
    }
    const { host, port } = hostPort;
    endpoints.push({ addresses: [{ host, port: port ?? DEFAULT_PORT }] });
  }
  return statusOrFromValue(endpoints);
}

function failure(details: string): StatusOr<Endpoint[]> {
  return statusOrFromError({ code: Status.UNAVAILABLE, details, metadata: new Metadata() });
}

export class Ipv4Resolver implements Resolver {
  private readonly fixed: FixedResolver;

  constructor(target: GrpcUri, listener: ResolverListener, _channelOptions: ChannelOptions) {
    this.fixed = new FixedResolver(addressesOf(target, isIPv4), listener);
  }

  updateResolution(): void {
    this.fixed.updateResolution();
  }

  destroy(): void {
    this.fixed.destroy();
  }

  static getDefaultAuthority(target: GrpcUri): string {
    return target.path.split(',')[0] ?? '';
  }
}

export class Ipv6Resolver implements Resolver {
  private readonly fixed: FixedResolver;

  constructor(target: GrpcUri, listener: ResolverListener, _channelOptions: ChannelOptions) {
    this.fixed = new FixedResolver(addressesOf(target, isIPv6), listener);
  }

  updateResolution(): void {
    this.fixed.updateResolution();
  }

  destroy(): void {
    this.fixed.destroy();
  }

  static getDefaultAuthority(target: GrpcUri): string {
    return target.path.split(',')[0] ?? '';
  }
}

/** The registry knows them from the beginning. */
export function setup(): void {}
