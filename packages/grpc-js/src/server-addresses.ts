// The addresses that the name of a port stands for: "0.0.0.0:50051", "[::]:0", "unix:/run/shop.sock".
// Source: gRPC naming.md. Invariant: names are understood as those of channels' targets are.
// Not here: listening (server-ports.ts), what resolves them (resolver.ts).

import type { ChannelOptions } from './channel-options.ts';
import { createResolver, mapUriDefaultScheme } from './resolver.ts';
import type { SubchannelAddress } from './subchannel-address.ts';
import { type GrpcUri, parseUri, splitHostPort, uriToString } from './uri-parser.ts';

/** A server has no service config to look for. */
const OPTIONS: ChannelOptions = { 'grpc.service_config_disable_resolution': 1 };

/** @throws Error that names the port */
export function parsePort(port: string): GrpcUri {
  const uri = parseUri(port);
  if (uri === null) throw new Error(`Could not parse port "${port}"`);
  const mapped = mapUriDefaultScheme(uri);
  if (mapped === null) throw new Error(`Could not get a default scheme for port "${port}"`);
  return mapped;
}

/** The port's number; undefined of what has none. */
export function portNumberOf(uri: GrpcUri): number | undefined {
  return uri.scheme === 'unix' ? undefined : splitHostPort(uri.path)?.port;
}

/** All addresses, in the order of the resolver. Rejects with an Error that says what it cannot resolve. */
export function addressesOf(uri: GrpcUri): Promise<SubchannelAddress[]> {
  return new Promise((resolve, reject) => {
    const resolver = createResolver(
      uri,
      (endpoints) => {
        resolver.destroy();
        if (!endpoints.ok) {
          reject(new Error(endpoints.error.details));
          return true;
        }
        const addresses = endpoints.value.flatMap((endpoint) => endpoint.addresses);
        if (addresses.length > 0) resolve(addresses);
        else reject(new Error(`No addresses resolved for port ${uriToString(uri)}`));
        return true;
      },
      OPTIONS,
    );
    resolver.updateResolution();
  });
}
