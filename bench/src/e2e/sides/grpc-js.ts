// @grpc/grpc-js as a side: its own calls and events, identity serializers. The server advertises
// 100,000 streams because a node:http2 client assumes 100 until it is told otherwise, and a waiting
// line would be measured instead of the library.

import * as grpc from '@grpc/grpc-js';
import { packageVersion } from '../../package-version.ts';
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
import { serveShop, shopClient, typedCaller } from './typed-grpc-js.ts';

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
  private readonly client: grpc.Client;
  private readonly shop: ReturnType<typeof shopClient>;
  private readonly streams: grpc.ClientDuplexStream<Buffer, Buffer>[];

  constructor(port: number) {
    this.version = packageVersion('@grpc/grpc-js');
    const credentials = grpc.credentials.createInsecure();
    this.client = new grpc.Client(`127.0.0.1:${port}`, credentials, CHANNEL_OPTIONS);
    this.shop = shopClient(`127.0.0.1:${port}`, credentials, CHANNEL_OPTIONS);
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

  typedCaller(listener: TypedListener): () => void {
    return typedCaller(this.shop, listener);
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

  constructor() {
    this.version = packageVersion('@grpc/grpc-js');
    this.server = new grpc.Server(CHANNEL_OPTIONS);
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
    serveShop(this.server);
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

export const grpcJs: Side = {
  startServer(): Promise<ServerSide> {
    const side = new GrpcJsServer();
    return new Promise((resolve, reject) => {
      const credentials = grpc.ServerCredentials.createInsecure();
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
    return new GrpcJsClient(options.port);
  },
};
