// TestService on Sluice: typed handlers, and the callback level for the two methods whose requests
// may expect to have come compressed, because it alone tells.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type CallHandler,
  createServer,
  type ServerContext,
  type ServiceHandlers,
  Status,
  StatusError,
  uncompressed,
} from 'sluice';
import { addReflection } from 'sluice/reflection';
import {
  type BoolValue,
  type EchoStatus,
  type ResponseParameters,
  type SimpleRequest,
  SimpleRequestSchema,
  SimpleResponseSchema,
  StreamingInputCallRequestSchema,
  StreamingInputCallResponseSchema,
  type StreamingOutputCallResponse,
  StreamingOutputCallResponseSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import { TestService } from '../gen/grpc/testing/test_pb.ts';
import { pathOf } from './case-client.ts';
import type { ServerTls } from './peer-commands.ts';

const INITIAL_KEY = 'x-grpc-test-echo-initial';
const TRAILING_KEY = 'x-grpc-test-echo-trailing-bin';

function echoMetadata(context: ServerContext): void {
  for (const value of context.metadata.getAll(INITIAL_KEY)) {
    context.header.append(INITIAL_KEY, value);
  }
  for (const value of context.metadata.getAll(TRAILING_KEY)) {
    context.trailer.append(TRAILING_KEY, value);
  }
}

/** Throws the status that a request asks for, if it asks for one. */
function endAsAsked(asked: EchoStatus | undefined): void {
  if (asked === undefined || asked.code === 0) return;
  // From the network; the cases ask for codes that there are.
  throw new StatusError(asked.code as Status, asked.message);
}

/** Throws when a request did not come as it says it should have. */
function checkCompression(expected: BoolValue | undefined, compressed: boolean): void {
  if (expected === undefined || expected.value === compressed) return;
  throw new StatusError(
    Status.INVALID_ARGUMENT,
    `the request should have come with compressed = ${expected.value}`,
  );
}

function responseTo(one: ResponseParameters): StreamingOutputCallResponse {
  const body = new Uint8Array(one.size);
  const response = create(StreamingOutputCallResponseSchema, { payload: { body } });
  return one.compressed?.value === false ? uncompressed(response) : response;
}

const handlers: ServiceHandlers<typeof TestService> = {
  emptyCall: () => ({}),

  async *streamingOutputCall({ responseParameters }, context) {
    if (responseParameters.some((one) => one.compressed?.value)) context.compress = 'gzip';
    for (const one of responseParameters) yield responseTo(one);
  },

  async *fullDuplexCall(requests, context) {
    echoMetadata(context);
    for await (const { responseStatus, responseParameters } of requests) {
      endAsAsked(responseStatus);
      for (const one of responseParameters) yield responseTo(one);
    }
  },
};

function answerUnary(
  request: SimpleRequest,
  compressed: boolean,
  context: ServerContext,
): Uint8Array {
  checkCompression(request.expectCompressed, compressed);
  echoMetadata(context);
  endAsAsked(request.responseStatus);
  if (request.responseCompressed?.value === true) context.compress = 'gzip';
  const body = new Uint8Array(request.responseSize);
  return toBinary(SimpleResponseSchema, create(SimpleResponseSchema, { payload: { body } }));
}

const unaryCall: CallHandler = (call, context) => {
  let answer: Uint8Array = new Uint8Array();
  call.request(1);
  return {
    onMessage: (bytes, compressed) => {
      answer = answerUnary(fromBinary(SimpleRequestSchema, bytes), compressed, context);
    },
    onHalfClose: () => {
      call.send(answer);
      call.end(Status.OK);
    },
    onWritable: () => {},
    onCancel: () => call.end(Status.CANCELLED),
  };
};

const streamingInputCall: CallHandler = (call) => {
  let aggregatedPayloadSize = 0;
  call.request(1);
  return {
    onMessage: (bytes, compressed) => {
      const request = fromBinary(StreamingInputCallRequestSchema, bytes);
      checkCompression(request.expectCompressed, compressed);
      aggregatedPayloadSize += request.payload?.body.length ?? 0;
      call.request(1);
    },
    onHalfClose: () => {
      const response = create(StreamingInputCallResponseSchema, { aggregatedPayloadSize });
      call.send(toBinary(StreamingInputCallResponseSchema, response));
      call.end(Status.OK);
    },
    onWritable: () => {},
    onCancel: () => call.end(Status.CANCELLED),
  };
};

/** Serves on 127.0.0.1; resolves with the port. */
export async function serveSluice(port: number, tls: ServerTls | undefined): Promise<number> {
  const server = createServer(tls === undefined ? {} : { tls })
    .add(TestService, handlers)
    .handle(pathOf(TestService.method.unaryCall), unaryCall)
    .handle(pathOf(TestService.method.streamingInputCall), streamingInputCall);
  addReflection(server);
  const address = await server.listen({ host: '127.0.0.1', port });
  return address.port;
}
