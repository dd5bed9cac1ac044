// Connectivity states of channels over the life of connections: made, refused, lost, idle, shared,
// made again; and what waits for them. gRPC connectivity-semantics-and-api.md, connection-backoff.md.

import http2 from 'node:http2';
import net from 'node:net';
import type { Client, ClientOptions } from '@grpc/grpc-js';
import {
  type Answer,
  decode,
  encode,
  framed,
  type Grpc,
  Log,
  type Order,
  PATHS,
  pause,
  textOf,
} from './client-peer.ts';
import { errorOf, type Observation } from './observation.ts';
import { type CallEnd, endOf, soon } from './one-call.ts';

type See = (name: string, value: unknown) => void;

const LOCAL = { 'grpc.use_local_subchannel_pool': 1 };
const QUICK: ClientOptions = {
  ...LOCAL,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 200,
};

/** A server that can go and come back on its port. */
class Backend {
  port = 0;
  connections = 0;
  readonly sessions = new Set<http2.ServerHttp2Session>();
  private server: http2.Http2Server | undefined;

  static async start(): Promise<Backend> {
    const backend = new Backend();
    await backend.start();
    return backend;
  }

  async start(): Promise<void> {
    const server = http2.createServer();
    this.server = server;
    server.on('sessionError', () => {});
    server.on('session', (session) => {
      this.connections += 1;
      this.sessions.add(session);
      session.on('error', () => {});
      session.on('close', () => this.sessions.delete(session));
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      stream.resume();
      if (headers[':path'] === PATHS.server) return;
      stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(framed(encode({ text: 'a' })));
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', () => resolve()));
    this.port = (server.address() as net.AddressInfo).port;
  }

  /** Listens no more, and ends its connections. */
  async stop(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const session of this.sessions) session.destroy();
    await closed;
  }
}

/** Writes down each state that a channel comes to. */
class States {
  readonly seen: string[] = [];
  private readonly grpc: Grpc;
  private readonly client: Client;

  constructor(grpc: Grpc, client: Client) {
    this.grpc = grpc;
    this.client = client;
    this.next();
  }

  get now(): string {
    return this.grpc.connectivityState[this.client.getChannel().getConnectivityState(false)] ?? '';
  }

  private next(): void {
    const channel = this.client.getChannel();
    const state = channel.getConnectivityState(false);
    if (this.seen.at(-1) !== this.now) this.seen.push(this.now);
    if (state === this.grpc.connectivityState.SHUTDOWN) return;
    channel.watchConnectivityState(state, Date.now() + 20_000, () => this.next());
  }

  /** Those since the last time, once it is in `name`. */
  async until(name: string, ms = 5_000): Promise<string[]> {
    await soon(() => this.seen.at(-1) === name, ms);
    return this.take();
  }

  take(): string[] {
    return this.seen.splice(0);
  }
}

function clientTo(grpc: Grpc, target: string | number, options: ClientOptions = LOCAL): Client {
  const name = typeof target === 'number' ? `127.0.0.1:${target}` : target;
  return new grpc.Client(name, grpc.credentials.createInsecure(), options);
}

function brief({ code, text, details }: CallEnd): unknown {
  return details === undefined ? [code, text] : [code, textOf(details)];
}

function patient(grpc: Grpc) {
  const metadata = new grpc.Metadata();
  metadata.setOptions({ waitForReady: true });
  return metadata;
}

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen: Observation[] = [];
  const see: See = (name, value) => {
    seen.push({ name, value });
  };
  await Promise.all([
    seeLife(grpc, see),
    seeLoss(grpc, see),
    seeRefused(grpc, see),
    seeBackoff(grpc, see),
    seeIdleness(grpc, see),
    seeGoAway(grpc, see),
    seeSharing(grpc, see),
    seeAddresses(grpc, see),
    seeWaiting(grpc, see),
    seeSilentPeer(grpc, see),
  ]);
  return seen;
}

