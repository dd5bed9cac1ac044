// What the channelz service answers, over the wire and by its handlers alone: channels and servers of the
// process, what programs registered, what is not there. Not here: the service itself and references
// (channelz.ts); figures, which each package counts its own way.

import type {
  Client,
  ServiceDefinition,
  ServiceError,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Channelz, Message } from './channelz.ts';
import { type Grpc, serve } from './credentials-server.ts';
import type { Observation, Observe } from './observation.ts';

export const observe: Observe = async (grpc, deep) => {
  const seen: Observation[] = [];
  await overTheWire(grpc, deep('channelz') as Channelz, seen);
  await handlersAlone(grpc, seen);
  return seen;
};

interface Caller {
  call(method: string, request: object): Promise<Message>;
  close(): void;
}

function callerOf(grpc: Grpc, port: number): Caller {
  const client: Client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  return {
    call: (name, request) =>
      new Promise((resolve) => {
        const methods: ServiceDefinition = grpc.getChannelzServiceDefinition();
        const method = methods[name];
        if (method === undefined) throw new Error(`no method ${name}`);
        client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          { deadline: Date.now() + 10_000 },
          (error: ServiceError | null, reply?: Message) => {
            resolve(reply ?? { failed: { code: error?.code, details: error?.details } });
          },
        );
      }),
    close: () => client.close(),
  };
}

async function overTheWire(grpc: Grpc, channelz: Channelz, seen: Observation[]): Promise<void> {
  const { server, port } = await serve(grpc, grpc.ServerCredentials.createInsecure());
  server.addService(
    grpc.getChannelzServiceDefinition(),
    grpc.getChannelzHandlers() as UntypedServiceImplementation,
  );
  const caller = callerOf(grpc, port);
  await missing(caller, seen);
  await shownServer(caller, port, seen);
  await shownChannel(grpc, caller, port, seen);
  await hidden(grpc, caller, port, seen);
  await registeredByProgram(channelz, caller, seen);
  caller.close();
  server.forceShutdown();
}

async function missing(caller: Caller, seen: Observation[]): Promise<void> {
  const far = '999999999';
  const requests: readonly [method: string, request: object][] = [
    ['GetChannel', { channel_id: far }],
    ['GetServer', { server_id: far }],
    ['GetSubchannel', { subchannel_id: far }],
    ['GetSocket', { socket_id: far }],
    ['GetServerSockets', { server_id: far }],
    ['GetChannel', {}],
  ];
  for (const [method, request] of requests) {
    const name = `${method} of ${JSON.stringify(request)}`;
    seen.push({ name, value: await caller.call(method, request) });
  }
  const none = await caller.call('GetTopChannels', { start_channel_id: far });
  seen.push({ name: 'channels past the last', value: none });
  seen.push({
    name: 'servers past the last',
    value: await caller.call('GetServers', { start_server_id: far }),
  });
}

function list(message: Message, key: string): readonly Message[] {
  const value = message[key];
  return Array.isArray(value) ? (value as Message[]) : [];
}

function part(message: Message | undefined, ...keys: readonly string[]): Message {
  let value: unknown = message;
  for (const key of keys) value = (value as Message | undefined)?.[key];
  return (value ?? {}) as Message;
}

async function shownServer(caller: Caller, port: number, seen: Observation[]): Promise<void> {
  const servers = list(await caller.call('GetServers', {}), 'server');
  const withPort = servers.filter((server) =>
    list(server, 'listen_socket').some(({ name }) => String(name).endsWith(`:${port}`)),
  );
  seen.push({ name: 'the server is shown once', value: withPort.length });
  const [server] = withPort;
  const id = part(server, 'ref').server_id;
  seen.push({ name: 'the keys of a server', value: Object.keys(server ?? {}).sort() });
  seen.push({
    name: "the keys of a server's data",
    value: Object.keys(part(server, 'data')).sort(),
  });
  const alone = await caller.call('GetServer', { server_id: id });
  seen.push({
    name: 'a server by its number',
    value: part(alone, 'server', 'ref').server_id === id,
  });
  const sockets = await caller.call('GetServerSockets', { server_id: id });
  const refs = list(sockets, 'socket_ref');
  seen.push({ name: 'the connections of a server', value: [refs.length, sockets.end] });
  const { socket } = await caller.call('GetSocket', { socket_id: refs[0]?.socket_id });
  const local = part(socket as Message, 'local', 'tcpip_address');
  seen.push({
    name: 'a connection',
    value: [
      Object.keys(part(socket as Message)).sort(),
      local.port === port,
      Buffer.from(local.ip_address as Buffer).toString('hex'),
      part(socket as Message, 'security'),
    ],
  });
}

