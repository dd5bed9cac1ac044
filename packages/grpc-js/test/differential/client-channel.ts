// Channels: what they are made from, targets, states, how they become ready, and what they can be
// replaced by.

import type { ChannelInterface as Channel, Client } from '@grpc/grpc-js';
import {
  type Answer,
  clientOf,
  decode,
  encode,
  type Grpc,
  Log,
  type Order,
  PATHS,
  pause,
  startServer,
} from './client-peer.ts';
import { errorOf, type Observation, outcomeOf } from './observation.ts';

type See = (name: string, value: unknown) => void;

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const port = await startServer();
  const seen: Observation[] = [];
  const see: See = (name, value) => {
    seen.push({ name, value });
  };
  seeConstructor(grpc, see);
  seeOptions(grpc, see);
  seeTargets(grpc, see);
  await seeStates(grpc, port, see);
  await seeReady(grpc, port, see);
  await seeJoined(grpc, port, see);
  await seeReplaced(grpc, port, see);
  seeCalls(grpc, port, see);
  return seen;
}

function seeConstructor(grpc: Grpc, see: See): void {
  const insecure = grpc.credentials.createInsecure();
  const lists: Record<string, unknown[]> = {
    nothing: [],
    'a number': [7, insecure, {}],
    'no credentials': ['localhost:1'],
    'credentials that are none': ['localhost:1', {}, {}],
    'options that are text': ['localhost:1', insecure, 'x'],
    'options that are null': ['localhost:1', insecure, null],
    'no options': ['localhost:1', insecure],
    'an empty target': ['', insecure, {}],
    'config that is no JSON': ['localhost:1', insecure, { 'grpc.service_config': '{' }],
    'config that is wrong': [
      'localhost:1',
      insecure,
      { 'grpc.service_config': '{"methodConfig":7}' },
    ],
  };
  for (const [name, list] of Object.entries(lists)) {
    const channel = grpc.Channel as unknown as new (...args: unknown[]) => Channel;
    const client = grpc.Client as unknown as new (...args: unknown[]) => Client;
    see(
      `new Channel: ${name}`,
      outcomeOf(() => new channel(...list).getTarget()),
    );
    see(
      `new Client: ${name}`,
      outcomeOf(() => new client(...list).getChannel().getTarget()),
    );
  }
}

function seeOptions(grpc: Grpc, see: See): void {
  const insecure = grpc.credentials.createInsecure();
  const list: Record<string, unknown> = {
    null: null,
    'interceptors that are null': { interceptors: null },
    'providers that are null': { interceptor_providers: null },
    'a transformer that is null': { callInvocationTransformer: null },
    'overrides that are null': { channelOverride: null, channelFactoryOverride: null },
  };
  for (const [name, options] of Object.entries(list)) {
    see(
      `options of a client: ${name}`,
      outcomeOf(() => new grpc.Client('x:1', insecure, options as object).getChannel().getTarget()),
    );
  }
}

const TARGETS = [
  'localhost:50051',
  'localhost',
  'dns:localhost:50051',
  'dns:///localhost:50051',
  'dns://8.8.8.8/localhost:50051',
  '127.0.0.1:50051',
  '[::1]:50051',
  '::1',
  'ipv4:127.0.0.1:50051',
  'ipv4:127.0.0.1:1,127.0.0.1:2',
  'ipv6:[::1]:50051',
  'unix:/tmp/x.sock',
  'unix:///tmp/x.sock',
  'unix:x.sock',
  'xds:///x',
  'foo:bar',
  'foo://a/b',
  'example.com:https',
  'ipv4:localhost:1',
  'unix://a/b',
];

function seeTargets(grpc: Grpc, see: See): void {
  for (const target of TARGETS) {
    see(
      `target ${target}`,
      outcomeOf(() => {
        const channel = new grpc.Channel(target, grpc.credentials.createInsecure(), {});
        const text = channel.getTarget();
        channel.close();
        return text;
      }),
    );
  }
}

function once(channel: Channel, state: number, ms: number): Promise<unknown> {
  return new Promise((resolve) => {
    channel.watchConnectivityState(state, Date.now() + ms, (error) =>
      resolve(error === undefined ? 'changed' : errorOf(error)),
    );
  });
}

async function seeStates(grpc: Grpc, port: number, see: See): Promise<void> {
  const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE } = grpc.connectivityState;
  const client = clientOf(grpc, port);
  const channel = client.getChannel();
  see('state: at first', channel.getConnectivityState(false));
  see('state: still', channel.getConnectivityState(false));
  see('watch: nothing happens', await once(channel, IDLE, 50));
  see('watch: a deadline in the past', await once(channel, IDLE, -50));
  see('watch: a deadline that is no number', await once(channel, IDLE, Number.NaN));
  see('state: asked to connect', channel.getConnectivityState(true));
  const afterIdle = once(channel, IDLE, 2_000);
  see('watch: left IDLE', [await afterIdle, channel.getConnectivityState(false) !== IDLE]);
  if (channel.getConnectivityState(false) === CONNECTING) await once(channel, CONNECTING, 2_000);
  see('state: connected', channel.getConnectivityState(false));
  see('watch: another state than the present one', await once(channel, IDLE, 60));
  const watched = once(channel, READY, 2_000);
  client.close();
  see('watch: closed', await watched);
  const away = new grpc.Client('127.0.0.1:1', grpc.credentials.createInsecure());
  away.getChannel().getConnectivityState(true);
  await pause(200);
  see('state: nobody there', away.getChannel().getConnectivityState(false) === TRANSIENT_FAILURE);
  away.close();
  see('channelz: the reference', Object.keys(channel.getChannelzRef()).sort());
}

