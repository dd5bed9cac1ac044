// A program written for @grpc/grpc-js: clients as generators write them, as people write them by hand, and
// every form of a call. It is compiled, never run.

import type { EventEmitter } from 'node:events';
import {
  type Call,
  type CallInvocationTransformer,
  type CallOptions,
  type CallProperties,
  type ChannelCredentials,
  type ChannelInterface,
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  closeClient,
  credentials,
  type Deadline,
  type deserialize,
  type GrpcObject,
  getClientChannel,
  loadPackageDefinition,
  Metadata,
  type MethodDefinition,
  makeClientConstructor,
  makeGenericClientConstructor,
  type ProtobufTypeDefinition,
  type requestCallback,
  type ServiceClientConstructor,
  type ServiceDefinition,
  type ServiceError,
  type StatusObject,
  type serialize,
  status,
  waitForClientReady,
} from '@grpc/grpc-js';

export interface Item {
  readonly id: string;
}

export const encode: serialize<Item> = (value) => Buffer.from(JSON.stringify(value));
export const decode: deserialize<Item> = (value) => JSON.parse(value.toString());

/** As ts-proto writes it with outputServices=grpc-js. */
export type ShopService = typeof ShopService;
export const ShopService = {
  getItem: {
    path: '/test.Shop/GetItem',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Item): Buffer => Buffer.from(value.id),
    requestDeserialize: (value: Buffer): Item => ({ id: value.toString() }),
    responseSerialize: (value: Item): Buffer => Buffer.from(value.id),
    responseDeserialize: (value: Buffer): Item => ({ id: value.toString() }),
  },
  listItems: {
    path: '/test.Shop/ListItems',
    requestStream: false,
    responseStream: true,
    requestSerialize: (value: Item): Buffer => Buffer.from(value.id),
    requestDeserialize: (value: Buffer): Item => ({ id: value.toString() }),
    responseSerialize: (value: Item): Buffer => Buffer.from(value.id),
    responseDeserialize: (value: Buffer): Item => ({ id: value.toString() }),
  },
  addItems: {
    path: '/test.Shop/AddItems',
    requestStream: true,
    responseStream: false,
    requestSerialize: (value: Item): Buffer => Buffer.from(value.id),
    requestDeserialize: (value: Buffer): Item => ({ id: value.toString() }),
    responseSerialize: (value: Item): Buffer => Buffer.from(value.id),
    responseDeserialize: (value: Buffer): Item => ({ id: value.toString() }),
  },
  haggle: {
    path: '/test.Shop/Haggle',
    requestStream: true,
    responseStream: true,
    requestSerialize: (value: Item): Buffer => Buffer.from(value.id),
    requestDeserialize: (value: Buffer): Item => ({ id: value.toString() }),
    responseSerialize: (value: Item): Buffer => Buffer.from(value.id),
    responseDeserialize: (value: Buffer): Item => ({ id: value.toString() }),
  },
} as const;

export interface ShopClient extends Client {
  getItem(
    request: Item,
    callback: (error: ServiceError | null, response: Item) => void,
  ): ClientUnaryCall;
  getItem(
    request: Item,
    metadata: Metadata,
    callback: (error: ServiceError | null, response: Item) => void,
  ): ClientUnaryCall;
  getItem(
    request: Item,
    metadata: Metadata,
    options: Partial<CallOptions>,
    callback: (error: ServiceError | null, response: Item) => void,
  ): ClientUnaryCall;
  listItems(request: Item, options?: Partial<CallOptions>): ClientReadableStream<Item>;
  listItems(
    request: Item,
    metadata?: Metadata,
    options?: Partial<CallOptions>,
  ): ClientReadableStream<Item>;
  addItems(
    callback: (error: ServiceError | null, response: Item) => void,
  ): ClientWritableStream<Item>;
  haggle(): ClientDuplexStream<Item, Item>;
  haggle(options: Partial<CallOptions>): ClientDuplexStream<Item, Item>;
  haggle(metadata: Metadata, options?: Partial<CallOptions>): ClientDuplexStream<Item, Item>;
}

export const ShopClient = makeGenericClientConstructor(ShopService, 'test.Shop') as unknown as {
  new (
    address: string,
    credentials: ChannelCredentials,
    options?: Partial<ClientOptions>,
  ): ShopClient;
  service: typeof ShopService;
  serviceName: string;
};

/** As grpc-tools and people write it: a class of its own over Client. */
export class HandWrittenClient extends Client {
  readonly seen: string[];

  constructor(address: string, secret: ChannelCredentials, options?: ClientOptions) {
    super(address, secret, options);
    this.seen = [];
    this.get = this.get.bind(this);
  }

