// Server reflection (gRPC server-reflection.md): what a server lists, the files behind it, extensions,
// and what is not there.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { create, createFileRegistry, fromBinary, isFieldSet, toBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { createClient } from '#sluice/api/client.js';
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '#sluice/gen/grpc/reflection/v1/reflection_pb.js';
import { type Channel, Status } from '#sluice/index.js';
import { addChannelz } from '#sluice/services/channelz.js';
import { linkFiles } from '#sluice/services/loader-files.js';
import {
  addReflection,
  type ReflectionOptions,
  ServerReflection,
  ServerReflectionV1Alpha,
} from '#sluice/services/reflection.js';
import { file_shop, Shop } from '../gen/es/shop_pb.js';
import { ShopDefinition } from '../gen/ts-proto/shop.js';
import { failureOf, messagesOf, Running } from '../support/running.js';
import { loadedShop } from '../support/shop-families.js';
import { GrpcJsCaller, loadService } from './grpc-js-caller.js';

const SHOP = 'sluice.test.v1.Shop';
const CHANNELZ = 'grpc.channelz.v1.Channelz';
const REFLECTION = [
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

const running = new Running();

afterEach(() => running.end());

type Question = ServerReflectionRequest['messageRequest'];
type Answer = ServerReflectionResponse['messageResponse'];

async function ask(channel: Channel, ...questions: Question[]): Promise<Answer[]> {
  const requests = questions.map((messageRequest) => ({ messageRequest }));
  const answers = createClient(ServerReflection, channel).serverReflectionInfo(requests);
  return (await messagesOf(answers)).map(({ messageResponse }) => messageResponse);
}

function filesOf(answer: Answer | undefined): FileDescriptorProto[] {
  assert.equal(answer?.case, 'fileDescriptorResponse');
  const { fileDescriptorProto } = answer.value;
  return fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

function namesOf(answer: Answer | undefined): string[] {
  return filesOf(answer).map(({ name }) => name);
}

function servicesOf(answer: Answer | undefined): string[] {
  assert.equal(answer?.case, 'listServicesResponse');
  return answer.value.service.map(({ name }) => name);
}

function errorOf(answer: Answer | undefined): [number, string] {
  assert.equal(answer?.case, 'errorResponse');
  return [answer.value.errorCode, answer.value.errorMessage];
}

async function reflecting(options?: ReflectionOptions): Promise<Channel> {
  const server = running.server().add(Shop, { getItem: () => ({}) });
  addChannelz(server);
  addReflection(server, options);
  return running.channelTo(server);
}

const bySymbol = (value: string): Question => ({ case: 'fileContainingSymbol', value });
const byName = (value: string): Question => ({ case: 'fileByFilename', value });
const list: Question = { case: 'listServices', value: '' };

/** A file with a message that another file extends. */
function extensible(): FileDescriptorSet {
  const base = create(FileDescriptorProtoSchema, {
    name: 'base.proto',
    package: 'test',
    syntax: 'proto2',
    messageType: [
      {
        name: 'Base',
        extensionRange: [{ start: 100, end: 200 }],
        nestedType: [{ name: 'Inner', oneofDecl: [{ name: 'choice' }] }],
        enumType: [{ name: 'Colour', value: [{ name: 'RED', number: 0 }] }],
      },
    ],
  });
  const field = { label: Label.OPTIONAL, type: Type.INT32, extendee: '.test.Base' };
  const more = create(FileDescriptorProtoSchema, {
    name: 'more.proto',
    package: 'test.more',
    syntax: 'proto2',
    dependency: ['base.proto'],
    extension: [{ ...field, name: 'late', number: 120 }],
    messageType: [{ name: 'Home', extension: [{ ...field, name: 'early', number: 110 }] }],
  });
  return create(FileDescriptorSetSchema, { file: [base, more] });
}

describe('list_services', () => {
  it('names all services of the server, those added later too', async () => {
    const server = running.server();
    addReflection(server);
    const channel = await running.channelTo(server);
    assert.deepEqual(servicesOf((await ask(channel, list))[0]), REFLECTION);
    server.add(ShopDefinition, { getItem: () => ({}) });
    assert.deepEqual(servicesOf((await ask(channel, list))[0]), [...REFLECTION, SHOP]);
  });

  it('names further services that are given', async () => {
    const channel = await reflecting({ services: ['test.Bytes', Shop] });
    const names = servicesOf((await ask(channel, list))[0]);
    assert.deepEqual(names, [CHANNELZ, ...REFLECTION, SHOP, 'test.Bytes']);
  });
});

describe('file_containing_symbol', () => {
  it('finds services, methods, messages, nested ones, fields, enums and their values', async () => {
    const channel = await reflecting();
    const symbols = [
      SHOP,
      `${SHOP}.GetItem`,
      'sluice.test.v1.Item',
      'sluice.test.v1.Item.Price',
      'sluice.test.v1.Item.Price.cents',
      'sluice.test.v1.Size',
      'sluice.test.v1.SIZE_LARGE',
    ];
    const answers = await ask(channel, ...symbols.map(bySymbol));
    for (const answer of answers) assert.deepEqual(namesOf(answer), ['shop.proto']);
  });

  it('sends a file with all it imports, and each import once in a stream', async () => {
    const channel = await reflecting();
    const symbol = bySymbol(CHANNELZ);
    const [first, again, alone] = await ask(
      channel,
      symbol,
      symbol,
      byName('google/protobuf/any.proto'),
    );
    const imports = ['any', 'duration', 'timestamp', 'wrappers'];
    const files = imports.map((name) => `google/protobuf/${name}.proto`);
    assert.deepEqual(namesOf(first), ['grpc/channelz/v1/channelz.proto', ...files]);
    assert.deepEqual(namesOf(again), ['grpc/channelz/v1/channelz.proto']);
    assert.deepEqual(namesOf(alone), ['google/protobuf/any.proto']);
  });

  it('is NOT_FOUND, in the answer, for what no file defines', async () => {
    const channel = await reflecting();
    const [symbol, file, listed] = await ask(channel, bySymbol('a.B'), byName('a.proto'), list);
    assert.deepEqual(errorOf(symbol), [
      Status.NOT_FOUND,
      'this server has no descriptor of a.B; pass it to addReflection there',
    ]);
    assert.deepEqual(errorOf(file), [
      Status.NOT_FOUND,
      'this server has no descriptor of file a.proto; pass it to addReflection there',
    ]);
    assert.equal(servicesOf(listed).length, 4);
  });
});

describe('descriptors', () => {
  it('of proto-loader are linked, so that clients can resolve every type', async () => {
    const channelz = loadService('grpc/channelz/v1/channelz.proto', CHANNELZ);
    const server = running.server().add(loadedShop, { GetItem: () => ({}) });
    server.add(channelz, { GetServer: () => ({}) });
    addReflection(server);
    const channel = await running.channelTo(server);
    const answers = await ask(channel, bySymbol(SHOP), bySymbol(CHANNELZ));
    // A registry takes a file behind its imports.
    const file = answers.flatMap((answer) => filesOf(answer).reverse());
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
    const methods = registry.getService(SHOP)?.methods.map(({ name }) => name);
    assert.deepEqual(methods, ['GetItem', 'ListItems', 'AddItems', 'Haggle']);
    const input = registry.getService(CHANNELZ)?.method.getServer?.input.typeName;
    assert.equal(input, 'grpc.channelz.v1.GetServerRequest');
    const value = registry.getMessage('grpc.channelz.v1.SocketOption')?.field.additional;
    assert.equal(value?.message?.typeName, 'google.protobuf.Any');
    const fields = file.flatMap(({ messageType }) => messageType.flatMap(({ field }) => field));
    for (const field of fields)
      assert.ok(!isFieldSet(field, FieldDescriptorProtoSchema.field.extendee), field.name);
  });

  it('of proto-loader define nothing that other descriptors define', async () => {
    const channelz = loadService('grpc/channelz/v1/channelz.proto', CHANNELZ);
    const server = running.server().add(channelz, { GetServer: () => ({}) });
    addReflection(server, { descriptors: [file_google_protobuf_any] });
    const channel = await running.channelTo(server);
    const [first, home] = await ask(
      channel,
      bySymbol(CHANNELZ),
      bySymbol('google.protobuf.Any.value'),
    );
    const files = ['google/protobuf/any.proto', 'google_protobuf.proto', 'grpc_channelz_v1.proto'];
    assert.deepEqual(namesOf(first).sort(), files);
    assert.deepEqual(namesOf(home), ['google/protobuf/any.proto']);
    const defined = filesOf(first).flatMap((file) => file.messageType.map(({ name }) => name));
    assert.equal(defined.filter((name) => name === 'Any').length, 1);
  });

  it('of proto-loader of two loads are one file, whose ranges end where they should', () => {
    const part = (name: string, typeName: string): FileDescriptorProto =>
      create(FileDescriptorProtoSchema, {
        name: 'test.proto',
        package: 'test',
        messageType: [
          {
            name,
            field: [{ name: 'other', number: 1, type: Type.MESSAGE, typeName }],
            extensionRange: [{ start: 100, end: 199 }],
            reservedRange: [{ start: 5, end: 5 }],
          },
        ],
      });
    const parts = [part('A', 'B'), part('A', 'B'), part('B', 'A'), part('C', 'known.D')];
    const known = {
      fileOf: (symbol: string) => (symbol === 'known.D' ? 'known.proto' : undefined),
    };
    const [file, ...others] = linkFiles(parts, known);
    assert.ok(file !== undefined);
    assert.equal(others.length, 0);
    assert.deepEqual(file.dependency, ['known.proto']);
    const seen = file.messageType.map(({ name, field, extensionRange, reservedRange }) => [
      name,
      field[0]?.typeName,
      extensionRange[0]?.end,
      reservedRange.length,
    ]);
    assert.deepEqual(seen, [
      ['A', '.test.B', 200, 0],
      ['B', '.test.A', 200, 0],
      ['C', '.known.D', 200, 0],
    ]);
  });

  it('are taken as generated files, as sets and as bytes, for families that have none', async () => {
    const set = create(FileDescriptorSetSchema, { file: [file_shop.proto] });
    for (const given of [file_shop, set, toBinary(FileDescriptorSetSchema, set)]) {
      const server = running.server().add(ShopDefinition, { getItem: () => ({}) });
      addReflection(server, { descriptors: [given] });
      const [answer] = await ask(await running.channelTo(server), bySymbol(SHOP));
      assert.deepEqual(namesOf(answer), ['shop.proto']);
    }
  });

  it('that are none are refused', () => {
    const descriptors = [Buffer.from([7])];
    assert.throws(() => addReflection(running.server(), { descriptors }), {
      name: 'TypeError',
      message: '1 bytes of descriptors are no google.protobuf.FileDescriptorSet',
    });
  });
});

describe('extensions', () => {
  const options = { descriptors: [extensible()] };

  it('are found by message and number, and by name', async () => {
    const channel = await reflecting(options);
    const value = { containingType: 'test.Base', extensionNumber: 110 };
    const question = { case: 'fileContainingExtension', value } as Question;
    const [byNumber, byHome] = await ask(channel, question, bySymbol('test.more.Home.early'));
    assert.deepEqual(namesOf(byNumber), ['more.proto', 'base.proto']);
    assert.deepEqual(namesOf(byHome), ['more.proto']);
    const missing = { containingType: 'test.Base', extensionNumber: 111 };
    const [error] = await ask(channel, {
      case: 'fileContainingExtension',
      value: missing,
    } as Question);
    const text = 'this server has no descriptor of extension 111 of test.Base';
    assert.equal(errorOf(error)[1], `${text}; pass it to addReflection there`);
  });

  it('of a type are listed by number; a type without any has none; no type is NOT_FOUND', async () => {
    const channel = await reflecting(options);
    const numbersOf = async (value: string): Promise<Answer | undefined> =>
      (await ask(channel, { case: 'allExtensionNumbersOfType', value }))[0];
    const some = await numbersOf('test.Base');
    assert.equal(some?.case, 'allExtensionNumbersResponse');
    assert.deepEqual(some.value.extensionNumber, [110, 120]);
    assert.equal(some.value.baseTypeName, 'test.Base');
    const none = await numbersOf('test.Base.Inner');
    assert.equal(none?.case, 'allExtensionNumbersResponse');
    assert.deepEqual(none.value.extensionNumber, []);
    assert.equal(errorOf(await numbersOf('test.Nothing'))[0], Status.NOT_FOUND);
  });
});

describe('a stream of questions', () => {
  it('is answered in order, each answer with its question and host', async () => {
    const channel = await reflecting();
    const requests = ['a.A', SHOP, 'b.B'].map((value, i) => ({
      host: `host-${i}`,
      messageRequest: bySymbol(value),
    }));
    const client = createClient(ServerReflection, channel);
    const answers = await messagesOf(client.serverReflectionInfo(requests));
    const seen = answers.map(({ validHost, originalRequest, messageResponse }) => [
      validHost,
      originalRequest?.messageRequest.value,
      messageResponse.case,
    ]);
    assert.deepEqual(seen, [
      ['host-0', 'a.A', 'errorResponse'],
      ['host-1', SHOP, 'fileDescriptorResponse'],
      ['host-2', 'b.B', 'errorResponse'],
    ]);
  });

  it('ends with INVALID_ARGUMENT where one asks for nothing', async () => {
    const client = createClient(ServerReflection, await reflecting());
    const error = await failureOf(messagesOf(client.serverReflectionInfo([{}])));
    assert.equal(error.code, Status.INVALID_ARGUMENT);
    const text = 'the reflection request asks for nothing; set one field of message_request';
    assert.equal(error.details, text);
  });

  it('is the same in v1alpha', async () => {
    const client = createClient(ServerReflectionV1Alpha, await reflecting());
    const messageRequest = { case: 'fileContainingSymbol' as const, value: SHOP };
    const requests = [{ messageRequest }];
    const [answer] = await messagesOf(client.serverReflectionInfo(requests));
    assert.equal(answer?.messageResponse.case, 'fileDescriptorResponse');
    assert.equal(answer.messageResponse.value.fileDescriptorProto.length, 1);
  });

  it('is answered to grpc-js', async () => {
    const server = running.server().add(Shop, { getItem: () => ({}) });
    addReflection(server);
    const { port } = await server.listen({ host: '127.0.0.1' });
    const [v1 = ''] = REFLECTION;
    const caller = new GrpcJsCaller('grpc/reflection/v1/reflection.proto', v1, port);
    const [services, files] = await caller.bidi('ServerReflectionInfo', [
      { listServices: '' },
      { fileContainingSymbol: SHOP },
    ]);
    caller.close();
    assert.deepEqual(services, {
      originalRequest: { listServices: '' },
      listServicesResponse: { service: [...REFLECTION, SHOP].map((name) => ({ name })) },
    });
    assert.ok(files !== undefined && 'fileDescriptorResponse' in files);
  });
});
