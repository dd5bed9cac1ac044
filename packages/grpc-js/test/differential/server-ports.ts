// Where servers listen, and how that ends: names of ports, errors, unbind, drain, shutdown, injection.

import { mkdtempSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as grpcJs from '@grpc/grpc-js';
import { Http2Caller, outcomeOfReply } from '../support/http2-caller.ts';
import {
  bind,
  type Grpc,
  listening,
  Seen,
  serverStream,
  signal,
  toBytes,
  toText,
  turns,
  unary,
  within,
} from '../support/text-server.ts';
import { errorOf, type Observation, outcomeOf } from './observation.ts';

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen = new Seen();
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  await names(grpc, seen);
  await unbinding(grpc, seen);
  await ending(grpc, seen);
  await injected(grpc, seen);
  return seen.all;
}

function echo(grpc: Grpc, options: grpcJs.ServerOptions = {}): grpcJs.Server {
  const server = new grpc.Server(options);
  unary(server, '/test.Ports/Echo', (call, callback) => callback(null, call.request));
  return server;
}

/** Numbers of ports out of texts. */
function plain(text: string, ...ports: number[]): string {
  let result = text;
  ports.forEach((port, at) => {
    result = result.replaceAll(String(port), `PORT${at}`);
  });
  return result;
}

async function answers(authority: string, path?: string): Promise<unknown> {
  const options = path === undefined ? {} : { createConnection: () => net.connect(path) };
  const caller = new Http2Caller(authority, options);
  const reply = await within(caller.call('/test.Ports/Echo', ['x']), 500);
  caller.close();
  return typeof reply === 'string' ? reply : [reply.status, reply.messages];
}

async function names(grpc: Grpc, seen: Seen): Promise<void> {
  const server = echo(grpc);
  const one = await within(bind(grpc, server));
  if (typeof one === 'string') throw new Error('cannot listen');
  seen.see('127.0.0.1:0', [one.error, one.port > 0]);
  seen.see('answers', await answers(`http://127.0.0.1:${one.port}`));
  const again = await within(bind(grpc, server, `127.0.0.1:${one.port}`));
  seen.see(
    'the same port again',
    typeof again === 'string' ? again : [again.error, again.port === one.port],
  );

  const taken = await within(bind(grpc, echo(grpc), `127.0.0.1:${one.port}`));
  seen.see(
    'a port that is taken',
    typeof taken === 'string' ? taken : [plain(taken.error?.message ?? '', one.port), taken.port],
  );
  const secure = grpc.ServerCredentials.createSsl(null, []);
  const other = await within(bind(grpc, server, `127.0.0.1:${one.port}`, secure));
  seen.see(
    'with other credentials',
    typeof other === 'string' ? other : [plain(other.error?.message ?? '', one.port), other.port],
  );

  for (const name of [
    '0.0.0.0:0',
    '[::]:0',
    'localhost:0',
    'dns:127.0.0.1:0',
    'dns:///127.0.0.1:0',
    'ipv4:127.0.0.1:0',
    'ipv6:[::1]:0',
    '[::1]:0',
  ]) {
    const own = echo(grpc);
    const bound = await within(bind(grpc, own, name));
    if (typeof bound === 'string') {
      seen.see(name, bound);
      continue;
    }
    const host = name.includes('::1') ? '[::1]' : '127.0.0.1';
    seen.see(name, [
      errorOf(bound.error),
      bound.port > 0,
      await answers(`http://${host}:${bound.port}`),
    ]);
    own.forceShutdown();
  }

  for (const name of [
    'no.such.host.invalid:1',
    'localhost:x',
    '127.0.0.1:x',
    '127.0.0.1:70000',
    'ipv4:x',
    'ipv4:127.0.0.1',
    'unix:',
    '[::1',
    'foo://bar:1/baz:1',
    '300.1.1.1:0',
    '192.0.2.1:0',
  ]) {
    const own = echo(grpc);
    let outcome: unknown;
    try {
      const bound = await within(bind(grpc, own, name), 5_000);
      outcome = typeof bound === 'string' ? bound : [bound.error?.message ?? null, bound.port];
    } catch (error) {
      outcome = { threw: errorOf(error) };
    }
    seen.see(`bind ${name}`, outcome);
    own.forceShutdown();
  }

  const folder = mkdtempSync(join(tmpdir(), 'ports-'));
  const path = join(folder, 'socket');
  const unix = await within(bind(grpc, server, `unix:${path}`));
  seen.see(
    'unix',
    typeof unix === 'string'
      ? unix
      : [unix.error, unix.port, await answers('http://localhost', path)],
  );
  let info: unknown;
  unary(server, '/test.Ports/Info', (call, callback) => {
    info = [call.getPeer(), call.getHost()];
    callback(null, 'x');
  });
  const local = new Http2Caller('http://localhost', { createConnection: () => net.connect(path) });
  await within(local.call('/test.Ports/Info', ['x']));
  local.close();
  seen.see('unix: peer and host', info);
  const absolute = await within(bind(grpc, server, `unix://${path}2`));
  seen.see(
    'unix with an authority',
    typeof absolute === 'string' ? absolute : [absolute.error, absolute.port],
  );
  const blocked = await within(bind(grpc, echo(grpc), `unix:${path}`));
  seen.see(
    'unix: a path that is taken',
    typeof blocked === 'string'
      ? blocked
      : [blocked.error?.message.replaceAll(path, 'PATH'), blocked.port],
  );
  server.forceShutdown();
  rmSync(folder, { recursive: true, force: true });

  const order: unknown[] = [];
  const late = echo(grpc);
  const called = signal();
  late.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), () => {
    order.push('callback');
    called.raise();
  });
  order.push('after bindAsync');
  await called.happened;
  seen.see('the callback comes later', order);
  late.forceShutdown();
}