  get(
    request: Item,
    metadata: Metadata | requestCallback<Item>,
    options?: CallOptions | requestCallback<Item>,
    callback?: requestCallback<Item>,
  ): ClientUnaryCall {
    if (typeof metadata === 'function') {
      return this.makeUnaryRequest('/a.B/C', encode, decode, request, metadata);
    }
    if (typeof options === 'function') {
      return this.makeUnaryRequest('/a.B/C', encode, decode, request, metadata, options);
    }
    return super.makeUnaryRequest(
      '/a.B/C',
      encode,
      decode,
      request,
      metadata,
      options ?? {},
      callback ?? (() => {}),
    );
  }

  list(request: Item, options?: CallOptions): ClientReadableStream<Item> {
    return this.makeServerStreamRequest('/a.B/D', encode, decode, request, new Metadata(), options);
  }

  add(callback: requestCallback<Item>): ClientWritableStream<Item> {
    return this.makeClientStreamRequest('/a.B/E', encode, decode, new Metadata(), callback);
  }

  haggle(): ClientDuplexStream<Item, Item> {
    return this.makeBidiStreamRequest('/a.B/F', encode, decode, {});
  }

  override close(): void {
    super.close();
  }
}

export const transformer: CallInvocationTransformer = (properties) => {
  const changed: CallProperties<unknown, unknown> = {
    ...properties,
    callOptions: { ...properties.callOptions, deadline: Date.now() + 1000 },
  };
  const emitter: EventEmitter = properties.call;
  emitter.setMaxListeners(0);
  return changed;
};

export const channelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.max_receive_message_length': -1,
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc-node.flow_control_window': 1024 * 1024,
  'grpc.lb.ring_hash.ring_size_cap': 4096,
  'a key of nobody': { any: 'value' },
};

export const clientOptions: ClientOptions = {
  ...channelOptions,
  callInvocationTransformer: transformer,
  interceptors: [],
};

export const deadlines: readonly Deadline[] = [new Date(), Date.now(), Number.POSITIVE_INFINITY];

export async function use(): Promise<string[]> {
  const lines: string[] = [];
  const shop = new ShopClient('dns:///shop.example:443', credentials.createSsl(), clientOptions);
  const metadata = new Metadata({ waitForReady: true });
  const options: CallOptions = {
    deadline: new Date(Date.now() + 500),
    host: 'other.example',
    propagate_flags: 65535,
    credentials: credentials.createEmpty(),
  };
  const unary: ClientUnaryCall = shop.getItem({ id: 'a' }, metadata, options, (error, item) => {
    if (error?.code === status.NOT_FOUND) lines.push(error.details, error.message);
    else lines.push(item.id);
  });
  unary.on('metadata', (header: Metadata) => lines.push(String(header.get('x')[0])));
  unary.once('status', (end: StatusObject) => lines.push(status[end.code], end.details));
  unary.cancel();
  lines.push(unary.getPeer(), unary.getAuthContext()?.transportSecurityType ?? 'none');

  const items = shop.listItems({ id: 'a' });
  items.on('data', (item: Item) => lines.push(item.id));
  items.on('error', (error: ServiceError) => lines.push(error.details));
  items.on('end', () => lines.push('end'));
  for await (const item of items) lines.push((item as Item).id);
  const first: Item = items.read();
  items.pause().resume().destroy();

  const upload = shop.addItems((error, item) => lines.push(error?.message ?? item.id));
  const hasRoom: boolean = upload.write(first);
  upload.write(first, () => {});
  if (!hasRoom) upload.once('drain', () => upload.end());
  upload.end(first);

  const offers = shop.haggle(new Metadata(), { deadline: Number.POSITIVE_INFINITY });
  offers.on('data', (offer: Item) => offers.write(offer));
  offers.write({ id: 'offer' }, 'utf8', () => {});
  const calls: readonly Call[] = [unary, items, upload, offers];
  for (const call of calls) call.cancel();

  const channel: ChannelInterface = getClientChannel(shop);
  lines.push(channel.getTarget());
  waitForClientReady(shop, Date.now() + 1000, (error?: Error) => lines.push(error?.message ?? ''));
  shop.waitForReady(new Date(), (error) => lines.push(String(error)));
  closeClient(shop);
  return lines;
}

/** What @grpc/proto-loader gives, by its shape. */
export const definition: ServiceDefinition = {
  GetItem: { ...ShopService.getItem, originalName: 'getItem' },
};
export const one: MethodDefinition<Item, Item> = ShopService.getItem;
export const message: ProtobufTypeDefinition = {
  format: 'Protocol Buffer 3 DescriptorProto',
  type: {},
  fileDescriptorProtos: [Buffer.alloc(0)],
};
export const loaded: GrpcObject = loadPackageDefinition({
  'test.Shop': definition,
  'test.Item': message,
});
export const Constructor: ServiceClientConstructor = makeClientConstructor(definition, 'Shop', {});

export function untyped(): unknown {
  const Shop = loaded.Shop as ServiceClientConstructor;
  const client = new Shop('localhost:1', credentials.createInsecure(), {
    'grpc.enable_retries': 0,
  });
  const service: ServiceDefinition = Shop.service;
  client.GetItem?.({}, () => {});
  const base: Client = client;
  base.close();
  return [service, Shop.serviceName];
}
