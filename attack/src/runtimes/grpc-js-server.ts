// @grpc/grpc-js as the server under attack: its defaults, and the channel options that come nearest
// to the limits that a row sets.
// Not here: what the methods are for (runtime.ts).

import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { bytesMethod } from '../bytes-method.ts';
import {
  CHAT,
  compute,
  ECHO,
  type HandlerCount,
  numbersIn,
  PAYLOAD,
  PAYLOAD_BYTES,
  READ,
  SEEN,
  type ServePlan,
  type ServingRuntime,
  SLOW,
  STALL,
  STREAM,
} from './runtime.ts';

type Unary = ServerUnaryCall<Buffer, Buffer>;
type Done = sendUnaryData<Buffer>;

const DEFINITION: ServiceDefinition = {
  echo: bytesMethod(ECHO, false, false),
  slow: bytesMethod(SLOW, false, false),
  payload: bytesMethod(PAYLOAD, false, false),
  seen: bytesMethod(SEEN, false, false),
  stream: bytesMethod(STREAM, false, true),
  stall: bytesMethod(STALL, true, false),
  read: bytesMethod(READ, true, false),
  chat: bytesMethod(CHAT, true, true),
};

async function writeAll(call: ServerWritableStream<Buffer, Buffer>): Promise<void> {
  const [count = 0, size = 0] = numbersIn(call.request);
  for (let i = 0; i < count && !call.cancelled; i += 1) {
    if (!call.write(Buffer.alloc(size, 's'))) {
      await new Promise<void>((resolve) => {
        call.once('drain', resolve);
        call.once('cancelled', resolve);
      });
    }
  }
  call.end();
}

function handlersOf(handlers: HandlerCount, seen: ReadonlySet<string>) {
  const shared = Buffer.alloc(PAYLOAD_BYTES, 's');
  return {
    echo: (call: Unary, done: Done) => done(null, call.request),
    slow: (call: Unary, done: Done) => {
      handlers.begin();
      const answer = (): void => {
        handlers.end();
        done(null, call.request);
      };
      const [waitMs = 0, computeMs = 0] = numbersIn(call.request);
      compute(computeMs);
      setTimeout(answer, waitMs);
    },
    payload: (_call: Unary, done: Done) => done(null, shared),
    seen: (_call: Unary, done: Done) => done(null, Buffer.from(JSON.stringify([...seen]))),
    stream: (call: ServerWritableStream<Buffer, Buffer>) => {
      handlers.begin();
      call.on('error', () => {});
      void writeAll(call).finally(() => handlers.end());
    },
    stall: (call: ServerReadableStream<Buffer, Buffer>, done: Done) => {
      handlers.begin();
      call.on('error', () => {});
      call.once('cancelled', () => {
        handlers.end();
        done(null, Buffer.alloc(0));
      });
    },
    read: (call: ServerReadableStream<Buffer, Buffer>, done: Done) => {
      let count = 0;
      call.on('data', () => {
        count += 1;
      });
      call.on('error', () => {});
      call.on('end', () => done(null, Buffer.from(String(count))));
    },
    chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('error', () => {});
      call.on('data', (request: Buffer) => {
        if (!call.write(request)) call.pause();
      });
      call.on('drain', () => call.resume());
      call.on('end', () => call.end());
    },
  };
}

export function serveGrpcJs(plan: ServePlan, handlers: HandlerCount): Promise<ServingRuntime> {
  const { limits, maxReceiveMessageLength, minPingIntervalMs, seesPaths, tls } = plan;
  const seen = new Set<string>();
  const notes: ServerInterceptor = ({ path }, call) => {
    seen.add(path);
    return new ServerInterceptingCall(call);
  };
  const server = new Server({
    ...(seesPaths === true ? { interceptors: [notes] } : {}),
    ...(limits?.streams === undefined ? {} : { 'grpc.max_concurrent_streams': limits.streams }),
    ...(maxReceiveMessageLength === undefined
      ? {}
      : { 'grpc.max_receive_message_length': maxReceiveMessageLength }),
    ...(minPingIntervalMs === undefined
      ? {}
      : { 'grpc.http2.min_ping_interval_without_data_ms': minPingIntervalMs }),
  });
  server.addService(DEFINITION, handlersOf(handlers, seen));
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) },
        ]);
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
      if (error) reject(error);
      else resolve({ port, acted: () => ({}), open: () => null });
    });
  });
}
