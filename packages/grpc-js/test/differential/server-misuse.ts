// What a server says to what it cannot do: arguments, methods that are served already, services.

import type * as grpcJs from '@grpc/grpc-js';
import { type Grpc, listening, Seen, toBytes, toText } from '../support/text-server.ts';
import { type Observation, outcomeOf } from './observation.ts';

type Loose = Record<string, (...args: unknown[]) => unknown>;

const METHOD = {
  requestStream: false,
  responseStream: false,
  requestSerialize: toBytes,
  requestDeserialize: toText,
  responseSerialize: toBytes,
  responseDeserialize: toText,
};

export async function observe(grpc: Grpc): Promise<Observation[]> {
  const seen = new Seen();
  const insecure = grpc.ServerCredentials.createInsecure();
  const server = new grpc.Server();
  // Arguments that no type allows are what is observed here.
  const loose = server as unknown as Loose;
  const call = (name: string, ...args: unknown[]): unknown =>
    outcomeOf(() => loose[name]?.apply(server, args));

  seen.see('addProtoService', call('addProtoService'));
  seen.see('bind', call('bind', '127.0.0.1:0', insecure));
  seen.see('addHttp2Port', call('addHttp2Port'));
  seen.see('start before bind', call('start'));

  seen.see('addService of nothing', call('addService'));
  seen.see('addService of null', call('addService', null, {}));
  seen.see('addService without implementation', call('addService', {}, null));
  seen.see('addService of text', call('addService', 'service', {}));
  seen.see('addService without methods', call('addService', {}, {}));
  seen.see('removeService of null', call('removeService', null));
  seen.see('removeService of text', call('removeService', 'service'));
  seen.see('removeService of what is not there', call('removeService', { A: { path: '/a/b' } }));

  const service = { One: { ...METHOD, path: '/test.Service/One', originalName: 'one' } };
  seen.see('addService', call('addService', service, {}));
  seen.see('addService again', call('addService', service, {}));
  seen.see('removeService', call('removeService', service));
  seen.see('addService after removal', call('addService', service, {}));

  const handler = (): void => {};
  const one = ['/test.Service/Two', handler, toBytes, toText, 'unary'];
  seen.see('register', call('register', ...one));
  seen.see('register again', call('register', ...one));
  seen.see('unregister', call('unregister', '/test.Service/Two'));
  seen.see('unregister again', call('unregister', '/test.Service/Two'));
  seen.see('register after that', call('register', ...one));
  const handlers = Reflect.get(server, 'handlers') as Map<string, Record<string, unknown>>;
  seen.see('the map of handlers', [...handlers.keys()]);
  const entry = handlers.get('/test.Service/Two') ?? {};
  seen.see('an entry of it', [Object.keys(entry).sort(), entry.type, entry.path]);
  seen.see('its func is the handler', entry.func === handler);

  seen.see('bindAsync of a number', call('bindAsync', 50051, insecure, handler));
  seen.see('bindAsync without credentials', call('bindAsync', '127.0.0.1:0', null, handler));
  seen.see('bindAsync with other credentials', call('bindAsync', '127.0.0.1:0', {}, handler));
  seen.see(
    'bindAsync with client credentials',
    call('bindAsync', '127.0.0.1:0', grpc.credentials.createInsecure(), handler),
  );
  seen.see('bindAsync without callback', call('bindAsync', '127.0.0.1:0', insecure));
  seen.see('bindAsync of nothing', call('bindAsync', '', insecure, handler));
  seen.see('unbind of port 0', call('unbind', '127.0.0.1:0'));
  seen.see('unbind of nothing', call('unbind', ''));
  seen.see('unbind of what is not bound', call('unbind', '127.0.0.1:1'));
  seen.see('drain of port 0', call('drain', '127.0.0.1:0', 1));
  seen.see('drain of nothing', call('drain', '', 1));
  seen.see('drain of what is not bound', call('drain', '127.0.0.1:1', 1));
  seen.see('injector without credentials', call('createConnectionInjector', null));
  seen.see('injector with others', call('createConnectionInjector', {}));

  const warnings: unknown[] = [];
  process.on('warning', ({ name, message }) => warnings.push([name, message]));
  await listening(grpc, server);
  seen.see('start', call('start'));
  seen.see('start again', call('start'));
  await new Promise((resolve) => setImmediate(resolve));
  seen.see('warnings of start', warnings);

  const ref = server.getChannelzRef();
  seen.see('channelz reference', [ref.kind, ref.name, typeof ref.id]);
  server.forceShutdown();
  seen.see('bindAsync after shutdown', call('bindAsync', '127.0.0.1:0', insecure, handler));
  seen.see('forceShutdown again', call('forceShutdown'));
  seen.see('start after shutdown', call('start'));

  seen.see(
    'own names',
    Object.getOwnPropertyNames(grpc.Server.prototype)
      .filter((name) => PUBLIC.has(name))
      .sort(),
  );
  seen.see(
    'options may be anything',
    outcomeOf(() => {
      const odd = {
        'grpc.max_concurrent_streams': 'many',
        'grpc.keepalive_time_ms': -1,
        'no.such': 1,
        'grpc.max_receive_message_length': 0,
        'grpc-node.flow_control_window': 5,
      };
      new grpc.Server(odd as unknown as grpcJs.ServerOptions).forceShutdown();
    }),
  );
  return seen.all;
}

const PUBLIC: ReadonlySet<string> = new Set([
  'addHttp2Port',
  'addProtoService',
  'addService',
  'bind',
  'bindAsync',
  'createConnectionInjector',
  'drain',
  'forceShutdown',
  'getChannelzRef',
  'register',
  'removeService',
  'start',
  'tryShutdown',
  'unbind',
  'unregister',
]);
