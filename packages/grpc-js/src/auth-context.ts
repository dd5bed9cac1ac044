// What is known of the peer's identity.
// Source: gRFC L110. Not here: where it is read off the connection (call.ts, server-call.ts).

import type { PeerCertificate } from 'node:tls';

export interface AuthContext {
  /** "ssl" for TLS; missing for plain connections. */
  transportSecurityType?: string;
  sslPeerCertificate?: PeerCertificate;
}
