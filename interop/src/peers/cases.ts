// The interop cases as a client carries them out: doc/interop-test-descriptions.md of gRPC, one
// function per case. Each rejects with what was not as it should be.
// Invariant: a case knows no library, only CaseClient.

import assert from 'node:assert/strict';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type SimpleRequest,
  SimpleRequestSchema,
  type StreamingOutputCallRequestSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import { TestService, UnimplementedService } from '../gen/grpc/testing/test_pb.ts';
import { CallStatus, type CaseClient, type CaseMetadata, type Field } from './case-client.ts';
import type { InteropCase } from './case-names.ts';

type OutputRequest = MessageInitShape<typeof StreamingOutputCallRequestSchema>;

const { emptyCall, unaryCall, streamingInputCall, streamingOutputCall, fullDuplexCall } =
  TestService.method;

const LARGE_REQUEST = 271_828;
const LARGE_RESPONSE = 314_159;
const REQUEST_SIZES: readonly number[] = [27_182, 8, 1_828, 45_904];
const RESPONSE_SIZES: readonly number[] = [31_415, 9, 2_653, 58_979];

const CANCELLED = 1;
const UNKNOWN = 2;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const UNIMPLEMENTED = 12;

const INITIAL_KEY = 'x-grpc-test-echo-initial';
const TRAILING_KEY = 'x-grpc-test-echo-trailing-bin';
const INITIAL_VALUE = 'test_initial_metadata_value';
const TRAILING_VALUE: Uint8Array = Uint8Array.of(0xab, 0xab, 0xab);

function zeros(size: number): { body: Uint8Array<ArrayBuffer> } {
  return { body: new Uint8Array(size) };
}

function expectSize(payload: { readonly body: Uint8Array } | undefined, size: number): void {
  assert.equal(
    payload?.body.length,
    size,
    `bytes of the payload: ${payload?.body.length}, not ${size}`,
  );
  assert.ok(
    payload.body.every((byte) => byte === 0),
    'the payload is not all zeros',
  );
}

/** Passes when `call` ends with `code`; `details` undefined takes any. */
async function expectStatus(call: Promise<unknown>, code: number, details?: string): Promise<void> {
  try {
    await call;
  } catch (status) {
    if (!(status instanceof CallStatus)) throw status;
    assert.equal(status.code, code, `status ${status.code} (${status.details}), not ${code}`);
    if (details !== undefined) assert.equal(status.details, details);
    return;
  }
  throw new Error(`the call ended with OK, not with status ${code}`);
}

/** What a request says of compression. */
interface Expectations {
  readonly expectCompressed?: { readonly value: boolean };
  readonly responseCompressed?: { readonly value: boolean };
}

function large(more: Expectations = {}): SimpleRequest {
  const sizes = { responseSize: LARGE_RESPONSE, payload: zeros(LARGE_REQUEST) };
  return create(SimpleRequestSchema, { ...sizes, ...more });
}

function outputs(sizes: readonly number[], payload: number): OutputRequest {
  return { responseParameters: sizes.map((size) => ({ size })), payload: zeros(payload) };
}

async function emptyUnary(client: CaseClient): Promise<void> {
  await client.unary(emptyCall, {}, {});
}

async function largeUnary(client: CaseClient): Promise<void> {
  const { message } = await client.unary(unaryCall, large(), {});
  expectSize(message.payload, LARGE_RESPONSE);
}

async function clientCompressedUnary(client: CaseClient): Promise<void> {
  const expectCompressed = large({ expectCompressed: { value: true } });
  await expectStatus(client.unary(unaryCall, expectCompressed, {}), INVALID_ARGUMENT);
  const compressed = await client.unary(unaryCall, expectCompressed, { compress: true });
  expectSize(compressed.message.payload, LARGE_RESPONSE);
  const plain = await client.unary(unaryCall, large({ expectCompressed: { value: false } }), {});
  expectSize(plain.message.payload, LARGE_RESPONSE);
}

async function serverCompressedUnary(client: CaseClient): Promise<void> {
  for (const value of [true, false]) {
    const request = large({ responseCompressed: { value } });
    // Once as programs call, once with the flag seen.
    const { message } = await client.unary(unaryCall, request, {});
    expectSize(message.payload, LARGE_RESPONSE);
    const watched = await client.unary(unaryCall, request, { watchCompression: true });
    expectSize(watched.message.payload, LARGE_RESPONSE);
    assert.equal(
      watched.compressed,
      value,
      `response_compressed ${value}: flag ${watched.compressed}`,
    );
  }
}

async function clientStreaming(client: CaseClient): Promise<void> {
  const call = client.stream(streamingInputCall, {});
  for (const size of REQUEST_SIZES) call.send({ payload: zeros(size) });
  call.end();
  const reply = await call.receive();
  assert.equal(reply?.message.aggregatedPayloadSize, 74_922);
  assert.equal(await call.receive(), undefined);
}

async function clientCompressedStreaming(client: CaseClient): Promise<void> {
  const compressed = { payload: zeros(27_182), expectCompressed: { value: true } };
  const probe = client.stream(streamingInputCall, {});
  probe.send(compressed);
  probe.end();
  await expectStatus(probe.receive(), INVALID_ARGUMENT);
  const call = client.stream(streamingInputCall, { compress: true });
  call.send(compressed);
  call.send({ payload: zeros(45_904), expectCompressed: { value: false } }, false);
  call.end();
  const reply = await call.receive();
  assert.equal(reply?.message.aggregatedPayloadSize, 73_086);
}

async function serverStreaming(client: CaseClient): Promise<void> {
  const call = client.stream(streamingOutputCall, {});
  call.send(outputs(RESPONSE_SIZES, 0));
  call.end();
  for (const size of RESPONSE_SIZES) expectSize((await call.receive())?.message.payload, size);
  assert.equal(await call.receive(), undefined, 'a fifth response');
}

