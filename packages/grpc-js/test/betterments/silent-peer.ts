// A peer that accepts the connection and then says nothing: the channel leaves CONNECTING within the 20 s
// that gRPC gives a connection attempt (connection-backoff.md, MIN_CONNECT_TIMEOUT).
// The one program that takes its time: what it shows is how long something lasts.

import net from 'node:net';
import { listen } from './peer.ts';
import { type Grpc, main, type Verdict } from './program.ts';

/** The 20 s, and what a busy machine adds. */
const WAIT_MS = 21_500;

async function prove(grpc: Grpc): Promise<Verdict> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
  });
  const port = await listen(server);
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const channel = client.getChannel();
  channel.getConnectivityState(true);
  const { CONNECTING, IDLE } = grpc.connectivityState;
  const deadline = Date.now() + WAIT_MS;
  const change = (from: number): Promise<boolean> =>
    new Promise((resolve) => {
      channel.watchConnectivityState(from, deadline, (error) => resolve(error === undefined));
    });
  if (channel.getConnectivityState(false) === IDLE) await change(IDLE);
  const left = await change(CONNECTING);
  const state = grpc.connectivityState[channel.getConnectivityState(false)];
  return { holds: left, seen: { left, state } };
}

main(prove);
