// The channelz service as a definition, its trackers, references, and the admin services it is one of.
// Not here: what it answers (channelz-answers.ts).

import type { Metadata, Server, ServiceDefinition } from '@grpc/grpc-js';
import type { Grpc } from './credentials-server.ts';
import { type Deep, errorOf, type Observation, type Observe, outcomeOf } from './observation.ts';

export type Channelz = typeof import('@grpc/grpc-js/build/src/channelz');
export type Message = { readonly [key: string]: unknown };
type See = (name: string, act: () => unknown) => void;

export const observe: Observe = async (grpc, deep) => {
  const seen: Observation[] = [];
  const see: See = (name, act) => {
    seen.push({ name, value: outcomeOf(act) });
  };
  const channelz = deep('channelz') as Channelz;
  definition(grpc, see);
  trackers(channelz, see);
  references(grpc, channelz, see);
  await admin(grpc, deep, seen);
  return seen;
};

// Names are those of the type, whatever the type says of their messages.
function methods(grpc: Grpc): ServiceDefinition {
  return grpc.getChannelzServiceDefinition();
}

function definition(grpc: Grpc, see: See): void {
  const names = Object.keys(methods(grpc)).sort();
  see('the methods', () => names);
  see('the same definition each time', () =>
    Object.is(grpc.getChannelzServiceDefinition(), grpc.getChannelzServiceDefinition()),
  );
  see('the handlers', () => Object.keys(grpc.getChannelzHandlers()).sort());
  for (const name of names) {
    const method = methods(grpc)[name];
    see(name, () => [
      method?.path,
      method?.requestStream,
      method?.responseStream,
      method?.originalName,
      method?.requestSerialize.length,
    ]);
    see(`an empty request of ${name}`, () => method?.requestSerialize({}).toString('hex'));
    see(`an empty request of ${name}, read`, () => method?.requestDeserialize(Buffer.alloc(0)));
    see(`an empty answer of ${name}, read`, () => method?.responseDeserialize(Buffer.alloc(0)));
  }
  const bytes = (name: string, message: object): unknown =>
    methods(grpc)[name]?.requestSerialize(message).toString('hex');
  see('a number as text', () => bytes('GetChannel', { channel_id: '123456789012' }));
  see('a number', () => bytes('GetChannel', { channel_id: 5 }));
  see('a request of a page', () => bytes('GetServers', { start_server_id: 3, max_results: '7' }));
  see('a request of sockets', () =>
    bytes('GetServerSockets', { server_id: 1, start_socket_id: '2', max_results: 3 }),
  );
  see('a summary', () => bytes('GetSocket', { socket_id: 1, summary: true }));
  see('an unknown field', () => bytes('GetSocket', { socketId: 1 }));
  const channel = {
    channel: {
      ref: { channel_id: '9', name: 'n' },
      data: {
        state: { state: 'READY' },
        target: 't',
        calls_started: '3',
        calls_succeeded: 2,
        last_call_started_timestamp: { seconds: '1700000000', nanos: 5 },
        trace: {
          num_events_logged: '1',
          events: [
            {
              description: 'd',
              severity: 'CT_WARNING',
              child_ref: 'subchannel_ref',
              subchannel_ref: { subchannel_id: '4', name: 's' },
            },
          ],
        },
      },
      subchannel_ref: [{ subchannel_id: 4, name: 's' }],
    },
  };
  const socket = {
    socket: {
      ref: { socket_id: 1, name: 's' },
      local: { tcpip_address: { ip_address: Buffer.from([127, 0, 0, 1]), port: 80 } },
      remote: { uds_address: { filename: '/x' } },
      remote_name: 'r',
      security: {
        tls: { standard_name: 'A', local_certificate: Buffer.from('l') },
      },
      data: { streams_started: 1, local_flow_control_window: { value: '65535' } },
    },
  };
  see('an answer about a channel, written', () =>
    methods(grpc).GetChannel?.responseSerialize(channel).toString('hex'),
  );
  see('an answer about a channel, read', () => through(grpc, 'GetChannel', channel));
  see('an answer about a socket, read', () => withoutNewFields(through(grpc, 'GetSocket', socket)));
  see('an answer without a socket, read', () => through(grpc, 'GetSocket', { socket: null }));
}

function through(grpc: Grpc, name: string, message: object): Message {
  const method = methods(grpc)[name];
  const bytes = method?.responseSerialize(message) ?? Buffer.alloc(0);
  return method?.responseDeserialize(bytes) as Message;
}

// The .proto file has grown since.
function withoutNewFields(message: Message): unknown {
  return JSON.parse(JSON.stringify(message), (key, value: unknown) =>
    key === 'peer_max_concurrent_streams' ? undefined : value,
  );
}

