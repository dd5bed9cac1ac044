// Runs the mutual TLS example: server and client show each other certificates of one authority; both
// are replaced on disk while calls are made, and strangers are turned away.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type Peer, StatusError } from 'sluice';
import { type Holder, issue, makeAuthority, makeHolder } from './certificates.ts';
import { secureChannel } from './client.ts';
import { AccountService } from './gen/account_pb.ts';
import { accountServer } from './server.ts';

/** Connects anew, makes one call, and says who met whom: the server's name and the client's. */
async function meet(target: string, ca: string, holder?: Holder): Promise<[string, string]> {
  let server = '';
  const onPeer = (peer: Peer): void => {
    server = peer.names[0] ?? '';
  };
  const channel = secureChannel(target, ca, holder);
  try {
    const accounts = createClient(AccountService, channel, { timeoutMs: 5_000 });
    const { name } = await accounts.whoAmI({}, { onPeer });
    return [server, name];
  } finally {
    await channel.close();
  }
}

/** Calls on one connection until it is stopped. */
function callAllTheWhile(target: string, ca: string, holder: Holder) {
  // One for each connection.
  const peers = new Set<Peer>();
  let stopped = false;
  const channel = secureChannel(target, ca, holder);
  async function callOn(): Promise<number> {
    const onPeer = (peer: Peer): unknown => peers.add(peer);
    const accounts = createClient(AccountService, channel, { timeoutMs: 5_000, onPeer });
    let calls = 0;
    for (; !stopped; calls += 1) await accounts.whoAmI({});
    await channel.close();
    return calls;
  }
  const calling = callOn();
  return async (): Promise<string> => {
    stopped = true;
    return `${await calling} calls on ${peers.size} connection, none failed`;
  };
}

async function refusalOf(meeting: Promise<unknown>): Promise<string> {
  try {
    await meeting;
    return 'let in';
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return error.message;
  }
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'mtls-'));
  const authority = makeAuthority(join(folder, 'ca'), 'Example CA');
  const ca = authority.certificate;
  const ours = makeHolder(join(folder, 'server'));
  issue(authority, ours, 'accounts-1');
  const theirs = makeHolder(join(folder, 'client'));
  issue(authority, theirs, 'billing-1');

  const accounts = accountServer(ours, ca);
  const { port } = await accounts.listen({ host: '127.0.0.1' });
  const target = `127.0.0.1:${port}`;
  const stop = callAllTheWhile(target, ca, theirs);

  let [server, client] = await meet(target, ca, theirs);
  console.log(`${client} called ${server}`);

  issue(authority, ours, 'accounts-2');
  issue(authority, theirs, 'billing-2');
  console.log('both certificates were replaced');
  // The client has its new one with the next connection, the server looks every 250 ms.
  while (server === 'accounts-1') [server, client] = await meet(target, ca, theirs);
  console.log(`${client} called ${server}`);

  console.log(`all the while: ${await stop()}`);

  console.log(`without a certificate: ${await refusalOf(meet(target, ca))}`);
  const otherAuthority = makeAuthority(join(folder, 'other-ca'), 'Other CA');
  const stranger = makeHolder(join(folder, 'stranger'));
  issue(otherAuthority, stranger, 'billing-2');
  console.log(`with a stranger's: ${await refusalOf(meet(target, ca, stranger))}`);
  const wary = meet(target, otherAuthority.certificate, theirs);
  console.log(`of a server that is not trusted: ${await refusalOf(wary)}`);

  await accounts.drain();
  await rm(folder, { recursive: true });
}

void main();
