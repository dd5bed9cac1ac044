// What of a call's metadata arrives at the peer, in each direction, and what the library adds.
// Not here: metadata on its own (metadata.ts).

import type { Metadata, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js';
import { errorOf, type Observation, type Observe } from './observation.ts';

const bytes = (value: Buffer): Buffer => value;

const SERVICE: ServiceDefinition = {
  echo: {
    path: '/observed.Wire/Echo',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
};

const CASES: readonly [name: string, fill: (metadata: Metadata) => void][] = [
  ['nothing', () => {}],
  ['one text', (m) => m.set('k', 'v')],
  ['an empty text', (m) => m.set('k', '')],
  ['two texts of a key', (m) => [m.add('k', 'a'), m.add('k', 'b')]],
  ['three texts, one with a comma', (m) => [m.add('k', 'a'), m.add('k', 'b,c'), m.add('k', '')]],
  ['all printable', (m) => m.set('k', '!"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~')],
  ['inner spaces', (m) => m.set('k', 'a  b')],
  ['bytes', (m) => m.set('k-bin', Buffer.from([0, 1, 2, 255]))],
  ['one byte', (m) => m.set('k-bin', Buffer.from([255]))],
  ['empty bytes', (m) => m.set('k-bin', Buffer.alloc(0))],
  [
    'two bytes of a key',
    (m) => [m.add('k-bin', Buffer.from('a')), m.add('k-bin', Buffer.from('bc'))],
  ],
  ['an authorization', (m) => m.set('authorization', 'Bearer x')],
  ['a user-agent', (m) => m.set('user-agent', 'mine')],
  ['a key grpc-custom', (m) => m.set('grpc-custom', 'v')],
  ['a trace', (m) => m.set('grpc-trace-bin', Buffer.from([1]))],
  ['cookies', (m) => [m.add('cookie', 'a=1'), m.add('cookie', 'b=2')]],
  ['set-cookies', (m) => [m.add('set-cookie', 'a=1'), m.add('set-cookie', 'b=2')]],
  [
    'keys with signs',
    (m) => [m.set('a.b', '1'), m.set('a_b', '2'), m.set('a-b', '3'), m.set('0', '4')],
  ],
  ['a long text', (m) => m.set('k', 'x'.repeat(3000))],
  ['x-forwarded-for twice', (m) => [m.add('x-forwarded-for', 'a'), m.add('x-forwarded-for', 'b')]],
];

export const observe: Observe = async (grpc) => {
  const seen: Observation[] = [];
  const server = new grpc.Server();
  let arrived: Metadata | undefined;
  let header: Metadata | undefined;
  let trailer: Metadata | undefined;
  let failing = false;
  let wholeHeader: unknown;
  let okDetails = '';
  server.addService(SERVICE, {
    echo: (
      call: ServerUnaryCall<Buffer, Buffer>,
      callback: (error: object | null, value?: Buffer, trailer?: Metadata) => void,
    ) => {
      arrived = call.metadata;
      if (header !== undefined) call.sendMetadata(header);
      if (failing) callback({ code: grpc.status.ABORTED, details: 'no', metadata: trailer });
      else callback(null, call.request, trailer);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const Client = grpc.makeGenericClientConstructor(SERVICE, 'Wire');
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const call = (metadata: Metadata): Promise<unknown> =>
    new Promise((resolve) => {
      const got: { [key: string]: unknown } = {};
      const pending = client.makeUnaryRequest(
        '/observed.Wire/Echo',
        bytes,
        bytes,
        Buffer.from('x'),
        metadata,
        { deadline: Date.now() + 10_000 },
        (error) => {
          got.error = error === null ? null : errorOf(error);
          got.errorMetadata = error === null ? null : own(error.metadata);
        },
      );
      pending.on('metadata', (received) => {
        got.metadata = own(received);
        wholeHeader = fields(received);
      });
      pending.on('status', (status) => {
        // The details of OK are observed once, by themselves.
        const details = status.code === grpc.status.OK ? '' : status.details;
        got.status = { code: status.code, details, metadata: own(status.metadata) };
        okDetails = status.details;
        resolve(got);
      });
    });

  for (const [name, fill] of CASES) {
    const metadata = new grpc.Metadata();
    fill(metadata);
    header = undefined;
    trailer = undefined;
    failing = false;
    arrived = undefined;
    const toServer = await call(metadata);
    seen.push({
      name: `to the server: ${name}`,
      value: arrived === undefined ? null : own(arrived),
    });
    seen.push({ name: `back from it: ${name}`, value: toServer });
    header = metadata.clone();
    seen.push({ name: `as header: ${name}`, value: await call(new grpc.Metadata()) });
    header = undefined;
    trailer = metadata.clone();
    seen.push({ name: `as trailer: ${name}`, value: await call(new grpc.Metadata()) });
    failing = true;
    seen.push({ name: `with an error: ${name}`, value: await call(new grpc.Metadata()) });
  }
  failing = false;
  await call(new grpc.Metadata());
  seen.push(
    {
      name: 'what the server sees of nothing',
      value: arrived === undefined ? null : fields(arrived),
    },
    { name: 'what the client sees of nothing', value: wholeHeader },
    { name: 'the details of OK', value: okDetails },
  );
  client.close();
  server.forceShutdown();
  return seen;
};

/** Fields by name, without what the library adds: that is observed once, by itself. */
function own(metadata: Metadata): unknown {
  return fields(metadata)
    .filter(([key]) => key !== 'content-type')
    .map(([key, values]) => [key, key === 'user-agent' ? values.length : values]);
}

/** Fields by name; the time left out, and the versions. */
function fields(metadata: Metadata): [key: string, values: unknown[]][] {
  return Object.entries(metadata.toJSON())
    .filter(([key]) => key !== 'date')
    .map(([key, values]): [string, unknown[]] => [key, values.map(withoutVersion)])
    .sort((one, two) => (one[0] < two[0] ? -1 : 1));
}

function withoutVersion(value: string | Buffer): unknown {
  return typeof value === 'string' ? value.replace(/\/\d+\.\d+\.\d+/g, '/V') : value;
}
