// One look at a process, whichever service told of it: the shape that the views draw.
// Invariant: what was not told is 0, empty or undefined, and is never guessed; a snapshot of
// sluice.stats.v1 is one as it stands. Not here: asking (stats-source.ts, channelz-source.ts).

/** A process at one moment. Bytes and milliseconds. */
export interface Look {
  readonly atMs: number;
  readonly process?: LookedProcess | undefined;
  readonly waits: readonly LookedWait[];
  readonly waitsInAll: number;
  readonly channels: readonly LookedEnd[];
  readonly servers: readonly LookedEnd[];
}

/** Of the process itself. */
export interface LookedProcess {
  readonly pid: number;
  readonly node: string;
  readonly uptimeMs: number;
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
  readonly cpuShare: number;
  readonly loopShare: number;
  readonly loopDelayMs?: number | undefined;
}

/** What waits; severity 0 is a note, 1 waiting, 2 stalled. */
export interface LookedWait {
  readonly severity: number;
  readonly place: string;
  readonly text: string;
  readonly detail: string;
  readonly forMs: number;
}

/** A channel or a server. */
export interface LookedEnd {
  readonly id: number;
  readonly name: string;
  readonly state: string;
  readonly explanation: string;
  readonly callsStarted: number;
  readonly callsSucceeded: number;
  readonly callsFailed: number;
  readonly waitingCalls: number;
  readonly oldestWaitMs: number;
  readonly limits: readonly LookedLimit[];
  readonly connections: readonly LookedConnection[];
  readonly connectionsInAll: number;
  readonly backends: readonly LookedBackend[];
}

/** An address of a channel. */
export interface LookedBackend {
  readonly address: string;
  readonly state: string;
  readonly lastFailure: string;
  readonly connections: readonly number[];
  readonly maxConnections: number;
}

/** A limit; Infinity where there is none. */
export interface LookedLimit {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly depth: number;
  readonly acted: number;
}

/** A connection, under the names of `stats()`. */
export interface LookedConnection {
  readonly id: number;
  readonly peer: string;
  readonly local: string;
  readonly state: string;
  readonly sinceMs: number;
  readonly queueItems: number;
  readonly queueBytes: number;
  readonly oldestItemMs: number;
  readonly socketBytes: number;
  readonly responseFrames: number;
  readonly gate: string;
  readonly gateSinceMs: number;
  readonly loopy: string;
  readonly loopySinceMs: number;
  readonly sendQuota: number;
  readonly outgoingInitialWindow: number;
  readonly receiveWindow: number;
  readonly unreadBytes: number;
  readonly exposureBytes: number;
  readonly withheldBytes: number;
  readonly partialBytes: number;
  readonly bdpBytes: number;
  readonly rttMs: number;
  readonly streams?: LookedStreams | undefined;
}

/** Streams of a connection. */
export interface LookedStreams {
  readonly open: number;
  readonly active: number;
  readonly empty: number;
  readonly waitingOnStreamQuota: number;
  readonly peerLimit: number;
}