async function shownChannel(
  grpc: Grpc,
  caller: Caller,
  port: number,
  seen: Observation[],
): Promise<void> {
  const client = new grpc.Client(`dns:localhost:${port}`, grpc.credentials.createInsecure());
  const { id, name } = client.getChannel().getChannelzRef();
  const shown = async (): Promise<Message> =>
    part(await caller.call('GetChannel', { channel_id: id }), 'channel');
  const idle = await shown();
  seen.push({
    name: 'a channel before any call',
    value: [
      part(idle, 'ref').name === name,
      part(idle, 'data').target,
      part(idle, 'data', 'state'),
      part(idle, 'data').calls_started,
      Object.keys(idle).sort(),
    ].map((value) => (typeof value === 'string' ? value.replace(String(port), 'PORT') : value)),
  });
  await new Promise<void>((resolve) => {
    client.makeUnaryRequest(
      '/observed.Credentials/Who',
      (message: Buffer) => message,
      (bytes: Buffer) => bytes,
      Buffer.alloc(0),
      () => resolve(),
    );
  });
  const used = await shown();
  const data = part(used, 'data');
  seen.push({
    name: 'a channel after a call',
    value: [data.calls_started, data.calls_succeeded, data.calls_failed, data.state],
  });
  const refs = list(used, 'subchannel_ref');
  seen.push({ name: 'the subchannels of a channel', value: refs.length });
  const { subchannel } = await caller.call('GetSubchannel', {
    subchannel_id: refs[0]?.subchannel_id,
  });
  seen.push({
    name: 'a subchannel',
    value: [
      part(subchannel as Message, 'data', 'state'),
      list(part(subchannel as Message), 'socket_ref').length,
      Object.keys(part(subchannel as Message)).sort(),
    ],
  });
  const top = list(await caller.call('GetTopChannels', {}), 'channel');
  seen.push({
    name: 'it is among the channels',
    value: top.filter((one) => part(one, 'ref').channel_id === String(id)).length,
  });
  const page = await caller.call('GetTopChannels', { start_channel_id: id, max_results: 1 });
  seen.push({
    name: 'a page of one',
    value: [
      list(page, 'channel').length,
      part(list(page, 'channel')[0], 'ref').channel_id === String(id),
    ],
  });
  client.close();
  seen.push({
    name: 'a channel that is closed',
    value: 'failed' in (await caller.call('GetChannel', { channel_id: id })),
  });
}

async function hidden(
  grpc: Grpc,
  caller: Caller,
  port: number,
  seen: Observation[],
): Promise<void> {
  const client = new grpc.Client(`localhost:${port}`, grpc.credentials.createInsecure(), {
    'grpc.enable_channelz': 0,
  });
  const { id } = client.getChannel().getChannelzRef();
  const top = list(await caller.call('GetTopChannels', {}), 'channel');
  seen.push({
    name: 'a channel without channelz',
    value: [
      top.filter((one) => part(one, 'ref').channel_id === String(id)).length,
      'failed' in (await caller.call('GetChannel', { channel_id: id })),
    ],
  });
  client.close();
}

