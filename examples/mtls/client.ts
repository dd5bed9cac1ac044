// The client of the mutual TLS example: it shows a certificate, and trusts one authority.

import tls from 'node:tls';
import { type Channel, certificateFiles, connect } from 'sluice';
import type { Holder } from './certificates.ts';

/**
 * A channel with a connection of its own.
 * @param ca path of the authority's certificate
 * @param holder whose certificate is shown; none without one
 * @param onServer hears the name in the server's certificate, with each connection
 */
export function secureChannel(
  target: string,
  ca: string,
  holder: Holder | undefined,
  onServer: (name: string) => void,
): Channel {
  return connect(target, {
    shareConnections: false,
    tls: {
      // Read again for each connection that is made.
      certificates: certificateFiles({ key: holder?.key, cert: holder?.cert, ca }),
      // Called once the certificate is known to come from the authority.
      checkServerIdentity(host, certificate) {
        onServer(String(certificate.subject.CN));
        return tls.checkServerIdentity(host, certificate);
      },
    },
  });
}
