// @grpc/reflection on the drop-in, in both of its versions: what a program like grpcurl asks, and a call
// made with nothing but what was answered.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type ClientDuplexStream,
  credentials,
  loadPackageDefinition,
  makeClientConstructor,
  type ServiceClientConstructor,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync, type Options } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as HEALTH_PROTO, HealthImplementation } from 'grpc-health-check';
import { assertOnDropIn } from './support/drop-in.ts';
import { localServer } from './support/local-server.ts';

const PROTOS: string = join(
  dirname(createRequire(__filename).resolve('@grpc/reflection')),
  '../proto',
);
const LOADING: Options = { longs: String, enums: String, defaults: true, oneofs: true };

interface ReflectionReply {
  readonly messageResponse: string;
  readonly listServicesResponse: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly errorResponse: { readonly errorCode: number; readonly errorMessage: string };
}

type Questions = ClientDuplexStream<object, ReflectionReply>;

/** A client of ServerReflection of that version. */
function reflectionClient(version: string): ServiceClientConstructor {
  const definition = loadSync(`grpc/reflection/${version}/reflection.proto`, {
    ...LOADING,
    includeDirs: [PROTOS],
  });
  const name = `grpc.reflection.${version}.ServerReflection`;
  // That the file has a service of this name.
  return makeClientConstructor(definition[name] as ServiceDefinition, name);
}

/** What each question is answered with, all of them on one stream. */
async function ask(
  t: TestContext,
  version: string,
  address: string,
  questions: readonly object[],
): Promise<ReflectionReply[]> {
  const client = new (reflectionClient(version))(address, credentials.createInsecure());
  t.after(() => client.close());
  // The one method of the service, which the type of the client does not list.
  const { serverReflectionInfo } = client as unknown as { serverReflectionInfo(): Questions };
  const stream = serverReflectionInfo.call(client);
  for (const question of questions) stream.write(question);
  stream.end();
  const replies: ReflectionReply[] = [];
  for await (const reply of stream) replies.push(reply);
  return replies;
}

function healthAndReflection(t: TestContext): Promise<{ readonly address: string }> {
  return localServer(t, (server) => {
    new HealthImplementation({ '': 'SERVING' }).addToServer(server);
    new ReflectionService(loadSync(HEALTH_PROTO, LOADING)).addToServer(server);
  });
}

test('@grpc/reflection runs on the drop-in', () => {
  assertOnDropIn('@grpc/reflection');
});

for (const version of ['v1', 'v1alpha']) {
  test(`${version}: the services are listed and what nobody has is said, on one stream`, async (t) => {
    const { address } = await healthAndReflection(t);
    const [list, missing, again] = await ask(t, version, address, [
      { listServices: '*' },
      { fileContainingSymbol: 'no.Such' },
      { listServices: '' },
    ]);
    assert.deepEqual(list?.listServicesResponse, { service: [{ name: 'grpc.health.v1.Health' }] });
    assert.deepEqual(missing?.errorResponse, {
      errorCode: 5,
      errorMessage: 'Symbol not found: no.Such',
    });
    assert.equal(again?.messageResponse, 'listServicesResponse');
  });

  test(`${version}: a call is made with nothing but the file a symbol is in`, async (t) => {
    const { address } = await healthAndReflection(t);
    const [reply] = await ask(t, version, address, [
      { fileContainingSymbol: 'grpc.health.v1.Health' },
    ]);
    const definition = loadFileDescriptorSetFromBuffer(
      descriptorSet(reply?.fileDescriptorResponse.fileDescriptorProto ?? []),
      LOADING,
    );
    const tree = loadPackageDefinition(definition) as unknown as {
      readonly grpc: { readonly health: { readonly v1: { Health: ServiceClientConstructor } } };
    };
    const client = new tree.grpc.health.v1.Health(address, credentials.createInsecure());
    t.after(() => client.close());
    const { check } = client as unknown as {
      check(
        request: object,
        callback: (error: ServiceError | null, reply: unknown) => void,
      ): unknown;
    };
    const checked = await new Promise((resolve, reject) => {
      check.call(client, {}, (error, value) => (error === null ? resolve(value) : reject(error)));
    });
    assert.deepEqual(checked, { status: 'SERVING' });
  });

  test(`${version}: a file comes with those it imports`, async (t) => {
    const sample = loadSync('sample.proto', {
      ...LOADING,
      includeDirs: [join(PROTOS, 'sample'), join(PROTOS, 'sample/vendor')],
    });
    const { address } = await localServer(t, (server) => {
      new ReflectionService(sample, { services: ['sample.SampleService'] }).addToServer(server);
    });
    const [list, file] = await ask(t, version, address, [
      { listServices: '*' },
      { fileContainingSymbol: 'sample.SampleService.Hello2' },
    ]);
    assert.deepEqual(list?.listServicesResponse.service, [{ name: 'sample.SampleService' }]);
    const files = file?.fileDescriptorResponse.fileDescriptorProto ?? [];
    const names = files.map((bytes) => fileName(bytes));
    assert.equal(names[0], 'sample.proto');
    assert.ok(names.includes('vendor.proto'), names.join());
  });
}

/** google.protobuf.FileDescriptorSet of these: field 1, repeated. */
function descriptorSet(files: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    files.flatMap((file) => [Buffer.from([0x0a, ...varint(file.length)]), Buffer.from(file)]),
  );
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** Field 1 of google.protobuf.FileDescriptorProto, which is written first and is short. */
function fileName(file: Uint8Array): string {
  return Buffer.from(file.subarray(2, 2 + (file[1] ?? 0))).toString();
}