async function unbinding(grpc: Grpc, seen: Seen): Promise<void> {
  const server = echo(grpc);
  const first = await listening(grpc, server);
  const second = await listening(grpc, server);
  const release = signal();
  const begun = signal();
  serverStream(server, '/test.Ports/Wait', async (call) => {
    call.write('begun');
    begun.raise();
    await release.happened;
    call.write('ended');
    call.end();
  });
  const caller = Http2Caller.to(first);
  const open = caller.open('/test.Ports/Wait').send('x').end();
  await begun.happened;
  seen.see(
    'unbind',
    outcomeOf(() => server.unbind(`127.0.0.1:${first}`)),
  );
  await turns(20);
  seen.see('unbound: takes no connection', await refused(first));
  seen.see('unbound: the other port answers', await answers(`http://127.0.0.1:${second}`));
  release.raise();
  seen.see('unbound: an open call ends well', await within(open.reply.then(outcomeOfReply)));
  seen.see('unbound: the connection ends', [
    await within(caller.closed().then(() => 'closed')),
    caller.goneAway,
  ]);
  const again = await within(bind(grpc, server, `127.0.0.1:${first}`));
  seen.see('bound again', typeof again === 'string' ? again : [again.error, again.port === first]);
  seen.see('answers again', await answers(`http://127.0.0.1:${first}`));

  const held = Http2Caller.to(second);
  await within(held.call('/test.Ports/Echo', ['x']));
  const hung = signal();
  unary(server, '/test.Ports/Hang', () => hung.raise());
  const hanging = held.open('/test.Ports/Hang').send('x').end();
  await hung.happened;
  seen.see(
    'drain',
    outcomeOf(() => server.drain(`127.0.0.1:${second}`, 100)),
  );
  seen.see('drained: listens still', await answers(`http://127.0.0.1:${second}`));
  const end = await within(hanging.reply.then(outcomeOfReply));
  seen.see(
    'drained: an open call is ended after the grace',
    typeof end === 'string' ? end : end.status,
  );
  seen.see('drained: the connection ends', [
    await within(held.closed().then(() => 'closed')),
    held.goneAway,
  ]);
  server.forceShutdown();

  const cancelled: unknown[] = [];
  const early = echo(grpc);
  const port = await listening(grpc, echo(grpc));
  const free = await freePort();
  early.bindAsync(`127.0.0.1:${free}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
    cancelled.push([plain(error?.message ?? 'none', free), bound]);
  });
  early.unbind(`127.0.0.1:${free}`);
  await turns(50);
  cancelled.push(await refused(free));
  seen.see('unbind while binding', [cancelled, port > 0]);
  early.forceShutdown();

  const changed: unknown[] = [];
  const undecided = echo(grpc);
  const wanted = await freePort();
  const before = bind(grpc, undecided, `127.0.0.1:${wanted}`);
  undecided.unbind(`127.0.0.1:${wanted}`);
  for (const outcome of [before, bind(grpc, undecided, `127.0.0.1:${wanted}`)]) {
    const bound = await within(outcome);
    changed.push(typeof bound === 'string' ? bound : [bound.error, bound.port === wanted]);
  }
  seen.see('bound again while it is given up', [changed, await refused(wanted)]);
  undecided.forceShutdown();

  const given: unknown[] = [];
  const ended = echo(grpc);
  const named = await freePort();
  const outcome = bind(grpc, ended, `127.0.0.1:${named}`);
  ended.forceShutdown();
  const bound = await within(outcome);
  given.push(typeof bound === 'string' ? bound : [bound.error?.message, bound.port]);
  seen.see('forceShutdown while binding', [given, await refused(named)]);

  await graces(grpc, seen);
}

/** What a grace is that is no number of milliseconds. */
async function graces(grpc: Grpc, seen: Seen): Promise<void> {
  for (const grace of [undefined, Number.NaN, -1, '5']) {
    const server = echo(grpc);
    const port = await listening(grpc, server);
    const hung = signal();
    unary(server, '/test.Ports/Hang', () => hung.raise());
    const caller = Http2Caller.to(port);
    const hanging = caller.open('/test.Ports/Hang').send('x').end();
    await hung.happened;
    const loose = server as unknown as { drain(port: string, grace: unknown): void };
    const outcome = outcomeOf(() => loose.drain(`127.0.0.1:${port}`, grace));
    const end = await within(hanging.reply.then(outcomeOfReply));
    seen.see(`drained with ${grace}`, [outcome, typeof end === 'string' ? end : end.status]);
    caller.close();
    server.forceShutdown();
  }
}

async function ending(grpc: Grpc, seen: Seen): Promise<void> {
  const log: unknown[] = [];
  const unused = echo(grpc);
  unused.tryShutdown((error) => log.push(['unused', error ?? null]));
  log.push('after tryShutdown');
  await turns(10);
  seen.see('tryShutdown of what never listened', log);

  const server = echo(grpc);
  const port = await listening(grpc, server);
  const release = signal();
  const begun = signal();
  serverStream(server, '/test.Ports/Wait', async (call) => {
    call.write('begun');
    begun.raise();
    await release.happened;
    call.end();
  });
  const caller = Http2Caller.to(port);
  const idle = Http2Caller.to(port);
  await within(idle.call('/test.Ports/Echo', ['x']));
  const open = caller.open('/test.Ports/Wait').send('x').end();
  await begun.happened;
  const shut = signal<unknown>();
  let isShut = false;
  server.tryShutdown((error) => {
    isShut = true;
    shut.raise(error ?? null);
  });
  seen.see(
    'shutting down: an idle connection ends',
    await within(idle.closed().then(() => 'closed')),
  );
  seen.see('shutting down: takes no connection', await refused(port));
  seen.see('shutting down: not yet', isShut);
  release.raise();
  seen.see('shutting down: an open call ends well', await within(open.reply.then(outcomeOfReply)));
  seen.see('shutting down: then it is over', await within(shut.happened));
  const after = signal<unknown>();
  seen.see('tryShutdown again', [
    outcomeOf(() => server.tryShutdown((error) => after.raise(error ?? null))),
    await within(after.happened),
  ]);
  const order: unknown[] = [];
  server.tryShutdown(() => order.push('callback'));
  order.push('after tryShutdown');
  await turns(10);
  seen.see('tryShutdown of what is over', order);
  const refusing = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const pair = net.createServer((socket) => refusing.injectConnection(socket));
  await new Promise<void>((resolve) => pair.listen(0, '127.0.0.1', resolve));
  seen.see(
    'shut down: an injected connection',
    await answers(`http://127.0.0.1:${(pair.address() as net.AddressInfo).port}`),
  );
  pair.close();

  const forced = echo(grpc);
  const forcedPort = await listening(grpc, forced);
  const hung = signal();
  const events: unknown[] = [];
  unary(forced, '/test.Ports/Hang', (call) => {
    call.on('cancelled', () => events.push('cancelled'));
    hung.raise();
  });
  const victim = Http2Caller.to(forcedPort);
  const hanging = victim.open('/test.Ports/Hang').send('x').end();
  await hung.happened;
  const tried = signal<unknown>();
  forced.tryShutdown((error) => tried.raise(error ?? null));
  forced.forceShutdown();
  const end = await within(hanging.reply.then(outcomeOfReply));
  seen.see('forced: an open call', typeof end === 'string' ? end : end.status);
  seen.see('forced: tryShutdown is called back', await within(tried.happened));
  seen.see('forced: takes no connection', await refused(forcedPort));
  await turns(10);
  seen.see('forced: the handler hears', events);
  seen.see('forced: the caller hears', await within(cutOff(grpc)));
}

