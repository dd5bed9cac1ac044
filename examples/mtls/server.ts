// The server of the mutual TLS example: it serves nobody without a certificate of its authority,
// and knows its callers by the first name in theirs.

import { certificateFiles, createServer, type Server } from 'sluice';
import type { Holder } from './certificates.ts';
import { AccountService } from './gen/account_pb.ts';

/**
 * A server that is not listening yet.
 * @param ca path of the authority's certificate
 */
export function accountServer(holder: Holder, ca: string): Server {
  return createServer({
    tls: {
      // Looked at four times a second: what is replaced on disk needs no restart.
      certificates: certificateFiles({ key: holder.key, cert: holder.cert, ca }),
      requestCert: true,
      rejectUnauthorized: true,
    },
  }).add(AccountService, {
    whoAmI: (_, { peer }) => ({ name: peer.names[0] ?? '' }),
  });
}
