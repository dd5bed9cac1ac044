// Sluice as a side, through its promises and async iterators: what a user writes first. The server
// advertises no stream limit.

import { type Channel, connect, createServer, type Server } from 'sluice';
import { packageVersion } from '../../package-version.ts';
import {
  BIDI_PATH,
  DOWNLOAD_PATH,
  downloadRequest,
  HANG_PATH,
  MAX_MESSAGE,
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
import { serveShop, typedCaller } from './typed-sluice.ts';

/** Limits under which nothing that a benchmark holds open is refused or made to wait. */
const ROOMY = {
  openCalls: 200_000,
  queuedItems: 1_000_000,
  queuedBytes: 2 ** 30,
  queueAgeMs: 120_000,
  waitingCalls: 200_000,
  waitingBytes: 2 ** 30,
  exposureBytes: 2 ** 34,
};

function openChannel(options: ClientOptions): Channel {
  return connect(`127.0.0.1:${options.port}`, {
    maxReceiveMessageLength: MAX_MESSAGE,
    ...(options.roomy ? { limits: ROOMY } : {}),
  });
}

function openServer(): Server {
  return createServer({
    limits: { streams: Number.POSITIVE_INFINITY, handlers: 200_000, exposureBytes: 2 ** 34 },
    maxReceiveMessageLength: MAX_MESSAGE,
  });
}

class SluiceClient implements ClientSide {
  readonly version: string;
  private readonly channel: Channel;
  private readonly responses: AsyncIterator<Uint8Array>[];
  private release: () => void;
  private released: Promise<void>;

  constructor(channel: Channel) {
    this.version = packageVersion('sluice');
    this.channel = channel;
    this.responses = [];
    this.release = () => {};
    this.released = Promise.resolve();
    this.hold();
  }

  private hold(): void {
    this.released = new Promise((resolve) => {
      this.release = resolve;
    });
  }

  unaryCaller(path: string, listener: UnaryListener): (request: Buffer) => void {
    const channel = this.channel;
    const { onResponse, onFault } = listener;
    return (request) => {
      channel.unary(path, request).then(onResponse, onFault);
    };
  }

  typedCaller(listener: TypedListener): () => void {
    return typedCaller(this.channel, listener);
  }

  download(messageLength: number, listener: DownloadListener): Download {
    let stopped = false;
    const read = async (): Promise<void> => {
      const request = downloadRequest(messageLength);
      for await (const _message of this.channel.serverStreaming(DOWNLOAD_PATH, request)) {
        if (stopped) return;
        listener.onMessage(1);
      }
    };
    read().catch((fault: unknown) => listener.onFault(fault));
    return {
      stop: () => {
        stopped = true;
      },
    };
  }

  async upload(message: Buffer, stopping: () => boolean): Promise<number> {
    async function* messages(): AsyncGenerator<Buffer> {
      while (!stopping()) yield message;
    }
    const answer = await this.channel.clientStreaming(UPLOAD_PATH, messages());
    return readUploadAnswer(Buffer.from(answer));
  }

  async openStream(message: Buffer): Promise<void> {
    const released = this.released;
    async function* messages(): AsyncGenerator<Buffer> {
      yield message;
      await released;
    }
    const responses = this.channel.bidiStreaming(BIDI_PATH, messages())[Symbol.asyncIterator]();
    this.responses.push(responses);
    await responses.next();
  }

  async closeStreams(): Promise<void> {
    this.release();
    for (const responses of this.responses.splice(0)) {
      const { done } = await responses.next();
      if (done !== true) throw new Error('a closed stream brought another message');
    }
    this.hold();
  }
}

class SluiceServer implements ServerSide {
  readonly version: string;
  readonly server: Server;
  port: number;
  private hung: number;

  constructor() {
    this.version = packageVersion('sluice');
    this.port = 0;
    this.hung = 0;
    const never = new Promise<Buffer>(() => {});
    this.server = openServer()
      .unary(UNARY_PATH, (request) => request)
      .unary(HANG_PATH, () => {
        this.hung += 1;
        return never;
      })
      .serverStreaming(DOWNLOAD_PATH, async function* (request) {
        const message = Buffer.alloc(request.readUInt32BE(0), 1);
        for (;;) yield message;
      })
      .clientStreaming(UPLOAD_PATH, async (requests) => {
        let received = 0;
        for await (const message of requests) received += message.length;
        return uploadAnswer(received);
      })
      .bidiStreaming(BIDI_PATH, async function* (requests) {
        for await (const message of requests) yield message;
      });
    serveShop(this.server);
  }

  received(): number {
    return this.hung;
  }
}

export const sluice: Side = {
  async startServer(): Promise<ServerSide> {
    const side = new SluiceServer();
    side.port = (await side.server.listen({ host: '127.0.0.1', port: 0 })).port;
    return side;
  },
  async startClient(options: ClientOptions): Promise<ClientSide> {
    const channel = openChannel(options);
    await channel.ready();
    return new SluiceClient(channel);
  },
};
