// What the orchestrator and a peer process say to each other: one JSON command per line on the
// peer's stdin, one JSON reply per line on its stdout, in order. A peer opens with a reply that
// names its version and, for a server, its port. It ends when its stdin does, so that no peer
// outlives the run. interop/go/benchpeer speaks the same.

export type Command =
  | { readonly do: 'unary'; readonly inFlight: number; readonly seconds: number }
  | { readonly do: 'typed'; readonly inFlight: number; readonly seconds: number }
  | { readonly do: 'download'; readonly messageLength: number; readonly seconds: number }
  | { readonly do: 'upload'; readonly messageLength: number; readonly seconds: number }
  | { readonly do: 'open'; readonly streams: number }
  | { readonly do: 'close-streams' }
  | { readonly do: 'hang'; readonly calls: number }
  | { readonly do: 'allocate'; readonly length: number }
  | { readonly do: 'echo' }
  | { readonly do: 'received' }
  | { readonly do: 'cpu' }
  | { readonly do: 'live' }
  | { readonly do: 'watch-peak' }
  | { readonly do: 'peak' };

/** A field that the command has no use for is absent or 0. */
export interface Reply {
  /** Set when the command failed; every other field is then void. */
  readonly error?: string;
  readonly version?: string;
  readonly port?: number;
  /** Calls finished, or messages of a stream. */
  readonly calls?: number;
  /** Bytes of messages moved. */
  readonly bytes?: number;
  readonly seconds?: number;
  /** CPU time of this process over `seconds`, user and system. Microseconds. */
  readonly cpuUs?: number;
  /** `received`: calls; `cpu`: microseconds; `live`, `watch-peak` and `peak`: bytes. */
  readonly value?: number;
  /** `live`: resident memory after the collections. Bytes. */
  readonly rss?: number;
}

export const UNARY_PATH = '/bench.Bench/Unary';
export const HANG_PATH = '/bench.Bench/Hang';
export const DOWNLOAD_PATH = '/bench.Bench/Download';
export const UPLOAD_PATH = '/bench.Bench/Upload';
export const BIDI_PATH = '/bench.Bench/Bidi';

/** Bytes of a small message, requests and responses alike. */
export const SMALL_MESSAGE = 16;
/** Above every benchmark's message. Bytes. */
export const MAX_MESSAGE: number = 256 * 1024 * 1024;

/** The request of a download: the length of the messages wanted, 4 bytes. */
export function downloadRequest(messageLength: number): Buffer {
  const request = Buffer.alloc(4);
  request.writeUInt32BE(messageLength);
  return request;
}

/** The answer to an upload: the bytes of messages that arrived, 8 bytes. */
export function uploadAnswer(received: number): Buffer {
  const answer = Buffer.alloc(8);
  answer.writeBigUInt64BE(BigInt(received));
  return answer;
}

export function readUploadAnswer(answer: Buffer): number {
  return Number(answer.readBigUInt64BE(0));
}