async function seeLife(grpc: Grpc, see: See): Promise<void> {
  const backend = await Backend.start();
  const client = clientTo(grpc, backend.port);
  const states = new States(grpc, client);
  await pause(100);
  see('life: nobody asks', [states.take(), backend.connections]);
  client.getChannel().getConnectivityState(false);
  await pause(50);
  see('life: asked without connecting', [states.take(), backend.connections]);
  client.getChannel().getConnectivityState(true);
  see('life: asked to connect', await states.until('READY'));
  client.getChannel().getConnectivityState(true);
  await pause(50);
  see('life: asked once more', [states.take(), backend.connections]);
  see('life: a call', brief(await endOf(client, {})));
  see('life: after the call', states.take());
  client.close();
  see('life: closed', [states.now, await states.until('SHUTDOWN')]);
  see('life: asked to connect when closed', client.getChannel().getConnectivityState(true));
  see('life: the connection ends', await soon(() => backend.sessions.size === 0));
  const called = clientTo(grpc, backend.port);
  const others = new States(grpc, called);
  see('life: a call connects', [brief(await endOf(called, {})), await others.until('READY')]);
  called.close();
  await backend.stop();
}

async function seeLoss(grpc: Grpc, see: See): Promise<void> {
  const backend = await Backend.start();
  const client = clientTo(grpc, backend.port, QUICK);
  const states = new States(grpc, client);
  await endOf(client, {});
  await states.until('READY');
  await backend.stop();
  see('loss: the server goes', await states.until('IDLE'));
  await pause(300);
  see('loss: nobody calls', states.take());
  see('loss: a call', brief(await endOf(client, {})));
  see('loss: its states', (await states.until('TRANSIENT_FAILURE')).slice(0, 2));
  await backend.start();
  see('loss: the server is back', (await states.until('READY')).slice(-2));
  see('loss: a call then', brief(await endOf(client, {})));

  const log = new Log();
  log.hearAll(client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, {}));
  await pause(100);
  for (const session of backend.sessions) session.destroy();
  see('loss: an open stream', await log.until('status'));
  see('loss: the state behind it', await states.until('IDLE'));
  see('loss: the next call', brief(await endOf(client, {})));
  see('loss: its states then', await states.until('READY'));
  client.close();
  await backend.stop();
}

async function seeRefused(grpc: Grpc, see: See): Promise<void> {
  const backend = await Backend.start();
  await backend.stop();
  const client = clientTo(grpc, backend.port, QUICK);
  const states = new States(grpc, client);
  client.getChannel().getConnectivityState(true);
  see('refused: states', (await states.until('TRANSIENT_FAILURE')).slice(0, 3));
  await pause(1_000);
  const more = states.take();
  see('refused: it is tried again', [
    more.filter((state) => state === 'CONNECTING').length >= 2,
    [...new Set(more)].sort(),
  ]);
  see('refused: a call', brief(await endOf(client, {})));
  const waiting = endOf(client, {}, { deadline: Date.now() + 8_000 }, patient(grpc));
  let isDone = false;
  void waiting.then(() => {
    isDone = true;
  });
  await pause(300);
  see('refused: a call that waits', isDone);
  await backend.start();
  see('refused: a call that waited', brief(await waiting));
  see('refused: then', (await states.until('READY')).at(-1));
  client.close();
  see('refused: closed', await states.until('SHUTDOWN'));
  await backend.stop();
}

