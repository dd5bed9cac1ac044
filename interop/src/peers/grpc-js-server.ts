// TestService on @grpc/grpc-js.
// A server of grpc-js decompresses requests but tells nobody, and cannot compress replies: its
// `grpc-encoding` is a header that metadata replaces, and the flag byte is written by it as 0. So
// the flags of requests are read off the HTTP/2 stream, and a reply that shall go compressed is
// serialized to gzip bytes that set the flag as grpc-js copies them behind it.

import type { Http2Stream } from 'node:http2';
import { gzipSync } from 'node:zlib';
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  ServerInterceptingCall,
  type ServerInterceptor,
  status,
} from '@grpc/grpc-js';
import { EmptySchema } from '../gen/grpc/testing/empty_pb.ts';
import {
  type BoolValue,
  type EchoStatus,
  type ResponseParameters,
  SimpleResponseSchema,
  StreamingInputCallResponseSchema,
  type StreamingOutputCallResponse,
  StreamingOutputCallResponseSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import { TestService } from '../gen/grpc/testing/test_pb.ts';
import { MessageFlags } from './message-flags.ts';
import type { ServerTls } from './peer-commands.ts';

const INITIAL_KEY = 'x-grpc-test-echo-initial';
const TRAILING_KEY = 'x-grpc-test-echo-trailing-bin';

const { method } = TestService;
type Shape<M extends DescMessage> = MessageShape<M>;
type Of<K extends keyof typeof method, D extends 'input' | 'output'> = Shape<(typeof method)[K][D]>;

/** Requests that came compressed. */
const compressedRequests: WeakSet<object> = new WeakSet();
/** Replies that shall go compressed. */
const compressedReplies: WeakSet<object> = new WeakSet();

/** Notes of each request whether it came compressed. */
const watchRequests: ServerInterceptor = (_definition, call) => {
  const flags = new MessageFlags();
  let received = 0;
  // A private field of the innermost call, which is what the only interceptor is given.
  const { stream } = call as unknown as { readonly stream: Http2Stream };
  stream.on('data', (chunk: Buffer) => flags.push(chunk));
  return new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMessage: (message: object, deliver) => {
          if (flags.compressed[received] === true) compressedRequests.add(message);
          received += 1;
          deliver(message);
        },
      }),
  });
};

function compressed(bytes: Uint8Array): Buffer {
  const buffer = gzipSync(bytes);
  buffer.copy = (target, start = 0) => {
    target[0] = 1;
    target.set(buffer, start);
    return buffer.length;
  };
  return buffer;
}

function definitionOf<I extends DescMessage, O extends DescMessage>(
  one: DescMethod & { readonly input: I; readonly output: O },
): MethodDefinition<Shape<I>, Shape<O>> {
  return {
    path: `/${one.parent.typeName}/${one.name}`,
    requestStream: one.methodKind === 'client_streaming' || one.methodKind === 'bidi_streaming',
    responseStream: one.methodKind === 'server_streaming' || one.methodKind === 'bidi_streaming',
    requestSerialize: (message) => Buffer.from(toBinary(one.input, message)),
    requestDeserialize: (bytes) => fromBinary(one.input, bytes),
    responseSerialize: (message) => {
      const bytes = toBinary(one.output, message);
      return compressedReplies.has(message) ? compressed(bytes) : Buffer.from(bytes);
    },
    responseDeserialize: (bytes) => fromBinary(one.output, bytes),
  };
}

/** Why a request is refused that did not come as it says it should have. */
function refusalOf(
  request: object,
  expected: BoolValue | undefined,
): ServerErrorResponse | undefined {
  if (expected === undefined || expected.value === compressedRequests.has(request))
    return undefined;
  const details = `the request should have come with compressed = ${expected.value}`;
  return { code: status.INVALID_ARGUMENT, details, name: 'refused', message: details };
}

/** The status that a request asks for, if it asks for one. */
function askedFor(asked: EchoStatus | undefined): ServerErrorResponse | undefined {
  if (asked === undefined || asked.code === 0) return undefined;
  return { code: asked.code, details: asked.message, name: 'asked for', message: asked.message };
}

