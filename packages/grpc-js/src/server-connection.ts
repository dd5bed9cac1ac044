// A server's connection in the forms that programs know from node:net and node:tls.
// Invariant: a connection that has no address (a unix socket, an injected stream) is "unknown".
// Not here: what of it the runtime knows (`Peer` of sluice).

import type { Peer } from 'sluice';
import type { ConnectionInfo } from './server-interceptors.ts';

/** `address:port`, as node:net writes the address; without brackets. */
export function peerText({ address }: Peer): string {
  if (!address.includes(':')) return 'unknown';
  return address.charCodeAt(0) === BRACKET ? address.replace(/^\[(.*)\]/, '$1') : address;
}

/** Both ends. */
export function connectionInfo(peer: Peer): ConnectionInfo {
  const [remoteAddress, remotePort] = endOf(peer.address);
  const [localAddress, localPort] = endOf(peer.localAddress);
  return { localAddress, localPort, remoteAddress, remotePort };
}

const BRACKET = 0x5b;

function endOf(text: string): [address: string | undefined, port: number | undefined] {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return [undefined, undefined];
  return [text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), Number(text.slice(colon + 1))];
}
