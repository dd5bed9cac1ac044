// Bare node:http2 as a side: the frames of a gRPC exchange (a 5-byte prefix before each message,
// trailers at the end) and no gRPC semantics: no status, deadline, metadata or message parsing
// beyond what the count of bytes says. The ceiling of any library that is built on node:http2.

import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
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
  UnaryListener,
} from './side.ts';

const PREFIX = 5;
/** Megabytes. The default of 10 refuses streams long before a benchmark's memory is reached. */
const MAX_SESSION_MEMORY = 100_000;
const VERSION = `${process.versions.node} (nghttp2 ${process.versions.nghttp2 ?? 'unknown'})`;

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX);
  return frame;
}

/** Hands over the one message of `stream`: a view of a lone chunk, else one exact allocation. */
function readMessage(stream: http2.Http2Stream, onMessage: (message: Buffer) => void): void {
  let message: Buffer | undefined;
  let filled = 0;
  stream.on('data', (chunk: Buffer) => {
    if (message !== undefined) {
      filled += chunk.copy(message, filled);
      return;
    }
    // The prefix is written at once, so the first chunk holds the whole of it.
    const length = chunk.readUInt32BE(1);
    if (chunk.length === PREFIX + length) {
      message = chunk.subarray(PREFIX);
    } else {
      message = Buffer.allocUnsafe(length);
      filled = chunk.copy(message, 0, PREFIX);
    }
  });
  stream.on('end', () => onMessage(message ?? Buffer.alloc(0)));
}

/** A large message goes out beside its prefix, so that it is not copied. */
function endWith(stream: http2.Http2Stream, message: Uint8Array): void {
  if (message.length <= 65_536) {
    stream.end(framed(message));
    return;
  }
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(message.length, 1);
  stream.write(prefix);
  stream.end(message);
}

class Http2Client implements ClientSide {
  readonly version: string;
  private readonly session: http2.ClientHttp2Session;
  private readonly streams: http2.ClientHttp2Stream[];

  constructor(session: http2.ClientHttp2Session) {
    this.version = VERSION;
    this.session = session;
    this.streams = [];
  }

  private request(path: string): http2.ClientHttp2Stream {
    return this.session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
  }

  unaryCaller(path: string, listener: UnaryListener): (request: Buffer) => void {
    return (request) => {
      const stream = this.request(path);
      readMessage(stream, listener.onResponse);
      stream.on('error', listener.onFault);
      endWith(stream, request);
    };
  }

  download(messageLength: number, listener: DownloadListener): Download {
    const stream = this.request(DOWNLOAD_PATH);
    let pending = 0;
    let stopped = false;
    stream.on('data', (chunk: Buffer) => {
      pending += chunk.length;
      const whole = Math.floor(pending / (messageLength + PREFIX));
      pending -= whole * (messageLength + PREFIX);
      listener.onMessage(whole);
    });
    stream.on('error', (fault) => {
      if (!stopped) listener.onFault(fault);
    });
    stream.end(framed(downloadRequest(messageLength)));
    return {
      stop: () => {
        stopped = true;
        stream.close(http2.constants.NGHTTP2_CANCEL);
      },
    };
  }

  upload(message: Buffer, stopping: () => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      const stream = this.request(UPLOAD_PATH);
      const frame = framed(message);
      const pump = (): void => {
        while (!stopping()) {
          if (!stream.write(frame)) {
            stream.once('drain', pump);
            return;
          }
        }
        stream.end();
      };
      stream.on('data', (chunk: Buffer) => resolve(readUploadAnswer(chunk.subarray(PREFIX))));
      stream.on('error', reject);
      pump();
    });
  }

  openStream(message: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.request(BIDI_PATH);
      this.streams.push(stream);
      stream.on('data', () => resolve());
      stream.on('error', reject);
      stream.write(framed(message));
    });
  }

  async closeStreams(): Promise<void> {
    const streams = this.streams.splice(0);
    await Promise.all(
      streams.map(
        (stream) =>
          new Promise<void>((resolve) => {
            stream.on('end', () => resolve());
            stream.end();
          }),
      ),
    );
  }
}

function respond(stream: http2.ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
}

function echoWhole(stream: http2.ServerHttp2Stream): void {
  readMessage(stream, (message) => {
    respond(stream);
    endWith(stream, message);
  });
}

function download(stream: http2.ServerHttp2Stream): void {
  stream.once('data', (request: Buffer) => {
    const frame = framed(Buffer.alloc(request.readUInt32BE(PREFIX), 1));
    respond(stream);
    const pump = (): void => {
      while (!stream.closed) {
        if (!stream.write(frame)) {
          stream.once('drain', pump);
          return;
        }
      }
    };
    pump();
  });
}

function upload(stream: http2.ServerHttp2Stream): void {
  let received = 0;
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  stream.on('end', () => {
    respond(stream);
    // Every message of an upload is 64 KiB, so the prefixes are known from the total.
    const messages = Math.floor(received / (65_536 + PREFIX));
    stream.end(framed(uploadAnswer(received - messages * PREFIX)));
  });
}

function echoChunks(stream: http2.ServerHttp2Stream): void {
  respond(stream);
  stream.on('data', (chunk: Buffer) => stream.write(chunk));
  stream.on('end', () => stream.end());
}

class Http2Server implements ServerSide {
  readonly version: string;
  readonly server: http2.Http2Server;
  port: number;
  private hung: number;

  constructor() {
    this.version = VERSION;
    this.port = 0;
    this.hung = 0;
    this.server = http2.createServer({
      settings: { maxConcurrentStreams: 100_000 },
      maxSessionMemory: MAX_SESSION_MEMORY,
    });
    this.server.on('stream', (stream, headers) => {
      stream.on('error', () => {}); // a cancelled download ends in one
      const path = headers[':path'];
      if (path === UNARY_PATH) echoWhole(stream);
      else if (path === DOWNLOAD_PATH) download(stream);
      else if (path === UPLOAD_PATH) upload(stream);
      else if (path === BIDI_PATH) echoChunks(stream);
      else if (path === HANG_PATH) this.hung += 1;
    });
  }

  received(): number {
    return this.hung;
  }
}

export const bareHttp2: Side = {
  startServer(): Promise<ServerSide> {
    const side = new Http2Server();
    return new Promise((resolve, reject) => {
      side.server.on('error', reject);
      side.server.listen(0, '127.0.0.1', () => {
        // listen() on a port always yields an AddressInfo; the type also covers pipes.
        side.port = (side.server.address() as AddressInfo).port;
        resolve(side);
      });
    });
  },
  startClient(options: ClientOptions): Promise<ClientSide> {
    return new Promise((resolve, reject) => {
      const session = http2.connect(`http://127.0.0.1:${options.port}`, {
        maxSessionMemory: MAX_SESSION_MEMORY,
      });
      session.once('error', reject);
      session.once('remoteSettings', () => resolve(new Http2Client(session)));
    });
  },
};
