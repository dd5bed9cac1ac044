// Traffic between two processes whose content is checked: what both ends agree on, and what the
// driver may ask of them. The same for each runtime, bytes both ways, its defaults everywhere else.
// Not here: how a runtime carries it (traffic-sluice.ts, traffic-grpc-js.ts), loads (loads.ts).

import type { RuntimeName } from '../report.ts';

/** Unary; answers with the request. */
export const ECHO_PATH = '/attack.Traffic/Echo';
/** Server streaming; the request is an `Order`. */
export const DOWNLOAD_PATH = '/attack.Traffic/Download';
/** Client streaming; the first message's number counts up; answers with an `Intake`. */
export const UPLOAD_PATH = '/attack.Traffic/Upload';

/** `count` messages of `length` bytes, numbered from `first`. */
export interface Order {
  readonly length: number;
  readonly count: number;
  readonly first: number;
}

export function writeOrder({ length, count, first }: Order): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(count, 4);
  bytes.writeUInt32BE(first, 8);
  return bytes;
}

export function readOrder(bytes: Uint8Array): Order {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { length: view.getUint32(0), count: view.getUint32(4), first: view.getUint32(8) };
}

/** What an upload brought: messages with the right content, and all of them. */
export interface Intake {
  readonly right: number;
  readonly messages: number;
}

export function writeIntake({ right, messages }: Intake): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(right, 0);
  bytes.writeUInt32BE(messages, 4);
  return bytes;
}

export function readIntake(bytes: Uint8Array): Intake {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { right: view.getUint32(0), messages: view.getUint32(4) };
}

/** Bytes of messages that had come at a moment of the process's clock, ms. */
export interface Arrival {
  readonly atMs: number;
  readonly bytes: number;
}

export interface TrafficClient {
  /** Rejects with the runtime's error, as the others do. */
  unary(request: Buffer): Promise<Uint8Array>;
  /** Cancels the call when `onMessage` says false, and resolves then too. */
  download(order: Buffer, onMessage: (message: Uint8Array) => boolean): Promise<void>;
  /** Sends what `next` makes until it makes nothing. */
  upload(next: () => Buffer | undefined): Promise<Uint8Array>;
}

export interface TrafficServer {
  readonly port: number;
}

/** What a load came to. */
export interface LoadResult {
  readonly calls: number;
  /** Bytes of messages that came back, or arrived, with the right content. */
  readonly bytes: number;
  readonly ms: number;
  /** Calls that ended with another status than OK. */
  readonly failed: number;
  /** What the first of them said. */
  readonly firstFault: string | undefined;
  /** Messages with the wrong content, in the wrong place or missing. */
  readonly wrong: number;
}

export interface LatencyResult extends LoadResult {
  /** Milliseconds, of the small calls. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Bytes that the bulk stream moved meanwhile. */
  readonly bulkBytes: number;
}

export type Load = 'unary' | 'downloads' | 'uploads';

export type TrafficCommand =
  | { readonly do: 'serve'; readonly runtime: RuntimeName; readonly host: string }
  | { readonly do: 'proxy'; readonly host: string; readonly port: number; readonly link: LinkPlan }
  | {
      readonly do: 'connect';
      readonly runtime: RuntimeName;
      /** `host:port`. */
      readonly target: string;
      /** Where the ids of the first connections begin; their own beginning by default. */
      readonly firstIds?: readonly number[];
    }
  /** `workers` calls at a time for `seconds`; each stream has `STREAM_MESSAGES` messages. */
  | {
      readonly do: 'load';
      readonly load: Load;
      readonly workers: number;
      readonly seconds: number;
      readonly length: number;
    }
  /** One stream. */
  | {
      readonly do: 'transfer';
      readonly direction: 'download' | 'upload';
      readonly length: number;
      readonly count: number;
    }
  /** What the latest transfer brought to this end, over time. */
  | { readonly do: 'arrivals' }
  | {
      readonly do: 'small-calls';
      readonly workers: number;
      readonly seconds: number;
      readonly bulk: 'download' | 'upload' | undefined;
    }
  /** Unary calls at a rate, beside streams; then what the ids came to. */
  | { readonly do: 'paced'; readonly perSecond: number; readonly seconds: number }
  | { readonly do: 'ids' };

/** A link with a rate and a delay, each direction. */
export interface LinkPlan {
  readonly oneWayMs: number;
  readonly bitsPerSecond: number;
}

/** Messages of a stream in a load. */
export const STREAM_MESSAGES = 32;
