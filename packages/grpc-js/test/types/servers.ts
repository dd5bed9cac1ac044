// A program written for @grpc/grpc-js: servers, their handlers of all four kinds, credentials, and the ways
// in which a handler may fail. It is compiled, never run.

import type { Duplex } from 'node:stream';
import {
  type ConnectionInjector,
  type Deadline,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type KeyCertPair,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerErrorResponse,
  type ServerMethodDefinition,
  ServerMetricRecorder,
  type ServerOptions,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  StatusBuilder,
  type StatusObject,
  type sendUnaryData,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { type Item, ShopClient, ShopService } from './clients.ts';

/** As ts-proto writes it. */
export interface ShopServer extends UntypedServiceImplementation {
  getItem: handleUnaryCall<Item, Item>;
  listItems: handleServerStreamingCall<Item, Item>;
  addItems: handleClientStreamingCall<Item, Item>;
  haggle: handleBidiStreamingCall<Item, Item>;
}

export const failure: ServerErrorResponse = Object.assign(new Error('no'), {
  code: status.NOT_FOUND,
  details: 'nothing there',
  metadata: new Metadata(),
});

export const shop: ShopServer = {
  getItem(call, callback) {
    const item: Item = call.request;
    const deadline: Deadline = call.getDeadline();
    if (deadline instanceof Date || call.cancelled) return;
    if (item.id === '') callback({ code: status.INVALID_ARGUMENT, details: 'id is empty' });
    else if (item.id === 'b') callback(failure);
    else if (item.id === 'c') callback(new StatusBuilder().withCode(status.ABORTED).build());
    else if (item.id === 'd') callback(null);
    else if (item.id === 'e') callback(null, null, new Metadata(), 0);
    else callback(null, item);
  },
  listItems(call) {
    call.sendMetadata(new Metadata());
    call.on('cancelled', () => {});
    call.on('finish', () => {});
    if (!call.write(call.request)) call.once('drain', () => call.end(new Metadata()));
    call.emit('error', { code: status.INTERNAL, details: 'emitted' });
    call.destroy(new Error('destroyed'));
    call.end();
  },
  addItems(call, callback) {
    let last: Item | undefined;
    call.on('data', (item: Item) => {
      last = item;
    });
    call.on('end', () => callback(null, last ?? { id: '' }));
  },
  async haggle(call) {
    for await (const offer of call) call.write(offer as Item);
    call.end();
  },
};

/** As NestJS and others have them: functions by name, of any type. */
export const untyped: UntypedServiceImplementation = {
  getItem: (call: ServerUnaryCall<Item, Item>, callback: sendUnaryData<Item>): void =>
    callback(null, call.request),
};

export function kinds(
  unary: ServerUnaryCall<Item, Item>,
  upload: ServerReadableStream<Item, Item>,
  download: ServerWritableStream<Item, Item>,
  chat: ServerDuplexStream<Item, Item>,
): readonly string[] {
  const lines: string[] = [];
  for (const call of [unary, upload, download, chat]) {
    const { metadata, cancelled } = call;
    lines.push(call.getPeer(), call.getPath(), call.getHost(), `${cancelled}`);
    lines.push(...metadata.get('x').map(String));
    const { sslPeerCertificate, transportSecurityType } = call.getAuthContext();
    lines.push(sslPeerCertificate?.subject.CN?.toString() ?? '', transportSecurityType ?? '');
    const recorder = call.getMetricsRecorder();
    recorder.recordCPUUtilizationMetric(0.5);
    recorder.recordNamedMetric('queue', 1);
  }
  const read: Item | null = upload.read();
  lines.push(read?.id ?? '', unary.request.id, download.request.id);
  upload.on('data', (item: Item) => chat.write(item));
  return lines;
}

export const options: ServerOptions = {
  'grpc.max_concurrent_streams': 100,
  'grpc.max_connection_age_ms': 60_000,
  'grpc.server_call_metric_recording': 1,
  interceptors: [],
};

export const pair: KeyCertPair = { private_key: Buffer.alloc(0), cert_chain: Buffer.alloc(0) };

export function start(connection: Duplex): Server {
  const server = new Server(options);
  server.addService(ShopService, shop);
  server.addService(ShopClient.service, untyped);
  server.removeService(ShopService);
  const method: ServerMethodDefinition<Item, Item> = ShopService.getItem;
  const handler: UntypedHandleCall = shop.getItem;
  const isNew: boolean = server.register(
    method.path,
    shop.getItem,
    method.responseSerialize,
    method.requestDeserialize,
    'unary',
  );
  if (!isNew) server.unregister(method.path);
  server.register(
    '/a.B/C',
    handler,
    (value) => value as Buffer,
    (value) => value,
    'bidi',
  );
  const secure = ServerCredentials.createSsl(null, [pair], true);
  server.bindAsync('0.0.0.0:0', secure, (error: Error | null, port: number) => {
    if (error !== null) throw error;
    server.unbind(`0.0.0.0:${port}`);
    server.drain(`0.0.0.0:${port}`, 1000);
  });
  const injector: ConnectionInjector = server.createConnectionInjector(
    ServerCredentials.createInsecure(),
  );
  injector.injectConnection(connection);
  injector.drain(100);
  injector.destroy();
  const recorder = new ServerMetricRecorder();
  recorder.setAllUtilizationMetrics({ disk: 0.5 });
  recorder.addToServer(server);
  server.start();
  server.tryShutdown((error?: Error) => {
    if (error !== undefined) server.forceShutdown();
  });
  return server;
}

/** Errors as they are passed about. */
export function errors(error: ServiceError): StatusObject {
  const { code, details, metadata, message, stack } = error;
  const end: StatusObject = { code, details: details || message || `${stack}`, metadata };
  return end;
}

/** A server of somebody's own. */
export class OwnServer extends Server {
  override start(): void {}
}