function echoOf(received: Metadata): { readonly header: Metadata; readonly trailer: Metadata } {
  const header = new Metadata();
  const trailer = new Metadata();
  for (const value of received.get(INITIAL_KEY)) header.add(INITIAL_KEY, value);
  for (const value of received.get(TRAILING_KEY)) trailer.add(TRAILING_KEY, value);
  return { header, trailer };
}

const unaryCall: handleUnaryCall<Of<'unaryCall', 'input'>, Of<'unaryCall', 'output'>> = (
  call,
  callback,
) => {
  const { request } = call;
  const fault = refusalOf(request, request.expectCompressed) ?? askedFor(request.responseStatus);
  if (fault !== undefined) {
    callback(fault);
    return;
  }
  const { header, trailer } = echoOf(call.metadata);
  const reply = create(SimpleResponseSchema, {
    payload: { body: new Uint8Array(request.responseSize) },
  });
  if (request.responseCompressed?.value === true) {
    header.set('grpc-encoding', 'gzip');
    compressedReplies.add(reply);
  }
  call.sendMetadata(header);
  callback(null, reply, trailer);
};

function responseTo(one: ResponseParameters): StreamingOutputCallResponse {
  const reply = create(StreamingOutputCallResponseSchema, {
    payload: { body: new Uint8Array(one.size) },
  });
  if (one.compressed?.value === true) compressedReplies.add(reply);
  return reply;
}

const streamingOutputCall: handleServerStreamingCall<
  Of<'streamingOutputCall', 'input'>,
  StreamingOutputCallResponse
> = (call) => {
  const { responseParameters } = call.request;
  const header = new Metadata();
  if (responseParameters.some((one) => one.compressed?.value)) header.set('grpc-encoding', 'gzip');
  call.sendMetadata(header);
  for (const one of responseParameters) call.write(responseTo(one));
  call.end();
};

const streamingInputCall: handleClientStreamingCall<
  Of<'streamingInputCall', 'input'>,
  Of<'streamingInputCall', 'output'>
> = (call, callback) => {
  let aggregatedPayloadSize = 0;
  let refused = false;
  call.on('data', (request: Of<'streamingInputCall', 'input'>) => {
    const refusal = refusalOf(request, request.expectCompressed);
    aggregatedPayloadSize += request.payload?.body.length ?? 0;
    if (refusal === undefined || refused) return;
    refused = true;
    callback(refusal);
  });
  call.on('end', () => {
    if (refused) return;
    callback(null, create(StreamingInputCallResponseSchema, { aggregatedPayloadSize }));
  });
};

const fullDuplexCall: handleBidiStreamingCall<
  Of<'fullDuplexCall', 'input'>,
  StreamingOutputCallResponse
> = (call) => {
  const { header, trailer } = echoOf(call.metadata);
  call.sendMetadata(header);
  call.on('data', (request: Of<'fullDuplexCall', 'input'>) => {
    const asked = askedFor(request.responseStatus);
    if (asked !== undefined) call.emit('error', asked);
    else for (const one of request.responseParameters) call.write(responseTo(one));
  });
  call.on('end', () => call.end(trailer));
};

/** Serves on 127.0.0.1; resolves with the port. */
export function serveGrpcJs(port: number, tls: ServerTls | undefined): Promise<number> {
  const server = new Server({ interceptors: [watchRequests] });
  server.addService(
    {
      emptyCall: definitionOf(method.emptyCall),
      unaryCall: definitionOf(method.unaryCall),
      streamingOutputCall: definitionOf(method.streamingOutputCall),
      streamingInputCall: definitionOf(method.streamingInputCall),
      fullDuplexCall: definitionOf(method.fullDuplexCall),
    },
    {
      emptyCall: ((_call, callback) =>
        callback(null, create(EmptySchema))) satisfies handleUnaryCall<
        Of<'emptyCall', 'input'>,
        Of<'emptyCall', 'output'>
      >,
      unaryCall,
      streamingOutputCall,
      streamingInputCall,
      fullDuplexCall,
    },
  );
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ private_key: tls.key, cert_chain: tls.cert }]);
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (fault, listening) => {
      if (fault === null) resolve(listening);
      else reject(fault);
    });
  });
}
