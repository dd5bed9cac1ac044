// The messages between the storm's parent process and its children, over Node's IPC channel.
// Every command gets one `done`; samples come in between, unasked. Both ends are this package, of
// the same build, so a message is trusted to have the shape its sender was compiled with.

/** What the parent asks of a client. `seconds` are seconds of load, `timeoutMs` 0 is no deadline. */
export type ClientCommand =
  | { readonly ask: 'connect'; readonly runtime: string; readonly port: number }
  | { readonly ask: 'guard'; readonly pid: number | null }
  | { readonly ask: 'closed-loop'; readonly seconds: number; readonly inFlight: number }
  | {
      readonly ask: 'open-loop';
      readonly rate: number;
      readonly seconds: number;
      readonly timeoutMs: number;
    }
  | { readonly ask: 'drain'; readonly seconds: number }
  | { readonly ask: 'reset' }
  | { readonly ask: 'settle' };

/** What the parent asks of a server. */
export type ServerCommand =
  | { readonly ask: 'serve'; readonly runtime: string }
  | { readonly ask: 'capacity'; readonly rps: number };

/** Counts since the last reset. */
export interface Counts {
  offered: number;
  /** Accepted calls that ended, with any status. */
  finished: number;
  ok: number;
  refused: number;
  refusedBy: Record<string, number>;
  /** By status number. */
  statuses: number[];
  /** By status number, the details of the first call that ended with it; empty where none did. */
  firstDetails: string[];
  p50Ms: number;
  p99Ms: number;
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
}

/** The answer to a command; a field not due for the command is absent. */
export interface Done {
  readonly port?: number;
  /** Closed loop: best calls per second over 250 ms. */
  readonly peakRps?: number;
  /** Open loop: how long the load ran, what was offered and ended OK in that time. */
  readonly loadSeconds?: number;
  readonly offered?: number;
  readonly ok?: number;
  /** Highest RSS in bytes since the command before, where it is above any before it. */
  readonly maxRss?: number;
  /** State after the command; for `settle` after two forced collections. */
  readonly sample?: Sample;
}

/** What a child sends. */
export type ChildMessage =
  | { readonly tell: 'sample'; readonly sample: Sample }
  | { readonly tell: 'done'; readonly done: Done }
  | { readonly tell: 'failed'; readonly why: string };
