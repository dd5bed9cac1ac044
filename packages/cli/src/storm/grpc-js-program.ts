// A program written for @grpc/grpc-js under the storm: raw bytes both ways, no stream limit on the
// server (the default), one channel. It is given the module that it runs on, @grpc/grpc-js itself
// (runtime-grpc-js.ts) or what is put in its place (runtime-drop-in.ts), and is the same with either.

import type {
  ChannelOptions,
  Client,
  ServerDuplexStream,
  ServerUnaryCall,
  ServiceDefinition,
  sendUnaryData,
} from '@grpc/grpc-js';
import type { RuntimeStats } from 'sluice';
import {
  ANSWER_BYTES,
  type AwaitTurn,
  type CallSink,
  type ClientRuntime,
  METHOD_PATH,
  type MessageStream,
  type QueueDepths,
  type ServingRuntime,
  STREAM_PATH,
  type StreamSink,
} from './runtime.ts';
import { actedOf, depthsOf } from './runtime-stats.ts';
import { OK } from './status-name.ts';

/** What the program runs on. */
export interface GrpcJsModule {
  readonly grpc: typeof import('@grpc/grpc-js');
  /** Of the client's channel. */
  readonly channelOptions: ChannelOptions;
  /** What the channel of a client holds; null where it does not show it. */
  statsOf(client: Client): RuntimeStats | null;
}

const CONNECT_DEADLINE_MS = 5000;

function bytes(value: Buffer): Buffer {
  return value;
}

class GrpcJsClient implements ClientRuntime {
  private readonly module: GrpcJsModule;
  private readonly client: Client;

  constructor(module: GrpcJsModule, client: Client) {
    this.module = module;
    this.client = client;
  }

  call(payload: Buffer, startedMs: number, timeoutMs: number, sink: CallSink): void {
    const options = timeoutMs > 0 ? { deadline: Date.now() + timeoutMs } : {};
    this.client.makeUnaryRequest(METHOD_PATH, bytes, bytes, payload, options, (error) => {
      if (error === null) sink.ended(startedMs, OK, '');
      else sink.ended(startedMs, error.code, error.details);
    });
  }

  depths(): QueueDepths | null {
    const stats = this.module.statsOf(this.client);
    return stats === null ? null : depthsOf(stats);
  }

  acted(): Record<string, number> {
    const stats = this.module.statsOf(this.client);
    return stats === null ? {} : actedOf(stats);
  }

  openStream(place: number, sink: StreamSink): MessageStream {
    const call = this.client.makeBidiStreamRequest(STREAM_PATH, bytes, bytes);
    call.on('data', () => sink.acknowledged(place));
    call.on('drain', () => sink.writable(place));
    // An end other than OK is told as 'error' and as 'status'; unheard, the first is thrown.
    call.on('error', () => {});
    call.on('status', ({ code, details }) => sink.streamEnded(place, code, details));
    return { send: (payload) => call.write(payload), end: () => call.end() };
  }
}

/** Connects a client. */
export function connectProgram(module: GrpcJsModule, port: number): Promise<ClientRuntime> {
  const { grpc, channelOptions } = module;
  const insecure = grpc.credentials.createInsecure();
  const client = new grpc.Client(`127.0.0.1:${port}`, insecure, channelOptions);
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + CONNECT_DEADLINE_MS, (error) => {
      if (error) reject(error);
      else resolve(new GrpcJsClient(module, client));
    });
  });
}

/** Starts a server. */
export function serveProgram(
  { grpc }: GrpcJsModule,
  awaitTurn: AwaitTurn,
): Promise<ServingRuntime> {
  const definition: ServiceDefinition = {
    call: {
      path: METHOD_PATH,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
    stream: {
      path: STREAM_PATH,
      requestStream: true,
      responseStream: true,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  };
  const server = new grpc.Server();
  server.addService(definition, {
    call(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void {
      awaitTurn(() => callback(null, call.request.subarray(0, ANSWER_BYTES)));
    },
    stream(call: ServerDuplexStream<Buffer, Buffer>): void {
      call.on('data', (request: Buffer) => {
        call.pause();
        awaitTurn(() => {
          call.write(request.subarray(0, ANSWER_BYTES));
          call.resume();
        });
      });
      call.on('end', () => call.end());
      call.on('error', () => {});
    },
  });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve({ port, acted: () => ({}) });
    });
  });
}