async function serverCompressedStreaming(client: CaseClient): Promise<void> {
  const expected = [
    { size: 31_415, compressed: true },
    { size: 92_653, compressed: false },
  ];
  const responseParameters = expected.map(({ size, compressed }) => ({
    size,
    compressed: { value: compressed },
  }));
  for (const watchCompression of [false, true]) {
    const call = client.stream(streamingOutputCall, { watchCompression });
    call.send({ responseParameters });
    call.end();
    for (const { size, compressed } of expected) {
      const reply = await call.receive();
      expectSize(reply?.message.payload, size);
      if (!watchCompression) continue;
      assert.equal(
        reply?.compressed,
        compressed,
        `compressed ${compressed}: flag ${reply?.compressed}`,
      );
    }
    assert.equal(await call.receive(), undefined, 'a third response');
  }
}

async function pingPong(client: CaseClient): Promise<void> {
  const call = client.stream(fullDuplexCall, {});
  for (const [i, size] of RESPONSE_SIZES.entries()) {
    call.send(outputs([size], REQUEST_SIZES[i] ?? 0));
    expectSize((await call.receive())?.message.payload, size);
  }
  call.end();
  assert.equal(await call.receive(), undefined, 'a fifth response');
}

async function emptyStream(client: CaseClient): Promise<void> {
  const call = client.stream(fullDuplexCall, {});
  call.end();
  assert.equal(await call.receive(), undefined, 'a response to no request');
}

function expectEchoes(header: CaseMetadata, trailer: CaseMetadata): void {
  assert.deepEqual(header.values(INITIAL_KEY), [INITIAL_VALUE], 'the header is not as sent');
  const [value, ...others] = trailer.values(TRAILING_KEY);
  assert.equal(others.length, 0, 'more than one trailer');
  assert.ok(value instanceof Uint8Array, 'no trailer with bytes');
  assert.deepEqual([...value], [...TRAILING_VALUE], 'the trailer is not as sent');
}

async function customMetadata(client: CaseClient): Promise<void> {
  const metadata: readonly Field[] = [
    [INITIAL_KEY, INITIAL_VALUE],
    [TRAILING_KEY, TRAILING_VALUE],
  ];
  const reply = await client.unary(unaryCall, large(), { metadata });
  expectSize(reply.message.payload, LARGE_RESPONSE);
  expectEchoes(reply.header, reply.trailer);
  const call = client.stream(fullDuplexCall, { metadata });
  call.send(outputs([LARGE_RESPONSE], LARGE_REQUEST));
  call.end();
  expectSize((await call.receive())?.message.payload, LARGE_RESPONSE);
  assert.equal(await call.receive(), undefined, 'a second response');
  expectEchoes(call.header(), call.trailer());
}

async function statusCodeAndMessage(client: CaseClient): Promise<void> {
  const responseStatus = { code: UNKNOWN, message: 'test status message' };
  await expectStatus(
    client.unary(unaryCall, { responseStatus }, {}),
    UNKNOWN,
    responseStatus.message,
  );
  const call = client.stream(fullDuplexCall, {});
  call.send({ responseStatus });
  call.end();
  await expectStatus(call.receive(), UNKNOWN, responseStatus.message);
}

async function specialStatusMessage(client: CaseClient): Promise<void> {
  const message = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';
  const responseStatus = { code: UNKNOWN, message };
  await expectStatus(client.unary(unaryCall, { responseStatus }, {}), UNKNOWN, message);
}

function unimplementedMethod(client: CaseClient): Promise<void> {
  const { unimplementedCall } = TestService.method;
  return expectStatus(client.unary(unimplementedCall, {}, {}), UNIMPLEMENTED);
}

function unimplementedService(client: CaseClient): Promise<void> {
  const { unimplementedCall } = UnimplementedService.method;
  return expectStatus(client.unary(unimplementedCall, {}, {}), UNIMPLEMENTED);
}

async function cancelAfterBegin(client: CaseClient): Promise<void> {
  const call = client.stream(streamingInputCall, {});
  call.cancel();
  await expectStatus(call.receive(), CANCELLED);
}

async function cancelAfterFirstResponse(client: CaseClient): Promise<void> {
  const call = client.stream(fullDuplexCall, {});
  call.send(outputs([31_415], 27_182));
  expectSize((await call.receive())?.message.payload, 31_415);
  call.cancel();
  await expectStatus(call.receive(), CANCELLED);
}

async function timeoutOnSleepingServer(client: CaseClient): Promise<void> {
  const call = client.stream(fullDuplexCall, { timeoutMs: 1 });
  call.send(outputs([], 27_182));
  await expectStatus(call.receive(), DEADLINE_EXCEEDED);
}

/** Each case by its official name. */
export const CASES: Readonly<Record<InteropCase, (client: CaseClient) => Promise<void>>> = {
  empty_unary: emptyUnary,
  large_unary: largeUnary,
  client_compressed_unary: clientCompressedUnary,
  server_compressed_unary: serverCompressedUnary,
  client_streaming: clientStreaming,
  client_compressed_streaming: clientCompressedStreaming,
  server_streaming: serverStreaming,
  server_compressed_streaming: serverCompressedStreaming,
  ping_pong: pingPong,
  empty_stream: emptyStream,
  custom_metadata: customMetadata,
  status_code_and_message: statusCodeAndMessage,
  special_status_message: specialStatusMessage,
  unimplemented_method: unimplementedMethod,
  unimplemented_service: unimplementedService,
  cancel_after_begin: cancelAfterBegin,
  cancel_after_first_response: cancelAfterFirstResponse,
  timeout_on_sleeping_server: timeoutOnSleepingServer,
};
