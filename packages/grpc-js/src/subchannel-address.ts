// Addresses of backends, endpoints that have several of them, and a map by endpoint.
// Invariant: two endpoints are one key of the map if they have the same addresses in any order.
// Source: gRFC A61 (endpoints). Not here: what connects to an address.

import { isIP } from 'node:net';
import { combineHostPort } from './uri-parser.ts';

export interface TcpSubchannelAddress {
  port: number;
  host: string;
}

export interface IpcSubchannelAddress {
  path: string;
}

export type SubchannelAddress = TcpSubchannelAddress | IpcSubchannelAddress;

export interface Endpoint {
  addresses: SubchannelAddress[];
}

const DEFAULT_PORT = 443;

export function isTcpSubchannelAddress(
  address: SubchannelAddress,
): address is TcpSubchannelAddress {
  return 'port' in address;
}

/** Two that are both missing are equal. */
export function subchannelAddressEqual(
  address1?: SubchannelAddress,
  address2?: SubchannelAddress,
): boolean {
  if (!address1 || !address2) return !address1 && !address2;
  if (isTcpSubchannelAddress(address1)) {
    return (
      isTcpSubchannelAddress(address2) &&
      address1.host === address2.host &&
      address1.port === address2.port
    );
  }
  return !isTcpSubchannelAddress(address2) && address1.path === address2.path;
}

/** "host:port", "[v6]:port" or the path of a socket. */
export function subchannelAddressToString(address: SubchannelAddress): string {
  return isTcpSubchannelAddress(address) ? combineHostPort(address) : address.path;
}

/** An IP address, at `port` (default 443), or else the path of a socket. */
export function stringToSubchannelAddress(addressString: string, port?: number): SubchannelAddress {
  if (isIP(addressString) !== 0) return { host: addressString, port: port ?? DEFAULT_PORT };
  return { path: addressString };
}

/** Whether two endpoints have the same addresses in the same order. */
export function endpointEqual(endpoint1: Endpoint, endpoint2: Endpoint): boolean {
  if (endpoint1.addresses.length !== endpoint2.addresses.length) return false;
  return endpoint1.addresses.every((address, at) =>
    subchannelAddressEqual(address, endpoint2.addresses[at]),
  );
}

export function endpointToString(endpoint: Endpoint): string {
  return `[${endpoint.addresses.map(subchannelAddressToString).join(', ')}]`;
}

export function endpointHasAddress(
  endpoint: Endpoint,
  expectedAddress: SubchannelAddress,
): boolean {
  return endpoint.addresses.some((address) => subchannelAddressEqual(address, expectedAddress));
}

interface Entry<ValueType> {
  readonly key: Endpoint;
  value: ValueType;
}

/** Values by endpoint. */
export class EndpointMap<ValueType> {
  private map: Map<string, Entry<ValueType>> = new Map();

  get size(): number {
    return this.map.size;
  }

  /** The value of the first endpoint that has an address. */
  getForSubchannelAddress(address: SubchannelAddress): ValueType | undefined {
    for (const entry of this.map.values()) {
      if (endpointHasAddress(entry.key, address)) return entry.value;
    }
    return undefined;
  }

  /** Deletes what is not in `endpoints`; returns the values that went. */
  deleteMissing(endpoints: Endpoint[]): ValueType[] {
    const kept = new Set(endpoints.map(nameOf));
    const gone: ValueType[] = [];
    for (const [name, entry] of this.map) {
      if (kept.has(name)) continue;
      gone.push(entry.value);
      this.map.delete(name);
    }
    return gone;
  }

  get(endpoint: Endpoint): ValueType | undefined {
    return this.map.get(nameOf(endpoint))?.value;
  }

  set(endpoint: Endpoint, mapEntry: ValueType): void {
    const name = nameOf(endpoint);
    const entry = this.map.get(name);
    if (entry === undefined) this.map.set(name, { key: endpoint, value: mapEntry });
    else entry.value = mapEntry;
  }

  delete(endpoint: Endpoint): void {
    this.map.delete(nameOf(endpoint));
  }

  has(endpoint: Endpoint): boolean {
    return this.map.has(nameOf(endpoint));
  }

  clear(): void {
    this.map.clear();
  }

  *keys(): IterableIterator<Endpoint> {
    for (const entry of this.map.values()) yield entry.key;
  }

  *values(): IterableIterator<ValueType> {
    for (const entry of this.map.values()) yield entry.value;
  }

  *entries(): IterableIterator<[Endpoint, ValueType]> {
    for (const entry of this.map.values()) yield [entry.key, entry.value];
  }
}

// JSON tells a list of addresses from one address with commas in it.
function nameOf(endpoint: Endpoint): string {
  return JSON.stringify(endpoint.addresses.map(subchannelAddressToString).sort());
}
