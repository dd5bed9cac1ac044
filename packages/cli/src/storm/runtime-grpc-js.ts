// @grpc/grpc-js under the storm, with its defaults: raw bytes both ways, no stream limit on the
// server (its default), one channel. It shows no depth of its queues.

import {
  type ChannelCredentials,
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
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
import { OK } from './status-name.ts';

const CONNECT_DEADLINE_MS = 5000;

function bytes(value: Buffer): Buffer {
  return value;
}

class GrpcJsClient implements ClientRuntime {
  private readonly client: Client;

  constructor(client: Client) {
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
    return null;
  }

  acted(): Record<string, number> {
    return {};
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
export function connectGrpcJs(port: number): Promise<ClientRuntime> {
  const insecure: ChannelCredentials = credentials.createInsecure();
  const client = new Client(`127.0.0.1:${port}`, insecure);
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + CONNECT_DEADLINE_MS, (error) => {
      if (error) reject(error);
      else resolve(new GrpcJsClient(client));
    });
  });
}

/** Starts a server. */
export function serveGrpcJs(awaitTurn: AwaitTurn): Promise<ServingRuntime> {
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
  const server = new Server();
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
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve({ port, acted: () => ({}) });
    });
  });
}
