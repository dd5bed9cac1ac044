// Runs the hello example: a server on a free port, and a client that calls it.
// Client and server share nothing but the address; put them in two programs and they are the same.

import { greet } from './client.ts';
import { helloServer } from './server.ts';

async function main(): Promise<void> {
  const server = helloServer();
  const { port } = await server.listen({ host: '127.0.0.1' });
  await greet(`127.0.0.1:${port}`);
  await server.drain();
}

void main();
