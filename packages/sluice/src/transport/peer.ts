// Who is at the other end of a server's connection: its address, and what TLS proved of it.
// Invariant: one object per connection, shared by its calls; certificates are parsed when asked for.
// Not here: what may be trusted, which the TLS settings decide (listener.ts).

import type { Duplex } from 'node:stream';
import tls from 'node:tls';

/** A certificate as node:tls parses it, with its issuers. */
export type PeerCertificate = tls.DetailedPeerCertificate;

/** The client of a connection, as its handlers see it: `context.peer`. */
export class Peer {
  /** `127.0.0.1:54321`, `[::1]:54321`, or `unix`. */
  readonly address: string;
  /** The connection is TLS. */
  readonly encrypted: boolean;
  /** It showed a certificate that the `ca` of the TLS settings has signed (`requestCert`). */
  readonly authorized: boolean;
  private readonly socket: tls.TLSSocket | undefined;
  private parsed: PeerCertificate | undefined;

  constructor(address: string, socket: Duplex) {
    this.address = address;
    this.socket = socket instanceof tls.TLSSocket ? socket : undefined;
    this.encrypted = this.socket !== undefined;
    this.authorized = this.socket?.authorized ?? false;
    this.parsed = undefined;
  }

  /**
   * The certificate it showed, trusted or not (see `authorized`); undefined if it showed none, or
   * was first asked for after its connection had ended. Servers ask for one with `requestCert`.
   */
  get certificate(): PeerCertificate | undefined {
    if (this.parsed === undefined && this.socket !== undefined) {
      // Without a certificate Node answers an empty object, and null once the socket is gone.
      const shown: Partial<PeerCertificate> | null = this.socket.getPeerCertificate(true);
      if (isCertificate(shown)) this.parsed = shown;
    }
    return this.parsed;
  }

  /** The address. */
  toString(): string {
    return this.address;
  }
}

function isCertificate(shown: Partial<PeerCertificate> | null): shown is PeerCertificate {
  return shown !== null && shown.raw !== undefined;
}
