// A server with one method that answers with the request metadata it got, and calls to it; for the
// programs about credentials. Not here: what is observed.

import type {
  CallCredentials,
  CallOptions,
  ChannelCredentials,
  ChannelOptions,
  Metadata,
  Server,
  ServerCredentials,
  ServiceDefinition,
  ServiceError,
} from '@grpc/grpc-js';
import type { Observe } from './observation.ts';

export type Grpc = Parameters<Observe>[0];

const bytes = (value: Buffer): Buffer => value;

const SERVICE: ServiceDefinition = {
  Who: {
    path: '/observed.Credentials/Who',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
};

/** What a call came to: the metadata that arrived, or the error. */
export type Answer = { readonly arrived: unknown } | { readonly failed: unknown };

/** A server on a free port of 127.0.0.1. */
export async function serve(
  grpc: Grpc,
  credentials: ServerCredentials,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = new grpc.Server();
  server.addService(SERVICE, {
    Who: (
      call: { readonly metadata: Metadata },
      callback: (error: null, reply: Buffer) => void,
    ) => {
      callback(null, Buffer.from(JSON.stringify(call.metadata.getMap())));
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { server, port };
}

export interface Asked {
  readonly target: string;
  readonly channel: ChannelCredentials;
  readonly options?: ChannelOptions;
  readonly call?: CallCredentials;
  readonly more?: CallOptions;
  readonly metadata?: Metadata;
  /** Details of what failed, which are a matter of each package's own for connections. */
  readonly withDetails?: boolean;
  /** Milliseconds. */
  readonly timeoutMs?: number;
}

/** One call on a client of its own. */
export function ask(grpc: Grpc, asked: Asked): Promise<Answer> {
  const client = new grpc.Client(asked.target, asked.channel, asked.options ?? {});
  const options: CallOptions = {
    deadline: Date.now() + (asked.timeoutMs ?? 10_000),
    ...(asked.call === undefined ? {} : { credentials: asked.call }),
    ...asked.more,
  };
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/observed.Credentials/Who',
      bytes,
      bytes,
      Buffer.alloc(0),
      asked.metadata ?? new grpc.Metadata(),
      options,
      (error: ServiceError | null, reply?: Buffer) => {
        client.close();
        if (error === null) resolve({ arrived: arrivedOf(reply) });
        else if (asked.withDetails === true) {
          resolve({ failed: { code: error.code, details: error.details } });
        } else resolve({ failed: error.code });
      },
    );
  });
}

// The name of the package is in the user agent.
function arrivedOf(reply: Buffer | undefined): unknown {
  const map: Record<string, unknown> = JSON.parse(String(reply));
  delete map['user-agent'];
  return map;
}
