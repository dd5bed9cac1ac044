// A gRPC client of nothing but node:http2, so that what a server does can be seen without a client of
// the module under test. Messages are text. Not here: what is called, and what is expected.

import * as http2 from 'node:http2';

/** What came back, as far as it came. */
export interface Reply {
  /** Response headers, of trailers-only responses too. */
  readonly head: Readonly<Record<string, unknown>>;
  readonly messages: readonly string[];
  /** Null of a trailers-only response. */
  readonly trailers: Readonly<Record<string, unknown>> | null;
  /** The code of RST_STREAM. */
  readonly reset: number;
}

/** What of a reply a program would see: status, details, messages, and metadata of its own. */
export interface Outcome {
  readonly status: unknown;
  readonly details: unknown;
  readonly messages: readonly string[];
  readonly head: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>>;
  readonly trailersOnly: boolean;
  readonly reset: number;
}

/** One call, open as long as its client likes. */
export class OpenCall {
  readonly stream: http2.ClientHttp2Stream;
  readonly reply: Promise<Reply>;
  private readonly received: Buffer[] = [];

  constructor(stream: http2.ClientHttp2Stream) {
    this.stream = stream;
    this.reply = this.collect();
  }

  send(...messages: string[]): this {
    for (const message of messages) this.stream.write(framed(message));
    return this;
  }

  end(): this {
    this.stream.end();
    return this;
  }

  cancel(): void {
    this.stream.close(http2.constants.NGHTTP2_CANCEL);
  }

  /** Messages that are here so far. */
  get messages(): string[] {
    return messagesIn(Buffer.concat(this.received));
  }

  /** Resolves when so many messages are here. */
  async until(count: number): Promise<void> {
    while (this.messages.length < count && !this.stream.closed) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private collect(): Promise<Reply> {
    const { stream } = this;
    let head: Record<string, unknown> = {};
    let trailers: Record<string, unknown> | null = null;
    stream.on('response', (headers) => {
      head = { ...headers };
    });
    stream.on('trailers', (headers) => {
      trailers = { ...headers };
    });
    stream.on('data', (chunk: Buffer) => this.received.push(chunk));
    // A reset shows in `rstCode`.
    stream.on('error', () => {});
    return new Promise((resolve) => {
      stream.on('close', () => {
        resolve({ head, messages: this.messages, trailers, reset: stream.rstCode });
      });
    });
  }
}

/** A connection. */
export class Http2Caller {
  readonly session: http2.ClientHttp2Session;
  /** Whether the server said that it goes away. */
  goneAway = false;

  /** @param authority of http2.connect; `socket` in place of a connection of its own */
  constructor(authority: string, options: http2.SecureClientSessionOptions = {}) {
    this.session = http2.connect(authority, options);
    // Seen by the calls that end with it.
    this.session.on('error', () => {});
    this.session.on('goaway', () => {
      this.goneAway = true;
    });
  }

  static to(port: number): Http2Caller {
    return new Http2Caller(`http://127.0.0.1:${port}`);
  }

  open(path: string, headers: http2.OutgoingHttpHeaders = {}): OpenCall {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': path,
      te: 'trailers',
      'content-type': 'application/grpc',
      ...headers,
    });
    return new OpenCall(stream);
  }

  /** A call whose messages are known. */
  async call(
    path: string,
    messages: readonly string[],
    headers: http2.OutgoingHttpHeaders = {},
  ): Promise<Outcome> {
    return outcomeOfReply(
      await this.open(path, headers)
        .send(...messages)
        .end().reply,
    );
  }

  /** Resolves when the connection is gone. */
  closed(): Promise<void> {
    if (this.session.destroyed) return Promise.resolve();
    return new Promise((resolve) => this.session.once('close', () => resolve()));
  }

  close(): void {
    this.session.destroy();
  }
}

export function framed(message: string): Buffer {
  const bytes = Buffer.from(message);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function messagesIn(bytes: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    const flag = bytes[at] === 0 ? '' : 'compressed:';
    messages.push(flag + bytes.subarray(at + 5, at + 5 + length).toString());
    at += 5 + length;
  }
  return messages;
}

// Fields that every server sends, or Node adds: none of a program's.
const OWN: ReadonlySet<string> = new Set([
  ':status',
  'content-type',
  'date',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message',
  'grpc-status',
]);

function custom(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(fields).filter(([name]) => !OWN.has(name));
  // Base64 with and without padding is the same.
  const texts = kept.map(([name, value]): [string, unknown] => [
    name,
    name.endsWith('-bin') ? String(value).replaceAll('=', '') : value,
  ]);
  return Object.fromEntries(texts.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What a program would see of a reply. */
export function outcomeOfReply({ head, messages, trailers, reset }: Reply): Outcome {
  const last = trailers ?? head;
  const message = last['grpc-message'];
  const status = last['grpc-status'];
  return {
    status: status === undefined ? null : String(status),
    // Whether a good end says "OK" no program can tell.
    details:
      message === undefined || (String(status) === '0' && message === 'OK')
        ? ''
        : decodeURIComponent(String(message)),
    messages,
    head: custom(trailers === null && status !== undefined ? {} : head),
    trailers: custom(last),
    trailersOnly: trailers === null && status !== undefined,
    reset,
  };
}
