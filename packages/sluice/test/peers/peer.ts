// One view of a gRPC client and a gRPC server, so that the same behaviour is asked of every pair of
// implementations. What a server does on each path is written here; how, in the file of each peer.

/** Paths that every peer server serves, with what it does there. */
export const paths = {
  /** Answers with the request. */
  unary: '/test.Peer/Unary',
  /** The request is a number: so many messages "reply 0", "reply 1" ... */
  serverStreaming: '/test.Peer/ServerStreaming',
  /** Answers with "<messages> <bytes>". */
  clientStreaming: '/test.Peer/ClientStreaming',
  /** Answers each message with itself, as it comes. */
  bidiStreaming: '/test.Peer/BidiStreaming',
  /** Ends with FAILURE and trailer `x-reason: because`; no message. */
  fail: '/test.Peer/Fail',
  /** Two messages, then ABORTED with details "after two". */
  failLate: '/test.Peer/FailLate',
  /** Sends headers, then nothing until the client is gone. */
  hang: '/test.Peer/Hang',
  /** Served by nobody. */
  unknown: '/test.Peer/Unknown',
} as const;

/** The shape of a call on the wire. */
export type Kind = 'unary' | 'serverStreaming' | 'clientStreaming' | 'bidiStreaming';

/** What `paths.fail` ends with. */
export const FAILURE = { code: 9, details: 'nein: spät, 世界 100% \n "so"' } as const;

/** Keys a server sends back, in its headers with "h-" in front and in its trailers with "t-". */
export const ECHOED_KEYS: readonly string[] = ['x-text', 'x-bytes-bin'];

/** Metadata in the order of the wire. */
export type Fields = [string, string | Buffer][];

/** How a call ended. */
export interface Outcome {
  readonly messages: Buffer[];
  readonly code: number;
  readonly details: string;
  readonly header: Fields;
  readonly trailer: Fields;
}

/** A call under way. */
export interface OpenCall {
  /** Resolves with the first sign of the server: headers. */
  readonly started: Promise<void>;
  readonly outcome: Promise<Outcome>;
  cancel(): void;
}

/** Options of a call. */
export interface PeerCallOptions {
  readonly metadata?: Fields;
  readonly timeoutMs?: number;
}

/** A client. */
export interface PeerClient {
  start(
    kind: Kind,
    path: string,
    requests: Iterable<Buffer> | AsyncIterable<Buffer>,
    options?: PeerCallOptions,
  ): OpenCall;
  /** Streams and calls that are not over; 0 where the peer does not tell. */
  leftOpen(): number;
  close(): Promise<void>;
}

/** A server on 127.0.0.1. */
export interface PeerServer {
  readonly port: number;
  /** Resolves once so many calls of `paths.hang` have begun since the server started. */
  hanging(count: number): Promise<void>;
  /** Resolves once so many calls of `paths.hang` were cancelled since the server started. */
  cancelled(count: number): Promise<void>;
  /** Ends every call of `paths.hang` with CANCELLED and details "the server gave up". */
  giveUp(): void;
  /** Streams and handlers that are not over; 0 where the peer does not tell. */
  leftOpen(): number;
  close(): Promise<void>;
}

/** How a pair is connected. */
export type Security = 'plain' | 'tls';

/** An implementation of both. */
export interface Peer {
  readonly name: string;
  serve(security: Security): Promise<PeerServer>;
  connect(port: number, security: Security): PeerClient;
}

/** Counts that can be waited for. */
export class Tally {
  private count = 0;
  private readonly waiters: { readonly at: number; readonly resolve: () => void }[] = [];

  add(): void {
    this.count += 1;
    for (const { at, resolve } of this.waiters) if (this.count >= at) resolve();
  }

  reaches(at: number): Promise<void> {
    if (this.count >= at) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.push({ at, resolve });
    });
  }
}

/** The echoed keys among `fields`, with a prefix. */
export function echoed(prefix: string, fields: Fields): Fields {
  return fields
    .filter(([key]) => ECHOED_KEYS.includes(key))
    .map(([key, value]) => [prefix + key, value]);
}
