// How channel credentials make a socket secure for whoever asks them to: a program of its own, or
// another copy of this package. The channels of this package do not come here.
// Invariant: a socket comes back only when TLS is done and the peer speaks HTTP/2.
// Not here: the settings (channel-credentials.ts).

import type { Socket } from 'node:net';
import * as tls from 'node:tls';
import { CallCredentials } from './call-credentials.ts';
import type { SecureConnector, SecureConnectResult } from './channel-credentials.ts';

/** A connector that leaves sockets as they are. */
export function plainConnector(callCredentials: CallCredentials | undefined): SecureConnector {
  return connectorOf(callCredentials, (socket) => Promise.resolve({ socket, secure: false }));
}

/** A connector that speaks TLS; `settings` is asked for each socket. */
export function tlsConnector(
  settings: () => tls.ConnectionOptions | Promise<tls.ConnectionOptions>,
  callCredentials: CallCredentials | undefined,
): SecureConnector {
  return connectorOf(callCredentials, async (socket) => handshake(socket, await settings()));
}

function connectorOf(
  callCredentials: CallCredentials | undefined,
  connect: (socket: Socket) => Promise<SecureConnectResult>,
): SecureConnector {
  return {
    connect,
    waitForReady: () => Promise.resolve(),
    getCallCredentials: () => callCredentials ?? CallCredentials.createEmpty(),
    destroy: () => {},
  };
}

function handshake(socket: Socket, settings: tls.ConnectionOptions): Promise<SecureConnectResult> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({ ...settings, socket, ALPNProtocols: ['h2'] });
    secured.once('error', reject);
    secured.once('close', () =>
      reject(new Error('the connection closed during the TLS handshake')),
    );
    secured.once('secureConnect', () => {
      if (secured.alpnProtocol === 'h2') {
        secured.off('error', reject);
        resolve({ socket: secured, secure: true });
        return;
      }
      secured.destroy();
      const chosen = String(secured.alpnProtocol);
      reject(new Error(`the server chose ${chosen} by ALPN instead of h2; is it a gRPC server?`));
    });
  });
}
