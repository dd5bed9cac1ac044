// A program for @grpc/grpc-js as a side, with its calls and events and identity serializers, on the
// module that it is given: the package of that name, or the drop-in for it. The server advertises
// 100,000 streams because a node:http2 client assumes 100 until it is told otherwise, and a waiting
// line would be measured instead of the library.

import type * as grpc from '@grpc/grpc-js';
import {
  BIDI_PATH,
  DOWNLOAD_PATH,
  downloadRequest,
  HANG_PATH,
  readUploadAnswer,
  UNARY_PATH,
  UPLOAD_PATH,
  uploadAnswer,
} from '../protocol.ts';
import type {
  ClientOptions,
  ClientSide,
  Download,
  DownloadListener,
  ServerSide,
  Side,
  TypedListener,
  UnaryListener,
} from './side.ts';

/** What the program is written against. */
export type GrpcModule = typeof grpc;

/** Typed calls, where there is generated code for the module. */
export interface TypedShop {
  readonly serve: (server: grpc.Server) => void;
  readonly client: (
    address: string,
    credentials: grpc.ChannelCredentials,
    options: grpc.ChannelOptions,
  ) => (listener: TypedListener) => () => void;
}

/** Which package the module is, and what else it comes with. */
export interface GrpcPackage {
  readonly module: GrpcModule;
  readonly version: string;
  readonly shop?: TypedShop;
}

const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.max_concurrent_streams': 100_000,
  'grpc-node.max_session_memory': Number.MAX_SAFE_INTEGER,
};

const bytes = (message: Buffer): Buffer => message;

function method(path: string, requestStream: boolean, responseStream: boolean) {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
}

class GrpcJsClient implements ClientSide {
  readonly version: string;
  readonly typedCaller?: (listener: TypedListener) => () => void;
  private readonly client: grpc.Client;
  private readonly streams: grpc.ClientDuplexStream<Buffer, Buffer>[];

  constructor({ module, shop, version }: GrpcPackage, port: number) {
    this.version = version;
    const address = `127.0.0.1:${port}`;
    const credentials = module.credentials.createInsecure();
    if (shop !== undefined) this.typedCaller = shop.client(address, credentials, CHANNEL_OPTIONS);
    this.client = new module.Client(address, credentials, CHANNEL_OPTIONS);
    this.streams = [];
  }

  unaryCaller(path: string, listener: UnaryListener): (request: Buffer) => void {
    const client = this.client;
    const done = (fault: grpc.ServiceError | null, response?: Buffer): void => {
      if (fault !== null || response === undefined) listener.onFault(fault);
      else listener.onResponse(response);
    };
    return (request) => {
      client.makeUnaryRequest(path, bytes, bytes, request, done);
    };
  }

  download(messageLength: number, listener: DownloadListener): Download {
    const request = downloadRequest(messageLength);
    const call = this.client.makeServerStreamRequest(DOWNLOAD_PATH, bytes, bytes, request);
    let stopped = false;
    call.on('data', () => listener.onMessage(1));
    call.on('error', (fault) => {
      if (!stopped) listener.onFault(fault);
    });
    return {
      stop: () => {
        stopped = true;
        call.cancel();
      },
    };
  }

  upload(message: Buffer, stopping: () => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const call = this.client.makeClientStreamRequest<Buffer, Buffer>(
        UPLOAD_PATH,
        bytes,
        bytes,
        (fault, answer) => {
          if (fault !== null || answer === undefined) reject(fault);
          else resolve(readUploadAnswer(answer));
        },
      );
      const pump = (): void => {
        while (!stopping()) {
          if (!call.write(message)) {
            call.once('drain', pump);
            return;
          }
        }
        call.end();
      };
      pump();
    });
  }

  openStream(message: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = this.client.makeBidiStreamRequest<Buffer, Buffer>(BIDI_PATH, bytes, bytes);
      this.streams.push(call);
      call.on('data', () => resolve());
      call.on('error', reject);
      call.write(message);
    });
  }

  async closeStreams(): Promise<void> {
    const streams = this.streams.splice(0);
    await Promise.all(
      streams.map(
        (call) =>
          new Promise<void>((resolve) => {
            call.on('end', () => resolve());
            call.end();
          }),
      ),
    );
  }
}

class GrpcJsServer implements ServerSide {
  readonly version: string;
  readonly server: grpc.Server;
  port: number;
  private hung: number;

  constructor({ module, shop, version }: GrpcPackage) {
    this.version = version;
    this.server = new module.Server(CHANNEL_OPTIONS);
    this.port = 0;
    this.hung = 0;
    this.server.addService(
      {
        unary: method(UNARY_PATH, false, false),
        hang: method(HANG_PATH, false, false),
        download: method(DOWNLOAD_PATH, false, true),
        upload: method(UPLOAD_PATH, true, false),
        bidi: method(BIDI_PATH, true, true),
      },
      {
        unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
          done(null, call.request),
        hang: () => {
          this.hung += 1;
        },
        download,
        upload,
        bidi,
      },
    );
    shop?.serve(this.server);
  }

  received(): number {
    return this.hung;
  }
}

function download(call: grpc.ServerWritableStream<Buffer, Buffer>): void {
  const message = Buffer.alloc(call.request.readUInt32BE(0), 1);
  const pump = (): void => {
    while (!call.cancelled) {
      if (!call.write(message)) {
        call.once('drain', pump);
        return;
      }
    }
  };
  pump();
}

function upload(
  call: grpc.ServerReadableStream<Buffer, Buffer>,
  done: grpc.sendUnaryData<Buffer>,
): void {
  let received = 0;
  call.on('data', (message: Buffer) => {
    received += message.length;
  });
  call.on('end', () => done(null, uploadAnswer(received)));
}

function bidi(call: grpc.ServerDuplexStream<Buffer, Buffer>): void {
  call.on('data', (message: Buffer) => call.write(message));
  call.on('end', () => call.end());
}

/** The side of `installed`. */
export function grpcJsSide(installed: GrpcPackage): Side {
  return {
    startServer(): Promise<ServerSide> {
      const side = new GrpcJsServer(installed);
      return new Promise((resolve, reject) => {
        const credentials = installed.module.ServerCredentials.createInsecure();
        side.server.bindAsync('127.0.0.1:0', credentials, (fault, port) => {
          if (fault !== null) {
            reject(fault);
            return;
          }
          side.port = port;
          resolve(side);
        });
      });
    },
    async startClient(options: ClientOptions): Promise<ClientSide> {
      return new GrpcJsClient(installed, options.port);
    },
  };
}
