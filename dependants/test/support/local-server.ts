// A server of the drop-in on a free port of 127.0.0.1, for as long as a test lasts.
// Invariant: when the test is over it is shut down with all that is open on it. Not here: its services.

import type { TestContext } from 'node:test';
import { Server, ServerCredentials } from '@grpc/grpc-js';

export interface LocalServer {
  readonly server: Server;
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly address: string;
}

/** @param addServices called before the port is bound */
export async function localServer(
  t: TestContext,
  addServices: (server: Server) => void,
  credentials: ServerCredentials = ServerCredentials.createInsecure(),
): Promise<LocalServer> {
  const server = new Server();
  t.after(() => server.forceShutdown());
  addServices(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { server, port, address: `127.0.0.1:${port}` };
}
