// What instrumentation does to the package, as observations that hold for the published one and for ours:
// it lists the methods of generated clients, wraps the making of requests, and puts functions in the place
// of handlers once they are registered.

import type { EventEmitter } from 'node:events';
import type * as Published from '@grpc/grpc-js';

type Grpc = typeof Published;

const bytes = (value: Buffer): Buffer => value;

function method(name: string, requestStream: boolean, responseStream: boolean) {
  return {
    path: `/test.Surface/${name}`,
    requestStream,
    responseStream,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
    originalName: `${name[0]?.toLowerCase()}${name.slice(1)}`,
  };
}

const SERVICE = {
  Unary: method('Unary', false, false),
  Upload: method('Upload', true, false),
  Download: method('Download', false, true),
  Chat: method('Chat', true, true),
};

/** What can be seen of the methods of a client that was made from a definition. */
export function clientMethods(grpc: Grpc): {
  readonly methods: readonly unknown[];
  readonly shape: unknown;
} {
  const ShopClient = grpc.makeGenericClientConstructor(SERVICE, 'test.Surface');
  const client = new ShopClient('127.0.0.1:1', grpc.credentials.createInsecure());
  const methods: unknown[] = [];
  // Also what is inherited: that is how instrumentation finds them.
  for (const name in client) {
    const value: unknown = client[name];
    if (typeof value !== 'function') continue;
    const { path, requestStream, responseStream } = value as unknown as Record<string, unknown>;
    if (path === undefined) continue;
    methods.push({ name, path, requestStream, responseStream, keys: Object.keys(value).sort() });
  }
  client.close();
  return {
    methods,
    shape: {
      isClient: client instanceof grpc.Client,
      own: Object.keys(ShopClient.prototype).sort(),
      same: ShopClient.prototype.Unary === ShopClient.prototype.unary,
      service: ShopClient.service === SERVICE,
      serviceName: ShopClient.serviceName,
      statics: Object.keys(ShopClient).sort(),
    },
  };
}

/** The answers of a server in which every handler was wrapped as it was registered. */
export async function handlersThatAreWrapped(grpc: Grpc): Promise<readonly unknown[]> {
  const seen: unknown[] = [];
  const server = new grpc.Server();
  const register = server.register;
  server.register = function (this: Published.Server, name: string, ...rest: never[]): boolean {
    const registered = Reflect.apply(register, this, [name, ...rest]) as boolean;
    // Private by its type, and what instrumentation uses all the same.
    const { handlers } = this as unknown as {
      readonly handlers: Map<string, { func: (...args: unknown[]) => unknown; type: string }>;
    };
    const handler = handlers.get(name);
    seen.push({ registered, name, type: handler?.type, keys: Object.keys(handler ?? {}).sort() });
    if (handler !== undefined) {
      const original = handler.func;
      handler.func = function (this: unknown, ...args: unknown[]): unknown {
        seen.push(`wrapped ${name}`);
        return original.apply(this, args);
      };
    }
    return registered;
  } as typeof server.register;
  server.addService(
    { Unary: SERVICE.Unary },
    {
      Unary: (
        call: Published.ServerUnaryCall<Buffer, Buffer>,
        callback: Published.sendUnaryData<Buffer>,
      ) => callback(null, call.request),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const { path } = SERVICE.Unary;
  seen.push(
    await new Promise<string>((resolve) => {
      client.makeUnaryRequest(path, bytes, bytes, Buffer.from('x'), (error, value) =>
        resolve(error?.message ?? String(value)),
      );
    }),
  );
  client.close();
  server.forceShutdown();
  return seen;
}

const MAKERS = [
  'makeUnaryRequest',
  'makeClientStreamRequest',
  'makeServerStreamRequest',
  'makeBidiStreamRequest',
] as const;

/**
 * Which calls of a generated client pass a method of Client.prototype that was wrapped before the client's
 * constructor was made, and which one that was wrapped after.
 */
export function wrappedRequests(grpc: Grpc): readonly unknown[] {
  const seen: unknown[] = [];
  const { prototype } = grpc.Client;
  const originals = MAKERS.map((name) => prototype[name]);
  const wrap = (when: string): void => {
    for (const name of MAKERS) {
      const original = prototype[name] as (...args: unknown[]) => unknown;
      const wrapped = function (this: unknown, ...args: unknown[]): unknown {
        seen.push(`${name} wrapped ${when}: ${args.length} arguments`);
        return Reflect.apply(original, this, args);
      };
      Object.defineProperty(prototype, name, {
        configurable: true,
        writable: true,
        value: wrapped,
      });
    }
  };
  try {
    wrap('before');
    const ShopClient = grpc.makeClientConstructor(SERVICE, 'test.Surface');
    wrap('after');
    const client = new ShopClient('127.0.0.1:1', grpc.credentials.createInsecure());
    for (const name of Object.keys(SERVICE)) {
      const streams = name === 'Download' || name === 'Chat';
      const args = name === 'Upload' || name === 'Chat' ? [] : [Buffer.alloc(0)];
      const call = client[name]?.(...args, ...(streams ? [] : [() => {}])) as Published.Call;
      const emitter: EventEmitter = call;
      emitter.on('error', () => {});
      call.cancel();
    }
    client.close();
  } finally {
    for (const [i, name] of MAKERS.entries()) {
      Object.defineProperty(prototype, name, {
        configurable: true,
        writable: true,
        enumerable: false,
        value: originals[i],
      });
    }
  }
  return seen;
}