/** A second client of a target whose connection is there. */
async function seeJoined(grpc: Grpc, port: number, see: See): Promise<void> {
  const first = clientOf(grpc, port);
  await ready(first, Number.POSITIVE_INFINITY);
  const second = clientOf(grpc, port);
  see('joined: ready', await ready(second, Date.now() + 2_000));
  const channel = clientOf(grpc, port).getChannel();
  const told = [
    channel.getConnectivityState(false),
    channel.getConnectivityState(true),
    channel.getConnectivityState(true),
    channel.getConnectivityState(false),
  ];
  see('joined: states', [told, await once(channel, told[3] ?? 0, 1_000)]);
  see('joined: state in the end', channel.getConnectivityState(false));
  const other = clientOf(grpc, port).getChannel();
  other.getConnectivityState(true);
  see('joined: left the first state', await once(other, grpc.connectivityState.IDLE, 1_000));
}

function ready(client: Client, deadline: Date | number): Promise<unknown> {
  return new Promise((resolve) => {
    let isSync = true;
    client.waitForReady(deadline, (error) =>
      resolve([isSync ? 'at once' : 'later', error === undefined ? null : errorOf(error)]),
    );
    isSync = false;
  });
}

async function seeReady(grpc: Grpc, port: number, see: See): Promise<void> {
  const client = clientOf(grpc, port);
  see('ready: a server', await ready(client, Date.now() + 2_000));
  see('ready: again', await ready(client, new Date(Date.now() + 2_000)));
  see('ready: a deadline in the past of one that is ready', await ready(client, 0));
  see(
    'ready: waitForClientReady',
    await new Promise((resolve) => {
      grpc.waitForClientReady(client, Number.POSITIVE_INFINITY, (error) => resolve(error ?? null));
    }),
  );
  see('ready: getClientChannel', grpc.getClientChannel(client) === client.getChannel());
  grpc.closeClient(client);
  see('ready: closed', await ready(client, Date.now() + 200));
  const away = new grpc.Client('127.0.0.1:1', grpc.credentials.createInsecure());
  see('ready: nobody there', await ready(away, Date.now() + 200));
  see('ready: nobody there, deadline in the past', await ready(away, Date.now() - 200));
  const closing = ready(away, Date.now() + 2_000);
  setTimeout(() => away.close(), 30);
  see('ready: closed meanwhile', await closing);
}

async function seeReplaced(grpc: Grpc, port: number, see: See): Promise<void> {
  const insecure = grpc.credentials.createInsecure();
  const channel = new grpc.Channel(`127.0.0.1:${port}`, insecure, {});
  const calls: unknown[] = [];
  const wrapped: Channel = {
    close: () => channel.close(),
    getTarget: () => 'wrapped',
    getConnectivityState: (tryToConnect) => channel.getConnectivityState(tryToConnect),
    watchConnectivityState: (state, deadline, callback) =>
      channel.watchConnectivityState(state, deadline, callback),
    getChannelzRef: () => channel.getChannelzRef(),
    createCall: (method, deadline, host, parent, flags) => {
      calls.push([
        method,
        deadline === Number.POSITIVE_INFINITY ? 'never' : typeof deadline,
        host ?? null,
        parent,
        flags ?? null,
      ]);
      return channel.createCall(method, deadline, host, parent, flags);
    },
  };
  for (const [name, options] of Object.entries({
    override: { channelOverride: wrapped },
    factory: { channelFactoryOverride: () => wrapped },
    plain: { channelOverride: channel },
  })) {
    const client = new grpc.Client('ignored:1', insecure, options);
    const log = new Log();
    log.hear(
      client.makeUnaryRequest<Order, Answer>(
        PATHS.unary,
        encode,
        decode,
        { text: 'a' },
        log.callback,
      ),
    );
    see(`channel by ${name}`, [
      await log.until('status'),
      client.getChannel().getTarget().replace(/\d+$/, 'PORT'),
    ]);
  }
  see('channel: calls that were created', calls);
  see(
    'channel: factory arguments',
    await new Promise((resolve) => {
      new grpc.Client('somewhere:1', insecure, {
        'grpc.primary_user_agent': 'me',
        channelFactoryOverride: (address, credentials, options) => {
          resolve([address, credentials === insecure, Object.keys(options).sort()]);
          return wrapped;
        },
      });
    }),
  );
  channel.close();
}

function seeCalls(grpc: Grpc, port: number, see: See): void {
  const channel = new grpc.Channel(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {});
  const createCall = channel.createCall.bind(channel) as (...args: unknown[]) => {
    getPeer(): string;
    getCallNumber(): number;
  };
  see(
    'createCall: a path that is no text',
    outcomeOf(() => typeof createCall(7, 0, null, null, 0)),
  );
  see(
    'createCall: no deadline',
    outcomeOf(() => typeof createCall('/a/b')),
  );
  see(
    'createCall: all',
    outcomeOf(() => typeof createCall('/a/b', 0, null, null, null)),
  );
  see('createCall: peer before start', createCall('/a/b', 0).getPeer().replace(/\d+$/, 'PORT'));
  see('createCall: a number', typeof createCall('/a/b', 0).getCallNumber());
  channel.close();
  see(
    'createCall: closed',
    outcomeOf(() => typeof createCall('/a/b', 0, null, null, null)),
  );
  see('channel: closed target', channel.getTarget().replace(/\d+$/, 'PORT'));
}
