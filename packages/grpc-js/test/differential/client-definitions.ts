// Client classes that are made from definitions: what is on them, and which names are left out.

import type { ServiceClientConstructor, ServiceDefinition } from '@grpc/grpc-js';
import { type Answer, decode, encode, type Grpc, Log, startServer } from './client-peer.ts';
import { type Observation, outcomeOf } from './observation.ts';

function method(path: string, requestStream = false, responseStream = false, more = {}) {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: encode,
    requestDeserialize: decode,
    responseSerialize: encode,
    responseDeserialize: decode,
    ...more,
  };
}

const DEFINITION = {
  Unary: method('/test.Orders/Unary', false, false, { originalName: 'unary', options: { x: 1 } }),
  Server: method('/test.Orders/Server', false, true),
  Client: method('/test.Orders/Client', true, false),
  Bidi: method('/test.Orders/Bidi', true, true, { originalName: 'constructor' }),
};

type See = (name: string, act: () => unknown) => void;

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen: Observation[] = [];
  const see: See = (name, act) => {
    seen.push({ name, value: outcomeOf(act) });
  };
  seeClass(grpc, see);
  seePackages(grpc, see);
  await seeCalls(grpc, seen);
  return seen;
}

function seeClass(grpc: Grpc, see: See): void {
  const made = grpc.makeClientConstructor(DEFINITION, 'Orders');
  const insecure = grpc.credentials.createInsecure();
  see('class: its name', () => made.name);
  see('class: its length', () => made.length);
  see('class: own keys', () => Object.keys(made).sort());
  see('class: service', () => made.service === (DEFINITION as unknown));
  see('class: service name', () => made.serviceName);
  see('class: keys of the prototype', () => Object.keys(made.prototype));
  see('class: its base', () => Object.getPrototypeOf(made) === grpc.Client);
  see('class: both names are one method', () => made.prototype.Unary === made.prototype.unary);
  for (const name of Object.keys(DEFINITION)) {
    see(`class: fields of ${name}`, () => {
      const own = made.prototype[name] as object;
      return Object.entries(own).map(([key, value]) => [
        key,
        typeof value === 'function' ? 'function' : value,
      ]);
    });
    see(`class: length of ${name}`, () => (made.prototype[name] as () => void).length);
  }
  see('object: keys of a for loop', () => {
    const client = new made('localhost:1', insecure);
    const keys: string[] = [];
    for (const key in client) keys.push(key);
    return keys;
  });
  see('object: own keys', () => Object.keys(new made('localhost:1', insecure)));
  see('object: instance of', () => {
    const client = new made('localhost:1', insecure);
    return [client instanceof made, client instanceof grpc.Client];
  });
  see('object: target', () => new made('localhost:1', insecure).getChannel().getTarget());
  const names: Record<string, ServiceDefinition> = {
    'a name with $': { $x: method('/a/b') },
    __proto__: JSON.parse('{"__proto__": {}}'),
    constructor: { constructor: method('/a/b') } as unknown as ServiceDefinition,
    prototype: { prototype: method('/a/b') },
    close: { close: method('/a/b') },
    nothing: {},
  };
  for (const [name, definition] of Object.entries(names)) {
    see(`names: ${name}`, () => Object.keys(grpc.makeClientConstructor(definition, 'X').prototype));
  }
  see(
    'both functions are one',
    () => grpc.makeClientConstructor === grpc.makeGenericClientConstructor,
  );
  see('without new', () => (made as unknown as () => void)());
}