function trackers(channelz: Channelz, see: See): void {
  see('timestamps', () => [
    channelz.dateToProtoTimestamp(),
    channelz.dateToProtoTimestamp(null),
    channelz.dateToProtoTimestamp(new Date(1_700_000_000_123)),
    channelz.dateToProtoTimestamp(new Date(0)),
  ]);
  see('a call tracker', () => {
    const tracker = new channelz.ChannelzCallTracker();
    const before = { ...tracker };
    tracker.addCallStarted();
    tracker.addCallStarted();
    tracker.addCallSucceeded();
    tracker.addCallFailed();
    const { callsStarted, callsSucceeded, callsFailed, lastCallStartedTimestamp: last } = tracker;
    return [before, callsStarted, callsSucceeded, callsFailed, last instanceof Date];
  });
  see('a call tracker that counts nothing', () => {
    const tracker = new channelz.ChannelzCallTrackerStub();
    tracker.addCallStarted();
    tracker.addCallSucceeded();
    tracker.addCallFailed();
    return tracker;
  });
  see('a trace', () => {
    const trace = new channelz.ChannelzTrace();
    trace.addTrace('CT_INFO', 'first');
    trace.addTrace('CT_ERROR', 'second');
    const { num_events_logged: logged, events = [] } = trace.getTraceMessage();
    return [logged, events.map(({ description, severity }) => [description, severity])];
  });
  see('a trace that is long', () => {
    const trace = new channelz.ChannelzTrace();
    for (let i = 0; i < 200; i += 1) trace.addTrace('CT_INFO', String(i));
    const { num_events_logged: logged, events = [] } = trace.getTraceMessage();
    return [logged, events.length < 100, events.at(-1)?.description];
  });
  see('a trace that keeps nothing', () => {
    const trace = new channelz.ChannelzTraceStub();
    trace.addTrace();
    const { num_events_logged: logged, events = [] } = trace.getTraceMessage();
    return [logged, events];
  });
  see('children', () => {
    const tracker = new channelz.ChannelzChildrenTracker();
    const channel = channelz.registerChannelzChannel('c', neverAsked, false);
    const subchannel = channelz.registerChannelzSubchannel('s', neverAsked, false);
    tracker.refChild(channel);
    tracker.refChild(channel);
    tracker.refChild(subchannel);
    const shown = (): unknown => {
      const { channels, subchannels, sockets } = tracker.getChildLists();
      return [channels, subchannels, sockets].map((list) =>
        [...list].map(([id, { ref, count }]) => [id === ref.id, ref.name, count]),
      );
    };
    const states = [shown()];
    tracker.unrefChild(channel);
    states.push(shown());
    tracker.unrefChild(channel);
    tracker.unrefChild(channel);
    states.push(shown());
    return states;
  });
  see('children that nobody counts', () => {
    const tracker = new channelz.ChannelzChildrenTrackerStub();
    tracker.refChild();
    return [...tracker.getChildLists().channels];
  });
}

function neverAsked(): never {
  throw new Error('nobody may ask');
}

function references(grpc: Grpc, channelz: Channelz, see: See): void {
  const shape = (ref: { readonly kind: string; readonly id: number; readonly name: string }) => [
    Object.keys(ref).sort(),
    ref.kind,
    Number.isInteger(ref.id) && ref.id > 0,
    ref.name,
  ];
  const channelOf = (target: string, options = {}): unknown => {
    const client = new grpc.Client(target, grpc.credentials.createInsecure(), options);
    const ref = client.getChannel().getChannelzRef();
    const same = ref.id === client.getChannel().getChannelzRef().id;
    client.close();
    return [...shape(ref), same];
  };
  see('the reference of a channel', () => channelOf('localhost:1'));
  see('the reference of a channel with dns:///', () => channelOf('dns:///localhost:1'));
  see('the reference of a channel to a socket', () => channelOf('unix:/tmp/none'));
  see('the reference of a channel without channelz', () =>
    (channelOf('localhost:1', { 'grpc.enable_channelz': 0 }) as unknown[]).slice(0, 2),
  );
  see('the reference of a server', () => {
    const server = new grpc.Server();
    const ref = server.getChannelzRef();
    return [...shape(ref).slice(0, 3), ref.id === server.getChannelzRef().id];
  });
  see('references that were registered', () =>
    [
      channelz.registerChannelzChannel('a', neverAsked, false),
      channelz.registerChannelzSubchannel('b', neverAsked, false),
      channelz.registerChannelzServer('c', neverAsked, false),
      channelz.registerChannelzSocket('d', neverAsked, false),
    ].map(shape),
  );
  see('a newer channel has a higher number', () => {
    const one = channelz.registerChannelzChannel('a', neverAsked, false);
    const two = channelz.registerChannelzChannel('b', neverAsked, false);
    return two.id > one.id;
  });
}

async function admin(grpc: Grpc, deep: Deep, seen: Observation[]): Promise<void> {
  const file = deep('admin') as typeof import('@grpc/grpc-js/build/src/admin');
  const served = (fill: (server: Server) => void): unknown => {
    const added: unknown[] = [];
    const server = new grpc.Server();
    const { addService } = server;
    server.addService = function (this: Server, service, implementation) {
      added.push([Object.keys(service).sort(), Object.keys(implementation).sort()]);
      addService.call(this, service, implementation);
    };
    fill(server);
    return added;
  };
  const see: See = (name, act) => {
    seen.push({ name, value: outcomeOf(act) });
  };
  see('what admin adds', () => served((server) => grpc.addAdminServicesToServer(server)));
  see('admin added twice', () =>
    served((server) => {
      grpc.addAdminServicesToServer(server);
      grpc.addAdminServicesToServer(server);
    }),
  );
  const identity = (bytes: Buffer): Buffer => bytes;
  const service: ServiceDefinition = {
    Do: {
      path: '/admin.Own/Do',
      requestStream: false,
      responseStream: false,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    },
  };
  grpc.experimental.registerAdminService(
    () => service,
    () => ({
      Do: (
        _call: { readonly metadata: Metadata },
        callback: (error: null, reply: Buffer) => void,
      ) => callback(null, Buffer.alloc(0)),
    }),
  );
  see('what admin adds with a service of a program', () =>
    served((server) => file.addAdminServicesToServer(server)),
  );
  see(
    'an error of admin',
    () =>
      errorOf(outcomeOf(() => grpc.addAdminServicesToServer(undefined as unknown as Server))) !==
      undefined,
  );
}