async function registeredByProgram(
  channelz: Channelz,
  caller: Caller,
  seen: Observation[],
): Promise<void> {
  const calls = new channelz.ChannelzCallTracker();
  calls.addCallStarted();
  calls.addCallFailed();
  const children = new channelz.ChannelzChildrenTracker();
  const socket = channelz.registerChannelzSocket('a socket', socketInfo, true);
  children.refChild(socket);
  const info = {
    target: 'somewhere',
    state: 2,
    trace: new channelz.ChannelzTraceStub(),
    callTracker: calls,
    children: children.getChildLists(),
  };
  const channel = channelz.registerChannelzChannel('a channel', () => info, true);
  const subchannel = channelz.registerChannelzSubchannel('a subchannel', () => info, true);
  const serverInfo = {
    trace: new channelz.ChannelzTrace(),
    callTracker: calls,
    listenerChildren: children.getChildLists(),
    sessionChildren: children.getChildLists(),
  };
  const server = channelz.registerChannelzServer('a server', () => serverInfo, true);
  const answers = {
    channel: part(await caller.call('GetChannel', { channel_id: channel.id }), 'channel'),
    subchannel: part(
      await caller.call('GetSubchannel', { subchannel_id: subchannel.id }),
      'subchannel',
    ),
    server: part(await caller.call('GetServer', { server_id: server.id }), 'server'),
    socket: part(await caller.call('GetSocket', { socket_id: socket.id }), 'socket'),
  };
  for (const [kind, answer] of Object.entries(answers)) {
    seen.push({ name: `a ${kind} that was registered`, value: anonymous(answer) });
  }
  const sockets = await caller.call('GetServerSockets', { server_id: server.id });
  seen.push({ name: 'sockets of a server that was registered', value: anonymous(sockets) });
  const tops = list(
    await caller.call('GetTopChannels', { start_channel_id: channel.id }),
    'channel',
  );
  seen.push({
    name: 'a registered channel among the channels',
    value: tops.map((one) => part(one, 'ref').name),
  });
  for (const ref of [channel, subchannel, server, socket]) channelz.unregisterChannelzRef(ref);
  seen.push({
    name: 'a channel that was unregistered',
    value: 'failed' in (await caller.call('GetChannel', { channel_id: channel.id })),
  });
}

function socketInfo(): ReturnType<Parameters<Channelz['registerChannelzSocket']>[1]> {
  return {
    localAddress: { host: '127.0.0.1', port: 1 },
    remoteAddress: { path: '/run/x' },
    security: {
      cipherSuiteStandardName: 'TLS_A',
      cipherSuiteOtherName: null,
      localCertificate: Buffer.from('l'),
      remoteCertificate: null,
    },
    remoteName: 'remote',
    streamsStarted: 1,
    streamsSucceeded: 2,
    streamsFailed: 3,
    messagesSent: 4,
    messagesReceived: 5,
    keepAlivesSent: 6,
    lastLocalStreamCreatedTimestamp: new Date(1000),
    lastRemoteStreamCreatedTimestamp: null,
    lastMessageSentTimestamp: new Date(2500),
    lastMessageReceivedTimestamp: null,
    localFlowControlWindow: 65_535,
    remoteFlowControlWindow: null,
  };
}

// Numbers are each package's own; times of the clock are nobody's; a field that came later is left out.
function anonymous(message: Message): unknown {
  return JSON.parse(JSON.stringify(message), (key, value: unknown) => {
    if (key === 'peer_max_concurrent_streams') return undefined;
    if (/_id$/.test(key)) return Number(value) > 0;
    if (key === 'creation_timestamp' || key === 'last_call_started_timestamp')
      return value !== null;
    return value;
  });
}

async function handlersAlone(grpc: Grpc, seen: Observation[]): Promise<void> {
  const handlers = grpc.getChannelzHandlers() as unknown as Record<
    string,
    (call: object, callback: (error: unknown, answer?: unknown) => void) => void
  >;
  const answer = (name: string, request: object): Promise<unknown> =>
    new Promise((resolve) => {
      handlers[name]?.({ request }, (error, value) =>
        resolve(error ? { error: codeAndDetails(error) } : { value }),
      );
    });
  seen.push({
    name: 'a handler by itself, of nothing',
    value: await answer('GetChannel', { channel_id: '999999999' }),
  });
  seen.push({
    name: 'a handler by itself, of a list',
    value: await answer('GetServers', { start_server_id: '999999999', max_results: '0' }),
  });
}

function codeAndDetails(error: unknown): unknown {
  const { code, details } = error as { readonly code?: unknown; readonly details?: unknown };
  return [code, details];
}