function seePackages(grpc: Grpc, see: See): void {
  const type = { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos: [] };
  const load = (packages: object): unknown =>
    shapeOf(grpc.loadPackageDefinition(packages as Parameters<Grpc['loadPackageDefinition']>[0]));
  see('package: nothing', () => load({}));
  see('package: one service', () => load({ 'a.b.Orders': DEFINITION }));
  see('package: without a package', () => load({ Orders: DEFINITION }));
  see('package: services and types', () =>
    load({ 'a.Orders': DEFINITION, 'a.Order': type, 'a.b.Other': DEFINITION, Top: type }),
  );
  see('package: a name that reaches a prototype', () =>
    load({ 'a.__proto__.X': DEFINITION, 'constructor.X': DEFINITION, 'a.prototype': DEFINITION }),
  );
  see('package: names of services', () => {
    const tree = grpc.loadPackageDefinition({ 'a.b.Orders': DEFINITION });
    const { b } = tree.a as unknown as { b: { Orders: ServiceClientConstructor } };
    return [b.Orders.serviceName, Object.keys(b.Orders.service)];
  });
}

function shapeOf(value: unknown): unknown {
  if (typeof value === 'function') return `class ${value.name}`;
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]);
}

/** Methods with names that a client might need for itself. */
async function seeNames(grpc: Grpc, port: number, seen: Observation[]): Promise<void> {
  for (const name of ['Transformed', 'CallFor', 'GetChannel', 'WaitForReady', 'Call', 'Direct']) {
    const originalName = name[0]?.toLowerCase() + name.slice(1);
    const made = grpc.makeClientConstructor(
      {
        [name]: method('/test.Orders/Unary', false, false, { originalName }),
        Server: method('/test.Orders/Server', false, true),
      },
      'Names',
    );
    const client = new made(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const server = client.Server as (order: object) => NodeJS.EventEmitter;
    const log = new Log();
    log.hearAll(server.call(client, { count: 1 }));
    seen.push({ name: `a method ${originalName}`, value: await log.until('status') });
    client.close();
  }
}

async function seeCalls(grpc: Grpc, seen: Observation[]): Promise<void> {
  const port = await startServer();
  await seeNames(grpc, port, seen);
  const made = grpc.makeClientConstructor(DEFINITION, 'Orders');
  const client = new made(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const call = (name: string, ...args: unknown[]): NodeJS.EventEmitter => {
    const own = client[name] as (...given: unknown[]) => NodeJS.EventEmitter;
    return own.apply(client, args);
  };
  const unary = new Log();
  unary.hear(call('unary', { text: 'a' }, unary.callback));
  seen.push({ name: 'call: unary', value: await unary.until('status') });
  const metadata = new grpc.Metadata();
  metadata.set('x-a', 'b');
  const full = new Log();
  full.hear(
    call(
      'Unary',
      { text: 'a' },
      metadata,
      { deadline: Date.now() + 5_000 },
      (error: null, answer: Answer) => full.add('callback', error, answer),
    ),
  );
  const events = await full.until('status');
  seen.push({
    name: 'call: unary with all arguments',
    value: JSON.parse(JSON.stringify(events).replaceAll(`${port}`, 'PORT')),
  });
  const server = new Log();
  server.hearAll(call('Server', { count: 2 }));
  seen.push({ name: 'call: server stream', value: await server.until('status') });
  const sending = new Log();
  const writable = call('Client', sending.callback) as unknown as NodeJS.WritableStream &
    NodeJS.EventEmitter;
  sending.hear(writable);
  (writable as unknown as { end(order: object): void }).end({ text: 'x' });
  seen.push({ name: 'call: client stream', value: await sending.until('status') });
  const both = new Log();
  const duplex = call('Bidi') as NodeJS.EventEmitter & { end(order: object): void };
  both.hearAll(duplex);
  duplex.end({ text: 'y' });
  seen.push({ name: 'call: bidi stream', value: await both.until('status', 60) });
  for (const args of [[], [{}], [{}, metadata], [() => {}]]) {
    seen.push({
      name: `call: arguments ${args.map((arg) => typeof arg).join()}`,
      value: outcomeOf(() => typeof call('Unary', ...args)),
    });
  }
  const { Unary } = client as unknown as { Unary: (...args: unknown[]) => unknown };
  seen.push({
    name: 'call: a method without its client',
    value: 'threw' in (outcomeOf(() => Unary({}, () => {})) as object),
  });
  client.close();
}