/** What a client is told of a call whose server is shut down by force. */
async function cutOff(grpc: Grpc): Promise<unknown> {
  const server = new grpc.Server();
  unary(server, '/test.Ports/Hang', () => server.forceShutdown());
  const port = await listening(grpc, server);
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const error = await new Promise((resolve) => {
    client.makeUnaryRequest('/test.Ports/Hang', toBytes, toText, 'x', resolve);
  });
  client.close();
  return errorOf(error);
}

async function injected(grpc: Grpc, seen: Seen): Promise<void> {
  const server = echo(grpc);
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  seen.see('injector', Object.keys(injector).sort());
  const sockets = net.createServer((socket) => injector.injectConnection(socket));
  await new Promise<void>((resolve) => sockets.listen(0, '127.0.0.1', resolve));
  const { port } = sockets.address() as net.AddressInfo;
  seen.see('injected: answers', await answers(`http://127.0.0.1:${port}`));
  const caller = Http2Caller.to(port);
  await within(caller.call('/test.Ports/Echo', ['x']));
  seen.see(
    'injected: drain',
    outcomeOf(() => injector.drain(100)),
  );
  seen.see('injected: the connection ends', [
    await within(caller.closed().then(() => 'closed')),
    caller.goneAway,
  ]);
  seen.see('injected: takes more', await answers(`http://127.0.0.1:${port}`));
  const last = Http2Caller.to(port);
  await within(last.call('/test.Ports/Echo', ['x']));
  seen.see(
    'injected: destroy',
    outcomeOf(() => injector.destroy()),
  );
  seen.see('injected: the last connection ends', await within(last.closed().then(() => 'closed')));
  const shut = signal<unknown>();
  server.tryShutdown((error) => shut.raise(error ?? null));
  seen.see('injected: the server ends', await within(shut.happened));
  sockets.close();
}

/** Whether nobody listens there. */
function refused(port: number): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
