// Who is at the other end of a connection: its address, and what TLS proved of it.
// Invariants: one object per connection, shared by its calls; certificates are parsed when asked
// for; a name is given out only if an authority that is trusted vouches for it.
// Not here: what may be trusted, which the TLS settings decide (listener.ts).

import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { certificateNames } from './certificate-names.ts';

const NO_NAMES: readonly string[] = Object.freeze([]);

/** A certificate as node:tls parses it, with its issuers. */
export type PeerCertificate = tls.DetailedPeerCertificate;

/**
 * The other end of a connection: the client, as a handler sees it (`context.peer`), or the server
 * that a call has reached (`onPeer`).
 */
export class Peer {
  /**
   * `127.0.0.1:54321`, `[::1]:54321`, or `unix`. Behind a proxy it is the proxy's.
   */
  readonly address: string;
  /** This end of the connection, in the same form; `''` of what is no socket. */
  readonly localAddress: string;
  /** The connection is TLS. */
  readonly encrypted: boolean;
  /**
   * It showed a certificate that the `ca` of the TLS settings has signed. Servers ask for one with
   * `requestCert`; of a server its name was checked as well.
   */
  readonly authorized: boolean;
  private readonly socket: tls.TLSSocket | undefined;
  private parsed: PeerCertificate | undefined;
  private named: readonly string[] | undefined;

  constructor(address: string, socket: Duplex, localAddress = '') {
    this.address = address;
    this.localAddress = localAddress;
    this.socket = socket instanceof tls.TLSSocket ? socket : undefined;
    this.encrypted = this.socket !== undefined;
    this.authorized = this.socket?.authorized ?? false;
    this.parsed = undefined;
    this.named = undefined;
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

  /**
   * Who it is, in the words of its certificate: DNS names, URIs (SPIFFE), email and IP addresses, in
   * the order of its subject alternative names, then its common name. Empty unless `authorized`:
   * what a certificate that nobody trusts says is not who its holder is. RFC 5280 §4.2.1.6.
   */
  get names(): readonly string[] {
    if (this.named === undefined) {
      if (!this.authorized) return NO_NAMES;
      const { certificate } = this;
      // Gone with the connection, if nobody asked before.
      if (certificate === undefined) return NO_NAMES;
      this.named = Object.freeze(certificateNames(certificate));
    }
    return this.named;
  }

  /** The address. */
  toString(): string {
    return this.address;
  }
}

function isCertificate(shown: Partial<PeerCertificate> | null): shown is PeerCertificate {
  return shown !== null && shown.raw !== undefined;
}
