// Error details, both ways: between a client and a server of ours, and with grpc-js, which leaves
// `grpc-status-details-bin` to whoever reads it.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import grpc from '@grpc/grpc-js';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
  RpcStatusSchema,
} from '#sluice/api/google-rpc.js';
import { findDetails, statusDetails, statusErrorWithDetails } from '#sluice/api/status-details.js';
import { Metadata, Status, StatusError } from '#sluice/index.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Details/Method';
const KEY = 'grpc-status-details-bin';

const running = new Running();

afterEach(() => running.end());

function badRequest(): StatusError {
  return statusErrorWithDetails(Status.INVALID_ARGUMENT, 'no such size', [
    {
      schema: BadRequestSchema,
      message: { fieldViolations: [{ field: 'size', description: 'is 9' }] },
    },
    { schema: RetryInfoSchema, message: { retryDelay: { seconds: 2n } } },
  ]);
}

function assertBadRequest(error: StatusError): void {
  assert.equal(error.code, Status.INVALID_ARGUMENT);
  assert.equal(error.details, 'no such size');
  assert.deepEqual(
    statusDetails(error).map((detail) => detail.typeUrl),
    ['type.googleapis.com/google.rpc.BadRequest', 'type.googleapis.com/google.rpc.RetryInfo'],
  );
  const [violation] = findDetails(error, BadRequestSchema)[0]?.fieldViolations ?? [];
  assert.equal(violation?.field, 'size');
  assert.equal(violation.description, 'is 9');
  assert.equal(findDetails(error, RetryInfoSchema)[0]?.retryDelay?.seconds, 2n);
  assert.deepEqual(findDetails(error, ErrorInfoSchema), []);
}

describe('details of an error', () => {
  it('are in the error before it is sent', () => {
    assertBadRequest(badRequest());
  });

  it('reach the caller of our server', async () => {
    const server = running.server().unary(PATH, () => {
      throw badRequest();
    });
    const channel = await running.channelTo(server);
    assertBadRequest(await failureOf(channel.unary(PATH, Buffer.alloc(0))));
  });

  it('of a grpc-js server are read', async () => {
    const server = new grpc.Server();
    const same = (bytes: Buffer): Buffer => bytes;
    const method = {
      path: PATH,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    const status = create(RpcStatusSchema, {
      code: Status.INVALID_ARGUMENT,
      message: 'no such size',
      details: [
        anyPack(
          BadRequestSchema,
          create(BadRequestSchema, { fieldViolations: [{ field: 'size', description: 'is 9' }] }),
        ),
        anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds: 2n } })),
      ],
    });
    server.addService(
      { method },
      {
        method: (_call: unknown, answer: grpc.sendUnaryData<Buffer>) => {
          const metadata = new grpc.Metadata();
          metadata.set(KEY, Buffer.from(toBinary(RpcStatusSchema, status)));
          answer({ code: grpc.status.INVALID_ARGUMENT, details: 'no such size', metadata }, null);
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    const channel = running.channel(`127.0.0.1:${port}`);
    const error = await failureOf(channel.unary(PATH, Buffer.alloc(0)));
    server.forceShutdown();
    assertBadRequest(error);
  });

  it('reach a grpc-js client', async () => {
    const server = running.server().unary(PATH, () => {
      throw badRequest();
    });
    const { port } = await server.listen({ host: '127.0.0.1' });
    const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const error = await new Promise<grpc.ServiceError | null>((resolve) => {
      const same = (bytes: Buffer): Buffer => bytes;
      client.makeUnaryRequest(PATH, same, same, Buffer.alloc(0), resolve);
    });
    client.close();
    const [bytes] = error?.metadata.get(KEY) ?? [];
    assert.ok(bytes instanceof Buffer);
    const status = fromBinary(RpcStatusSchema, bytes);
    assert.equal(status.code, grpc.status.INVALID_ARGUMENT);
    assert.equal(status.message, 'no such size');
    assert.equal(status.details[0]?.typeUrl, 'type.googleapis.com/google.rpc.BadRequest');
  });
});

describe('statusErrorWithDetails', () => {
  it('keeps metadata and cause it is given, and changes neither', () => {
    const metadata = new Metadata({ shop: 'north' });
    const cause = new Error('why');
    const error = statusErrorWithDetails(
      Status.NOT_FOUND,
      'gone',
      [{ schema: ErrorInfoSchema, message: { reason: 'SOLD' } }],
      { metadata, cause },
    );
    assert.equal(error.cause, cause);
    assert.equal(error.metadata.get('shop'), 'north');
    assert.equal(findDetails(error, ErrorInfoSchema)[0]?.reason, 'SOLD');
    assert.equal(metadata.has(KEY), false);
  });

  it('holds each message to its schema', () => {
    const wrong = (): StatusError =>
      statusErrorWithDetails(Status.NOT_FOUND, '', [
        // @ts-expect-error a field of another message
        { schema: ErrorInfoSchema, message: { fieldViolations: [] } },
      ]);
    assert.equal(typeof wrong, 'function');
  });
});

describe('details that are not there', () => {
  const none: [string, unknown][] = [
    ['an error without them', new StatusError(Status.INTERNAL, 'x')],
    ['no StatusError', new Error('x')],
    ['nothing', undefined],
    ['bytes that are no google.rpc.Status', withTrailer(Buffer.of(0x0f))],
    ['a status without any', withTrailer(Buffer.alloc(0))],
  ];
  for (const [what, error] of none) {
    it(`are an empty list: ${what}`, () => {
      assert.deepEqual(statusDetails(error), []);
      assert.deepEqual(findDetails(error, BadRequestSchema), []);
    });
  }

  it('leave out a detail whose bytes are not of its type', () => {
    const status = create(RpcStatusSchema, {
      details: [
        { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Uint8Array.of(0x0f) },
        { typeUrl: 'example.com/any/prefix/google.rpc.ErrorInfo', value: new Uint8Array() },
      ],
    });
    const error = withTrailer(toBinary(RpcStatusSchema, status));
    assert.equal(statusDetails(error).length, 2);
    assert.equal(findDetails(error, ErrorInfoSchema).length, 1);
  });
});

function withTrailer(bytes: Uint8Array): StatusError {
  return new StatusError(Status.INTERNAL, 'x', { metadata: new Metadata({ [KEY]: bytes }) });
}
