// The types that each family of generated code yields. The compiler is the test: an `Exactly` that
// does not hold, or an unused @ts-expect-error, fails the build.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DescService, Message } from '@bufbuild/protobuf';
import type * as grpc from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import type { MethodTypesOf } from '#sluice/service/any-service.js';
import type { MethodTypes } from '#sluice/service/method-types.js';
import { withMethodsOf } from '#sluice/service/protobuf-ts.js';
import type * as Es from '../gen/es/shop_pb.js';
import type { IShopClient } from '../gen/protobuf-ts/shop_pb.client.js';
import * as ProtobufTs from '../gen/protobuf-ts/shop_pb.js';
import type * as TsProto from '../gen/ts-proto/shop.js';
import type * as GrpcJs from '../gen/ts-proto-grpc-js/shop.js';

type Exactly<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

function holds<_Claim extends true>(): void {}

type Kinds<S> = {
  [K in keyof MethodTypesOf<S>]: MethodTypesOf<S>[K] extends MethodTypes
    ? MethodTypesOf<S>[K]['kind']
    : never;
};

interface ShopKinds {
  readonly getItem: 'unary';
  readonly listItems: 'serverStreaming';
  readonly addItems: 'clientStreaming';
  readonly haggle: 'bidiStreaming';
}

type Same<A, B> = Exactly<{ [K in keyof A]: A[K] }, { [K in keyof B]: B[K] }>;

type Init<S, K extends keyof MethodTypesOf<S>> = MethodTypesOf<S>[K] extends MethodTypes
  ? MethodTypesOf<S>[K]['requestInit']
  : never;

test('protobuf-es: kinds, messages and init shapes', () => {
  type S = typeof Es.Shop;
  type GetItem = MethodTypesOf<S>['getItem'];
  holds<Same<Kinds<S>, ShopKinds>>();
  holds<Exactly<GetItem['request'], Es.GetItemRequest>>();
  holds<Exactly<GetItem['response'], Es.Item>>();
  const partial: Init<S, 'addItems'> = {
    id: '1',
    price: { cents: 3n },
    origin: { case: 'country', value: 'at' },
  };
  // @ts-expect-error a field of the wrong type
  const wrong: Init<S, 'addItems'> = { id: 1 };
  // @ts-expect-error an unknown field
  const unknown: Init<S, 'addItems'> = { idd: '1' };
  // @ts-expect-error a method that is not there
  type None = MethodTypesOf<S>['noSuch'];
  assert.ok(partial && wrong && unknown && (true as unknown as None) !== false);
});

test('protobuf-es: a service of a registry, known at run time only, has methods of every name', () => {
  type Untyped = MethodTypesOf<DescService>[string];
  holds<Exactly<Untyped['kind'], MethodTypes['kind']>>();
  holds<Exactly<Untyped['request'], Message>>();
});

test('ts-proto generic definitions: kinds, messages and partial messages', () => {
  type S = typeof TsProto.ShopDefinition;
  type GetItem = MethodTypesOf<S>['getItem'];
  holds<Same<Kinds<S>, ShopKinds>>();
  holds<Exactly<GetItem['request'], TsProto.GetItemRequest>>();
  holds<Exactly<GetItem['response'], TsProto.Item>>();
  const partial: Init<S, 'addItems'> = {
    id: '1',
    price: { cents: 3n },
    origin: { $case: 'country', value: 'at' },
  };
  // @ts-expect-error a field of the wrong type
  const wrong: Init<S, 'addItems'> = { id: 1 };
  // @ts-expect-error an unknown field
  const unknown: Init<S, 'addItems'> = { idd: '1' };
  // @ts-expect-error a method that is not there
  type None = MethodTypesOf<S>['noSuch'];
  assert.ok(partial && wrong && unknown && (true as unknown as None) !== false);
});

test('grpc-js definitions of ts-proto: kinds and messages', () => {
  type S = typeof GrpcJs.ShopService;
  type GetItem = MethodTypesOf<S>['getItem'];
  holds<Same<Kinds<S>, ShopKinds>>();
  holds<Exactly<GetItem['request'], GrpcJs.GetItemRequest>>();
  holds<Exactly<GetItem['requestInit'], GrpcJs.GetItemRequest>>();
  holds<Exactly<GetItem['response'], GrpcJs.Item>>();
  holds<Exactly<MethodTypesOf<typeof GrpcJs.ShopClient>['getItem'], GetItem>>();
  // @ts-expect-error a message must be whole
  const partial: Init<S, 'addItems'> = { id: '1' };
  // @ts-expect-error a method that is not there
  type None = MethodTypesOf<S>['noSuch'];
  assert.ok(partial && (true as unknown as None) !== false);
});

test('definitions of proto-loader-gen-types: messages both ways, and every kind', () => {
  interface ShopDefinition extends grpc.ServiceDefinition {
    GetItem: MethodDefinition<{ id?: string }, { id?: string }, { id: string }, { id: string }>;
  }
  type Types = MethodTypesOf<ShopDefinition>;
  holds<Exactly<keyof Types, 'GetItem'>>();
  holds<Exactly<Types['GetItem']['request'], { id: string }>>();
  holds<Exactly<Types['GetItem']['requestInit'], { id?: string }>>();
  holds<Exactly<Types['GetItem']['response'], { id: string }>>();
  holds<Exactly<Types['GetItem']['responseInit'], { id?: string }>>();
  holds<Exactly<Types['GetItem']['kind'], MethodTypes['kind']>>();
  // Without generated types any name is a method.
  holds<Exactly<keyof MethodTypesOf<grpc.ServiceClientConstructor>, string | number>>();
});

test('protobuf-ts: the client interface lends its types', () => {
  const shop = withMethodsOf<IShopClient>(ProtobufTs.Shop);
  type S = typeof shop;
  type GetItem = MethodTypesOf<S>['getItem'];
  holds<Same<Kinds<S>, ShopKinds>>();
  holds<Exactly<GetItem['request'], ProtobufTs.GetItemRequest>>();
  holds<Exactly<GetItem['response'], ProtobufTs.Item>>();
  const partial: Init<S, 'addItems'> = {
    id: '1',
    price: { cents: 3n },
    origin: { oneofKind: 'country', country: 'at' },
  };
  const nested: Init<S, 'addItems'> = { origin: { oneofKind: 'parent', parent: { id: '2' } } };
  // @ts-expect-error a field of the wrong type
  const wrong: Init<S, 'addItems'> = { id: 1 };
  // @ts-expect-error an unknown field
  const unknown: Init<S, 'addItems'> = { idd: '1' };
  // @ts-expect-error a method that is not there
  type None = MethodTypesOf<S>['noSuch'];
  assert.ok(partial && nested && wrong && unknown && (true as unknown as None) !== false);
  // Without them, any name is a method.
  holds<Exactly<keyof MethodTypesOf<typeof ProtobufTs.Shop>, string | number>>();
});
