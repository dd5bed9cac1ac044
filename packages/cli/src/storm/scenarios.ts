// What the storm does, as data: the scenarios, the lengths of the phases, the bars of the promises.
// Everything that a reader might question about the method has its number and reason here.

/** A load and what the server does under it. */
export interface Scenario {
  readonly name: string;
  /** A heading for people. */
  readonly title: string;
  /** One line for people. */
  readonly summary: string;
  /** Calls per second the server drains by its clock when it reads. */
  readonly clockRps: number;
  /** True if the server process is stopped (SIGSTOP) for as long as the load runs. */
  readonly stopsServer: boolean;
  /** Deadline of each call in ms beyond the length of the storm; null for no deadline. */
  readonly deadlineBeyondLoadMs: number | null;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'slow-server',
    title: 'A server that is too slow',
    summary: 'the server keeps reading and answers 10,000 calls a second',
    clockRps: 10_000,
    stopsServer: false,
    deadlineBeyondLoadMs: null,
  },
  {
    name: 'stopped-server',
    title: 'A server that stops reading',
    summary: 'the server stops reading altogether while the load runs',
    clockRps: 10_000,
    stopsServer: true,
    // A call to a server that never answers ends by its deadline or when the server comes back.
    deadlineBeyondLoadMs: 2000,
  },
];

/** The runtimes, in the order they run: `drop-in` is @sluice/grpc-js, with the program of grpc-js. */
export const RUNTIMES = ['sluice', 'drop-in', 'grpc-js'] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** Those that promise something, and are judged. */
export const PROMISING: readonly RuntimeName[] = ['sluice', 'drop-in'];

/** Ten times what the server drains. */
export const DEFAULT_RATE_RPS = 100_000;
export const DEFAULT_STORM_SECONDS = 2;

/** Storms in a row: the third tells a plateau from a slope. A runtime without a limit gets one. */
export const STORMS_IN_A_ROW: Record<RuntimeName, number> = {
  sluice: 3,
  'drop-in': 3,
  'grpc-js': 1,
};

/** A runtime that gets one storm gets a longer one: 4 s beside three of 2 s. */
export const STORM_STRETCH: Record<RuntimeName, number> = { sluice: 1, 'drop-in': 1, 'grpc-js': 2 };

/** Heap cap of each client in MB; keeps an unbounded queue from taking the machine. */
export const HEAP_CAP_MB = 512;

/** Phase lengths in seconds. */
export const PHASES = {
  start: 0.5,
  ceiling: 1,
  warmUp: 1.2,
  /** A burst at the full rate, so that the refusal path is warm before idle is measured. */
  burst: 0.5,
  /** Longest wait for what a phase left in flight. */
  drain: 3,
  unloaded: 0.8,
  /** From the end of the load to the last measurement; the next run warms up meanwhile. */
  settle: 5,
  /** How far past its length a phase may run before the process counts as dead. */
  grace: 4,
} as const;

/**
 * Seconds all runs together may take beyond what is expected of them: with the default lengths
 * that is 88 s at most, on any machine. A runtime whose process stalls may use up its own share
 * only, so that Sluice is measured in full whatever became of a runtime before it.
 */
export const SLACK_SECONDS: Record<RuntimeName, number> = { sluice: 6, 'drop-in': 6, 'grpc-js': 3 };

export const CLOSED_LOOP_IN_FLIGHT = 100;
export const PAYLOAD_BYTES = 16;
export const SAMPLE_EVERY_MS = 100;

/** The bars of the promises. */
export const BARS = {
  rssGrowthMB: 96,
  lastPeakOverFirst: 1.1,
  liveOverIdleMB: 10,
  goodputOfCapacity: 0.9,
  achievedOfNominal: 0.95,
} as const;
