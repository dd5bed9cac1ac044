// The client of the mutual TLS example: it shows a certificate, and trusts one authority.

import { type Channel, certificateFiles, connect } from 'sluice';
import type { Holder } from './certificates.ts';

/**
 * A channel with a connection of its own.
 * @param ca path of the authority's certificate
 * @param holder whose certificate is shown; none without one
 */
export function secureChannel(target: string, ca: string, holder: Holder | undefined): Channel {
  return connect(target, {
    shareConnections: false,
    tls: {
      // Read again for each connection that is made.
      certificates: certificateFiles({ key: holder?.key, cert: holder?.cert, ca }),
    },
  });
}
