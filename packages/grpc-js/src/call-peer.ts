// Who answers a call, in the forms that programs of this package ask for.
// Not here: the connection (Sluice's peer).

import type { Peer } from 'sluice';
import type { AuthContext } from './auth-context.ts';

/** Before the path of a target; the slashes of a path that begins with one are its own. */
const UNIX_SCHEME = /^unix:(?:\/\/[^/]*(?=\/))?/;

/** Address and port, or a path; before the call was sent, its target. */
export function peerNameOf(peer: Peer | undefined, target: string): string {
  if (peer === undefined) return target;
  // A socket does not know the path that it is connected to.
  return peer.address === 'unix' ? target.replace(UNIX_SCHEME, '') : peer.address;
}

/** Null before the call was sent; without fields over a plain connection. */
export function authContextOf(peer: Peer | undefined): AuthContext | null {
  if (peer === undefined) return null;
  if (!peer.encrypted) return {};
  const { certificate } = peer;
  return certificate === undefined
    ? { transportSecurityType: 'ssl' }
    : { transportSecurityType: 'ssl', sslPeerCertificate: certificate };
}
