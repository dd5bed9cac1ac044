// The messages between the storm's parent process and its children, over Node's IPC channel.
// Every command gets one `done`; samples come in between, unasked. Both ends are this package, of
// the same build, so a message is trusted to have the shape its sender was compiled with.

/** What the parent asks of a client. `seconds` are seconds of load, `timeoutMs` 0 is no deadline. */
export type ClientCommand =
  | {
      readonly ask: 'connect';
      readonly runtime: string;
      readonly port: number;
      readonly payloadBytes: number;
      /** Streams that are opened and kept; 0 for a load of unary calls. */
      readonly streams: number;
      /** Channel options as plain data, of Sluice only. */
      readonly options?: Readonly<Record<string, unknown>>;
    }
  | { readonly ask: 'page' }
  | { readonly ask: 'guard'; readonly pid: number | null }
  | { readonly ask: 'closed-loop'; readonly seconds: number; readonly inFlight: number }
  | {
      readonly ask: 'open-loop';
      readonly rate: number;
      readonly seconds: number;
      readonly timeoutMs: number;
    }
  | { readonly ask: 'drain'; readonly seconds: number }
  | { readonly ask: 'end-streams'; readonly seconds: number }
  | { readonly ask: 'lap' }
  | { readonly ask: 'reset' }
  | { readonly ask: 'settle' };

/** What the parent asks of a server. */
export type ServerCommand =
  | { readonly ask: 'serve'; readonly runtime: string; readonly settings?: ServeSettings }
  | { readonly ask: 'page' }
  | { readonly ask: 'memory' }
  | { readonly ask: 'capacity'; readonly rps: number };

/** What the parent asks of a hostile client. */
export interface HostileCommand {
  readonly ask: 'stall';
  readonly port: number;
  readonly connections: number;
  readonly streams: number;
}

/** What a server is made of beside its clock; an absent field leaves the storm's usual. */
export interface ServeSettings {
  /** Streams that a client may have open on a connection. */
  readonly streams?: number;
  /** Milliseconds that a handler takes. */
  readonly handlerMs?: number;
  /** Bytes of the first windows of connections and streams. */
  readonly windowBytes?: number;
  /** Bytes a second that each connection takes from its client, as over a link of that speed. */
  readonly linkBytesPerSecond?: number;
  /** Bytes that all connections together may hold. */
  readonly budgetBytes?: number;
}

/** Counts since the last reset: of calls, or, where the load is streaming, of messages. */
export interface Counts {
  offered: number;
  /** Messages that were due while every stream asked for a pause; 0 for calls. */
  heldBack: number;
  /** Accepted calls that ended, with any status. */
  finished: number;
  ok: number;
  refused: number;
  refusedBy: Record<string, number>;
  /** By status number. */
  statuses: number[];
  /** By status number, the details of the first call that ended with it; empty where none did. */
  firstDetails: string[];
  /** Of calls that ended OK; where the load is streaming, of the unary calls made beside it. */
  p50Ms: number;
  p99Ms: number;
  /** From `send` to the answer, of messages answered under the load; null where there are none. */
  messageP50Ms: number | null;
  messageP99Ms: number | null;
  /** The unary calls made beside a load of streams; null where the load is of calls itself. */
  beside: CallsBeside | null;
}

/** Unary calls made beside a load of streams, on the same connection. */
export interface CallsBeside {
  offered: number;
  ok: number;
  refused: number;
  /** Ended with any other status. */
  failed: number;
  /** By status number, the details of the first that ended with it; empty where none did. */
  firstDetails: string[];
}

/** A client's state at one moment. Memory is in bytes. */
export interface Sample extends Counts {
  /** Ms since the client process started measuring. */
  atMs: number;
  rss: number;
  heapUsed: number;
  external: number;
  queueItems: number | null;
  queueBytes: number | null;
  socketBytes: number | null;
  openStreams: number | null;
  waitingCalls: number | null;
  connections: number | null;
  /** Of an adaptive limiter: calls it lets through now. */
  concurrencyLimit: number | null;
}

/** The answer to a command; a field not due for the command is absent. */
export interface Done {
  readonly port?: number;
  /** Where a browser finds the page of this process. */
  readonly pageUrl?: string;
  /** Closed loop: best calls per second over 250 ms. */
  readonly peakRps?: number;
  /** Open loop: how long the load ran, what was offered and ended OK in that time. */
  readonly loadSeconds?: number;
  readonly offered?: number;
  readonly ok?: number;
  /** Highest RSS in bytes since the command before, where it is above any before it. */
  readonly maxRss?: number;
  /** Of a server: its memory and how often each of its limits acted. */
  readonly rss?: number;
  /** How often each limit acted, by its name. */
  readonly acted?: Readonly<Record<string, number>>;
  /** State after the command; for `settle` after two forced collections. */
  readonly sample?: Sample;
}

/** What a child sends. */
export type ChildMessage =
  | { readonly tell: 'sample'; readonly sample: Sample }
  | { readonly tell: 'done'; readonly done: Done }
  | { readonly tell: 'failed'; readonly why: string };
