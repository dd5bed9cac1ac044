// TLS settings of a port, as the runtime takes them from credentials.
// Invariant: the newest certificates of the credentials are for new connections; until there are any,
// handshakes fail and the port stays open. Not here: credentials (server-credentials.ts).

import type { SecureContextOptions } from 'node:tls';
import type { ServerTlsOptions } from 'sluice';
import type { ServerCredentials } from './server-credentials.ts';

/** `false` for plain text. @param traced writes what TLS does to stderr */
export function tlsOf(credentials: ServerCredentials, traced: boolean): ServerTlsOptions | false {
  if (!credentials._isSecure()) return false;
  return {
    ...credentials._getConstructorOptions(),
    ...(traced ? { enableTrace: true } : {}),
    // The runtime wants to know where a key comes from, and there may be none yet.
    SNICallback: useDefault,
    certificates: {
      current: () => credentials._getSecureContextOptions() ?? NONE,
      watch: (onChange) => {
        credentials._addWatcher(onChange);
        return () => credentials._removeWatcher(onChange);
      },
    },
  };
}

const NONE: SecureContextOptions = {};

function useDefault(_name: string, done: (error: Error | null) => void): void {
  done(null);
}
