// Whether a server's certificate is of the one that was asked for, where that is an IPv6 address:
// Node 22.23 takes those for host names that no certificate has.
// Invariant: whoever passes here passes OpenSSL's check of the address; the error is Node's own.

import { X509Certificate } from 'node:crypto';
import tls from 'node:tls';

/** For `checkServerIdentity` of `tls.connect`. */
export function checkAddress(address: string, certificate: tls.PeerCertificate): Error | undefined {
  const wrong = tls.checkServerIdentity(address, certificate);
  if (wrong === undefined) return undefined;
  return new X509Certificate(certificate.raw).checkIP(address) === undefined ? wrong : undefined;
}
