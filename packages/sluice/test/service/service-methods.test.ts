import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Method } from '#sluice/grpc/method.js';
import { methodOf, serviceMethods } from '#sluice/service/any-service.js';
import {
  GetItemRequestSchema,
  type Item,
  ItemSchema,
  OfferSchema,
  Shop,
} from '../gen/es/shop_pb.js';
import { Item as ProtobufTsItem, Shop as ProtobufTsShop } from '../gen/protobuf-ts/shop_pb.js';
import { ShopDefinition } from '../gen/ts-proto/shop.js';
import { families, loadedShop } from '../support/shop-families.js';

const PATHS = ['GetItem', 'ListItems', 'AddItems', 'Haggle'].map(
  (n) => `/sluice.test.v1.Shop/${n}`,
);
const KINDS = ['unary', 'serverStreaming', 'clientStreaming', 'bidiStreaming'];

function at(methods: readonly Method<unknown, unknown>[], index: number): Method<unknown, unknown> {
  const method = methods[index];
  assert.ok(method !== undefined);
  return method;
}

// Generators order fields differently: what the bytes say is what counts.
function itemIn(bytes: Uint8Array): Item {
  return fromBinary(ItemSchema, Uint8Array.from(bytes));
}

const reference = families[0];
assert.ok(reference !== undefined);
const itemBytes = at(serviceMethods(reference.service), 0).response.encode(reference.item);

for (const family of families) {
  test(`${family.name}: names, paths and kinds come in the order of the definition`, () => {
    const methods = serviceMethods(family.service);
    assert.deepEqual(
      methods.map((method) => method.name),
      family.keys,
    );
    assert.deepEqual(
      methods.map((method) => method.path),
      PATHS,
    );
    assert.deepEqual(
      methods.map((method) => method.kind),
      KINDS,
    );
  });

  test(`${family.name}: a message written by hand has the bytes all families give it`, () => {
    const method = at(serviceMethods(family.service), 0);
    const bytes = method.response.encode(family.item);
    assert.deepEqual(itemIn(bytes), itemIn(itemBytes));
    const request = Buffer.from(method.request.encode(family.request));
    assert.equal(family.idOf(method.request.decode(request)), 'apple');
    assert.deepEqual(fromBinary(GetItemRequestSchema, request).id, 'apple');
  });

  test(`${family.name}: what is decoded can be encoded again`, () => {
    const { response } = at(serviceMethods(family.service), 0);
    const decoded = response.decode(Buffer.from(itemBytes));
    assert.deepEqual(itemIn(response.encode(decoded)), itemIn(itemBytes));
  });

  test(`${family.name}: bytes that are no message throw`, () => {
    const { response } = at(serviceMethods(family.service), 0);
    // Field 1 of wire type 7, which is none.
    assert.throws(() => response.decode(Buffer.of(0x0f)));
  });

  test(`${family.name}: a service is read once`, () => {
    assert.equal(serviceMethods(family.service), serviceMethods(family.service));
  });
}

test('proto-loader: the lower-case name is a second key', () => {
  const methods = serviceMethods(loadedShop);
  assert.deepEqual(
    methods.map((method) => method.alias),
    ['getItem', 'listItems', 'addItems', 'haggle'],
  );
  assert.equal(serviceMethods(loadedShop.service)[0]?.path, PATHS[0]);
});

test('protobuf-es: a message is encoded as it stands, with the fields it does not know', () => {
  const { response } = at(serviceMethods(Shop), 3);
  const item = create(ItemSchema, { id: 'x', stock: { a: 1 } });
  const asOffer = response.decode(Buffer.from(toBinary(ItemSchema, item)));
  const again = fromBinary(ItemSchema, response.encode(asOffer));
  assert.deepEqual(again.stock, { a: 1 });
});

test('protobuf-es: a message of another type is refused', () => {
  const { request } = at(serviceMethods(Shop), 0);
  assert.throws(() => request.encode(create(OfferSchema, {})), /sluice\.test\.v1\.Offer/);
  assert.throws(() => request.encode(undefined), {
    name: 'TypeError',
    message: 'undefined is no message sluice.test.v1.GetItemRequest',
  });
});

test('protobuf-es: bytes of a decoded message are a view into what was received', () => {
  const { response } = at(serviceMethods(Shop), 0);
  const bytes = Buffer.from(itemBytes);
  const item = response.decode(bytes) as { picture: Uint8Array };
  assert.equal(item.picture.buffer, bytes.buffer);
  assert.deepEqual(item.picture, Uint8Array.of(0, 1, 254, 255));
});

test('protobuf-ts: a message made by create is encoded as it stands, any other is completed', () => {
  const { response } = at(serviceMethods(ProtobufTsShop), 0);
  const made = ProtobufTsItem.create({ id: 'x' });
  assert.deepEqual(response.encode(made), response.encode({ id: 'x' }));
  // As it stands: a field taken out of it is not put back.
  Reflect.deleteProperty(made, 'tags');
  assert.throws(() => response.encode(made));
});

test('methodOf gives one method by its name, typed', () => {
  const method: Method<{ id: string }, unknown> = methodOf(Shop, 'getItem');
  assert.equal(method.path, PATHS[0]);
  assert.equal(methodOf(ShopDefinition, 'haggle').kind, 'bidiStreaming');
  assert.equal(methodOf(loadedShop, 'getItem').path, PATHS[0]);
  assert.throws(() => methodOf(Shop, 'noSuch' as 'getItem'), {
    name: 'TypeError',
    message: 'the service has no method noSuch; it has getItem, listItems, addItems, haggle',
  });
});

test('what is no service is named, with what is understood', () => {
  const understood =
    'pass the service that protoc-gen-es (v2), ts-proto (outputServices=generic-definitions or ' +
    'grpc-js), @grpc/proto-loader or protobuf-ts generates';
  const values: [unknown, string][] = [
    [undefined, 'undefined'],
    ['Shop', "'Shop'"],
    [{}, '{}'],
    [{ getItem: () => undefined }, '{ getItem: [Function: getItem] }'],
    // A service of protobuf-es v1, whose methods are an object.
    [{ typeName: 'a.B', methods: { c: { name: 'C' } } }, "{ typeName: 'a.B', methods: [Object] }"],
    [ItemSchema.file, ''],
  ];
  for (const [value, shown] of values) {
    assert.throws(
      () => serviceMethods(value as typeof Shop),
      (error: unknown) =>
        error instanceof TypeError &&
        error.message.startsWith(`no service definition: ${shown}`) &&
        error.message.endsWith(`; ${understood}`),
    );
  }
});
