// Backends between Sluice, where each address is one, and programs, where an endpoint may have several
// addresses that lead to the same backend.
// Invariant: an endpoint that went to Sluice comes back as the same object, with all its addresses.
// Not here: what addresses are (subchannel-address.ts).

import type { BackendAddress } from 'sluice';
import {
  type Endpoint,
  isTcpSubchannelAddress,
  type SubchannelAddress,
} from './subchannel-address.ts';

/** Where a backend's attributes keep the endpoint that it came from. */
const KEY = 'grpc-js.endpoint';

export function backendOf(address: SubchannelAddress, endpoint?: Endpoint): BackendAddress {
  return {
    endpoint: isTcpSubchannelAddress(address)
      ? { kind: 'tcp', host: address.host, port: address.port }
      : { kind: 'unix', path: address.path },
    ...(endpoint === undefined ? {} : { attributes: { [KEY]: endpoint } }),
  };
}

export function addressOf({ endpoint }: BackendAddress): SubchannelAddress {
  return endpoint.kind === 'tcp'
    ? { host: endpoint.host, port: endpoint.port }
    : { path: endpoint.path };
}

export function backendsOf(endpoints: readonly Endpoint[]): BackendAddress[] {
  return endpoints.flatMap((endpoint) =>
    endpoint.addresses.map((address) => backendOf(address, endpoint)),
  );
}

/** Those of one endpoint become that endpoint again; any other address is one by itself. */
export function endpointsOf(backends: readonly BackendAddress[]): Endpoint[] {
  const endpoints = new Set<Endpoint>();
  for (const backend of backends) {
    // Nobody else uses the key.
    const known = backend.attributes?.[KEY] as Endpoint | undefined;
    endpoints.add(known ?? { addresses: [addressOf(backend)] });
  }
  return [...endpoints];
}
