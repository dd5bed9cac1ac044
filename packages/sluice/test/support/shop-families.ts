// The service of test/proto in every family of generated code, and one item written in each.
// The items mean the same, so that their bytes must be the same.
import { fileURLToPath } from 'node:url';
import {
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { AnyService } from '#sluice/service/any-service.js';
import { Shop } from '../gen/es/shop_pb.js';
import { Shop as ProtobufTsShop } from '../gen/protobuf-ts/shop_pb.js';
import { ShopDefinition } from '../gen/ts-proto/shop.js';
import { ShopService } from '../gen/ts-proto-grpc-js/shop.js';

const PICTURE = Uint8Array.of(0, 1, 254, 255);

// The tests run from dist-test, to which no .proto file is copied.
const PROTO = fileURLToPath(new URL('../../test/proto/shop.proto', import.meta.url));

/** The service through proto-loader: a client constructor of grpc-js. */
export const loadedShop: ServiceClientConstructor = ((): ServiceClientConstructor => {
  const loaded = loadPackageDefinition(loadSync(PROTO, { longs: String, oneofs: true }));
  let at: GrpcObject[string] | undefined = loaded;
  for (const name of ['sluice', 'test', 'v1', 'Shop']) at = (at as GrpcObject)[name];
  return at as ServiceClientConstructor;
})();

/** A family of generated code. */
export interface Family {
  readonly name: string;
  readonly service: AnyService;
  /** The keys of its methods. */
  readonly keys: readonly string[];
  /** A request of GetItem. */
  readonly request: unknown;
  /** An item with one field of each shape, as a caller may write it. */
  readonly item: unknown;
  /** Of more cents than 32 bits hold. */
  readonly offer: unknown;
  readonly summary: (items: number) => unknown;
  /** The id in a decoded message. */
  readonly idOf: (message: unknown) => string;
  readonly itemsOf: (message: unknown) => number;
  readonly offerOf: (message: unknown) => string;
}

const CAMEL = ['getItem', 'listItems', 'addItems', 'haggle'];

const read = {
  idOf: (message: unknown): string => (message as { id: string }).id,
  itemsOf: (message: unknown): number => (message as { items: number }).items,
  offerOf: (message: unknown): string => {
    const { itemId, cents } = message as { itemId: string; cents: unknown };
    return `${itemId} for ${cents}`;
  },
};

const shared = {
  id: 'apple',
  picture: PICTURE,
  size: 2,
  tags: ['red', 'ripe'],
  stock: { cellar: 7 },
  weight: 0.25,
};

export const families: readonly Family[] = [
  {
    name: 'protobuf-es',
    service: Shop,
    keys: CAMEL,
    request: { id: 'apple' },
    item: { ...shared, price: { cents: 120n }, origin: { case: 'parent', value: { id: 'tree' } } },
    offer: { itemId: 'apple', cents: 4_000_000_000n },
    summary: (items) => ({ items }),
    ...read,
  },
  {
    name: 'ts-proto generic definitions',
    service: ShopDefinition,
    keys: CAMEL,
    request: { id: 'apple' },
    item: { ...shared, price: { cents: 120n }, origin: { $case: 'parent', value: { id: 'tree' } } },
    offer: { itemId: 'apple', cents: 4_000_000_000n },
    summary: (items) => ({ items }),
    ...read,
  },
  {
    name: 'grpc-js definition of ts-proto',
    service: ShopService,
    keys: CAMEL,
    request: { id: 'apple' },
    item: {
      ...shared,
      picture: Buffer.from(PICTURE),
      price: { cents: 120, currency: '' },
      parent: { id: 'tree', picture: Buffer.alloc(0), size: 0, tags: [], stock: {} },
    },
    offer: { itemId: 'apple', cents: 4_000_000_000 },
    summary: (items) => ({ items, totalCents: 0 }),
    ...read,
  },
  {
    name: 'proto-loader',
    service: loadedShop,
    keys: ['GetItem', 'ListItems', 'AddItems', 'Haggle'],
    request: { id: 'apple' },
    item: { ...shared, price: { cents: '120' }, parent: { id: 'tree' } },
    offer: { itemId: 'apple', cents: '4000000000' },
    summary: (items) => ({ items }),
    ...read,
  },
  {
    name: 'protobuf-ts',
    service: ProtobufTsShop,
    keys: CAMEL,
    request: { id: 'apple' },
    item: {
      ...shared,
      price: { cents: 120n },
      origin: { oneofKind: 'parent', parent: { id: 'tree' } },
    },
    offer: { itemId: 'apple', cents: 4_000_000_000n },
    summary: (items) => ({ items }),
    ...read,
  },
];
