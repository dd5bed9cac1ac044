// What TLS agreed on for a socket, as channelz shows it.
// Invariant: nothing throws; a socket without TLS, or already gone, has no security to show.
// Not here: whom to trust (listener.ts, connector.ts), the certificate a handler sees (peer.ts).

import type { Duplex } from 'node:stream';
import tls from 'node:tls';

/** The security of one socket; certificates are DER. */
export interface SocketSecurity {
  /** As in RFC 8446 or RFC 5246: `TLS_AES_256_GCM_SHA384`. */
  readonly cipherSuite: string;
  /** The certificate of this end; undefined if it showed none. */
  readonly localCertificate: Uint8Array<ArrayBuffer> | undefined;
  /** The certificate of the peer. */
  readonly remoteCertificate: Uint8Array<ArrayBuffer> | undefined;
}

/** Undefined for plain text. */
export function securityOf(socket: Duplex): SocketSecurity | undefined {
  if (!(socket instanceof tls.TLSSocket) || socket.destroyed) return undefined;
  return {
    cipherSuite: socket.getCipher().standardName,
    localCertificate: derOf(socket.getCertificate()),
    remoteCertificate: derOf(socket.getPeerCertificate()),
  };
}

// Node answers null for a socket that is gone and an empty object for a certificate not shown.
function derOf(shown: object | null): Uint8Array<ArrayBuffer> | undefined {
  if (shown === null || !('raw' in shown) || !(shown.raw instanceof Uint8Array)) return undefined;
  return new Uint8Array(shown.raw);
}
