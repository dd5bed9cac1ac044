// The resolver of `unix:` targets for programs: `unix:path` and `unix:///absolute/path`.
// Invariant: the result is reported once, and never from inside a call. gRPC naming.md.
// Not here: that of channels, which is Sluice's.

import { statusOrFromValue } from './call-interface.ts';
import type { ChannelOptions } from './channel-options.ts';
import type { Resolver, ResolverListener } from './resolver.ts';
import { FixedResolver } from './resolver-ip.ts';
import type { GrpcUri } from './uri-parser.ts';

export class UdsResolver implements Resolver {
  private readonly fixed: FixedResolver;

  constructor(target: GrpcUri, listener: ResolverListener, _channelOptions: ChannelOptions) {
    // `unix:///a/b`: behind an empty authority the path is absolute.
    const path = target.authority === '' ? `/${target.path}` : target.path;
    this.fixed = new FixedResolver(statusOrFromValue([{ addresses: [{ path }] }]), listener);
  }

  updateResolution(): void {
    this.fixed.updateResolution();
  }

  destroy(): void {
    this.fixed.destroy();
  }

  static getDefaultAuthority(_target: GrpcUri): string {
    return 'localhost';
  }
}

/** The registry knows it from the beginning. */
export function setup(): void {}
