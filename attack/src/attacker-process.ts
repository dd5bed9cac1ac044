// The attacker, in a process of its own: a hostile client, or a hostile server that listens.
// Invariant: everything it does is on loopback, and ends with the attack or with its parent.

import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { createServer as createTlsServer } from 'node:tls';
import { type AttackName, attackOf, type Hostility, hostilityOf } from './attack.ts';
import { serveParent } from './parent-link.ts';
import type { Figures } from './report.ts';
import { type Address, endOpenSockets, RawPeer } from './wire/raw-peer.ts';

export type AttackerCommand =
  | { readonly ask: 'attack'; readonly what: AttackName; readonly address: Address }
  | { readonly ask: 'listen'; readonly what: AttackName; readonly tls: TlsFiles | undefined }
  | { readonly ask: 'release' }
  | { readonly ask: 'seen' };

const ATTACKER_NICE = 10;

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

// It shares the cores of those it attacks, which a real one does not: what is measured is the server,
// not who of all these the scheduler lets run.
setPriority(ATTACKER_NICE);

let seen: Figures = {};

function listen(hostility: Hostility, tls: TlsFiles | undefined): Promise<number> {
  const accept = (socket: Socket): void => {
    seen.connections = Number(seen.connections ?? 0) + 1;
    const peer = new RawPeer(socket, { server: true, greets: false });
    hostility(peer, seen).catch((error: unknown) => {
      seen.fault = String(error);
    });
  };
  const server =
    tls === undefined
      ? createTcpServer({ noDelay: true }, accept)
      : createTlsServer(
          {
            cert: readFileSync(tls.certificate),
            key: readFileSync(tls.key),
            ALPNProtocols: ['h2'],
          },
          accept,
        );
  server.on('tlsClientError', () => {});
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

serveParent<AttackerCommand>(async (command) => {
  switch (command.ask) {
    case 'attack':
      return (await attackOf(command.what))(command.address);
    case 'listen':
      seen = {};
      return { port: await listen(await hostilityOf(command.what), command.tls) };
    case 'release':
      endOpenSockets();
      return null;
    case 'seen':
      return seen;
    default:
      return command satisfies never;
  }
});