/** How far apart the attempts of a client are whose connections are ended at once. */
async function attempts(grpc: Grpc, options: ClientOptions, count: number): Promise<number[]> {
  const times: number[] = [];
  const server = net.createServer((socket) => {
    times.push(performance.now());
    socket.on('error', () => {});
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as net.AddressInfo;
  const client = clientTo(grpc, port, { ...LOCAL, ...options });
  client.getChannel().getConnectivityState(true);
  await soon(() => times.length >= count, 6_000);
  client.close();
  server.close();
  return times.slice(1, count).map((time, i) => time - (times[i] ?? 0));
}

async function seeBackoff(grpc: Grpc, see: See): Promise<void> {
  const [initial, most, usual, text] = await Promise.all([
    attempts(grpc, { 'grpc.initial_reconnect_backoff_ms': 400 }, 3),
    attempts(
      grpc,
      { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 150 },
      6,
    ),
    attempts(grpc, {}, 2),
    attempts(grpc, { 'grpc.initial_reconnect_backoff_ms': 5_000 }, 2),
  ]);
  see('backoff: of 400 ms', [
    initial.length,
    initial.every((gap) => gap > 300),
    (initial[1] ?? 0) > 480,
  ]);
  see('backoff: of 150 ms at most', [most.length, most.every((gap) => gap > 70)]);
  see('backoff: as usual', [usual.length, usual.every((gap) => gap > 780)]);
  see(
    'backoff: of 5 s',
    text.every((gap) => gap > 3_900),
  );
}

async function seeIdleness(grpc: Grpc, see: See): Promise<void> {
  const backend = await Backend.start();
  const client = clientTo(grpc, backend.port, { ...LOCAL, 'grpc.client_idle_timeout_ms': 1_000 });
  const states = new States(grpc, client);
  await endOf(client, {});
  const stream = client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, {});
  stream.on('error', () => {});
  await pause(1_700);
  see('idle: not with a call', states.take());
  stream.cancel();
  const since = performance.now();
  see('idle: states', await states.until('IDLE'));
  see('idle: not before its time', performance.now() - since > 900);
  see('idle: the connection ends', await soon(() => backend.sessions.size === 0));
  see('idle: a call', [brief(await endOf(client, {})), await states.until('READY')]);
  client.close();
  const short = clientTo(grpc, backend.port, { ...LOCAL, 'grpc.client_idle_timeout_ms': 1 });
  await endOf(short, {});
  await pause(500);
  see('idle: a time below a second', short.getChannel().getConnectivityState(false));
  short.close();
  await backend.stop();
}

async function seeGoAway(grpc: Grpc, see: See): Promise<void> {
  const backend = await Backend.start();
  const client = clientTo(grpc, backend.port);
  const states = new States(grpc, client);
  await endOf(client, {});
  await states.until('READY');
  for (const session of backend.sessions) session.close();
  see('GOAWAY: the state', await states.until('IDLE'));
  see('GOAWAY: the connection ends', await soon(() => backend.sessions.size === 0));
  see('GOAWAY: a call', [brief(await endOf(client, {})), await states.until('READY')]);

  const stream = new Log();
  const call = client.makeServerStreamRequest<Order, Answer>(PATHS.server, encode, decode, {});
  stream.hearAll(call);
  await pause(100);
  const [old] = backend.sessions;
  old?.goaway(0);
  see('GOAWAY with a stream: the state', await states.until('IDLE'));
  see('GOAWAY with a stream: a call', brief(await endOf(client, {})));
  see('GOAWAY with a stream: it goes on', [stream.events.length, backend.sessions.size]);
  call.cancel();
  await stream.until('status');
  see('GOAWAY with a stream: then its connection ends', [
    await soon(() => backend.sessions.size === 1),
    old?.destroyed,
  ]);
  client.close();
  await backend.stop();
}

async function seeSharing(grpc: Grpc, see: See): Promise<void> {
  const pairs: readonly [name: string, first: ClientOptions, second: ClientOptions][] = [
    ['equal options', {}, {}],
    ['a pool of its own', {}, LOCAL],
    ['two pools of their own', LOCAL, LOCAL],
    ['other keepalive', { 'grpc.keepalive_time_ms': 50_000 }, { 'grpc.keepalive_time_ms': 60_000 }],
    ['other user agents', {}, { 'grpc.primary_user_agent': 'me' }],
    [
      'another policy',
      {},
      { 'grpc.service_config': '{"loadBalancingConfig":[{"round_robin":{}}]}' },
    ],
  ];
  for (const [name, first, second] of pairs) {
    const backend = await Backend.start();
    const one = clientTo(grpc, backend.port, first);
    const other = clientTo(grpc, backend.port, second);
    await endOf(one, {});
    await endOf(other, {});
    see(`connections of two clients: ${name}`, backend.connections);
    one.close();
    see(`one is closed: ${name}`, brief(await endOf(other, {})));
    other.close();
    await backend.stop();
  }
}

async function seeAddresses(grpc: Grpc, see: See): Promise<void> {
  const [a, b, away] = [await Backend.start(), await Backend.start(), await Backend.start()];
  const other = await Backend.start();
  await away.stop();
  await other.stop();
  const first = clientTo(grpc, `ipv4:127.0.0.1:${away.port},127.0.0.1:${a.port}`);
  const states = new States(grpc, first);
  see('two addresses, the first is away', [
    brief(await endOf(first, {})),
    await states.until('READY'),
  ]);
  first.close();
  const same = clientTo(grpc, `ipv4:127.0.0.1:${away.port},127.0.0.1:${away.port}`);
  const deadline = Date.now() + 500;
  see('one address twice, and away', brief(await endOf(same, {}, { deadline })));
  same.close();
  const none = clientTo(grpc, `ipv4:127.0.0.1:${away.port},127.0.0.1:${other.port}`);
  const noStates = new States(grpc, none);
  see('two addresses, both away', [
    brief(await endOf(none, {})),
    (await noStates.until('TRANSIENT_FAILURE')).slice(0, 3),
  ]);
  none.close();

  const config = '{"loadBalancingConfig":[{"round_robin":{}}]}';
  const options = { ...QUICK, 'grpc.service_config': config };
  const target = `ipv4:127.0.0.1:${a.port},127.0.0.1:${b.port}`;
  const before = [a.connections, b.connections];
  const both = clientTo(grpc, target, options);
  const bothStates = new States(grpc, both);
  await endOf(both, {});
  see('round_robin: states', await bothStates.until('READY'));
  see(
    'round_robin: connects to all',
    await soon(
      () => a.connections === (before[0] ?? 0) + 1 && b.connections === (before[1] ?? 0) + 1,
    ),
  );
  await b.stop();
  await pause(200);
  see('round_robin: one goes, the state', bothStates.now);
  see('round_robin: one goes, calls', [
    brief(await endOf(both, {}))
      ?.toString()
      .slice(0, 1),
    brief(await endOf(both, {}))
      ?.toString()
      .slice(0, 1),
  ]);
  await a.stop();
  see('round_robin: all go', await soon(() => bothStates.now === 'TRANSIENT_FAILURE'));
  await b.start();
  see('round_robin: one is back', await soon(() => bothStates.now === 'READY'));
  both.close();
  await b.stop();
}

function ready(client: Client, ms: number): Promise<unknown> {
  return new Promise((resolve) => {
    client.waitForReady(Date.now() + ms, (error) =>
      resolve(error === undefined ? 'ready' : errorOf(error)),
    );
  });
}

async function seeWaiting(grpc: Grpc, see: See): Promise<void> {
  const backend = await Backend.start();
  await backend.stop();
  const client = clientTo(grpc, backend.port, QUICK);
  const waiting = ready(client, 10_000);
  see('waiting: nobody there', await ready(client, 300));
  await backend.start();
  see('waiting: the server comes', await waiting);
  await backend.stop();
  await soon(() => client.getChannel().getConnectivityState(false) === grpc.connectivityState.IDLE);
  const again = ready(client, 10_000);
  await pause(100);
  await backend.start();
  see('waiting: it went and is back', await again);
  const twice = await Promise.all([ready(client, 1_000), ready(client, 1_000)]);
  see('waiting: two at once', twice);
  await backend.stop();
  const metadata = patient(grpc);
  await soon(
    () => client.getChannel().getConnectivityState(false) !== grpc.connectivityState.READY,
  );
  const late = await endOf(client, {}, { deadline: Date.now() + 300 }, metadata);
  see('waiting: a call until its deadline', brief(late));
  const closing = endOf(client, {}, { deadline: Date.now() + 8_000 }, metadata);
  await pause(50);
  client.close();
  see('waiting: closed meanwhile', brief(await closing));
}

async function seeSilentPeer(grpc: Grpc, see: See): Promise<void> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as net.AddressInfo;
  const client = clientTo(grpc, port);
  const states = new States(grpc, client);
  const end = await endOf(client, {}, { deadline: Date.now() + 400 });
  see('silent peer: a call', brief(end));
  see('silent peer: states', states.take());
  client.close();
  see('silent peer: closed', await states.until('SHUTDOWN'));
}
