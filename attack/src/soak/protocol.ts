// What the processes of a soak say to each other: commands from the parent, one answer each.
// Invariant: every command is answered; a child ends by itself after `leave`, or the soak has failed.

import type { Leftovers } from './census.ts';
import type { Account } from './ledger.ts';
import type { SoakRuntime } from './runtime.ts';

/** What a process is told when it starts. */
export interface Assignment {
  readonly do: 'start';
  readonly runtime: SoakRuntime;
  readonly seed: number;
}

/** Where the servers are, by what they are for. */
export interface Ports {
  /** Its connections end by age. */
  readonly aging: number;
  /** Stays as it is. */
  readonly steady: number;
  /** Is drained and started again, over and over. */
  readonly restarted: number;
  /** Behind proxies: one that breaks connections, one that lets them go silent. */
  readonly broken: number;
  readonly silent: number;
}

export type ServerCommand =
  | Assignment
  /** Drains the server that is restarted, and starts it again on its port. */
  | { readonly do: 'restart' }
  /** Waits until no handler runs, answers `Sampled`. */
  | { readonly do: 'sample' }
  /** Closes everything, answers `Closed`. */
  | { readonly do: 'close' }
  /** Lets go of the parent; the process must end by itself. */
  | { readonly do: 'leave' };

export type ClientCommand =
  | Assignment
  | { readonly do: 'load'; readonly ports: Ports; readonly rps: number }
  /** Makes no further calls, answers `Paused` when those under way have ended. */
  | { readonly do: 'pause' }
  | { readonly do: 'resume' }
  | { readonly do: 'sample' }
  | { readonly do: 'account' }
  /** Makes no further calls for good, answers with the account of all. */
  | { readonly do: 'stop' }
  | { readonly do: 'close' }
  | { readonly do: 'leave' };

/** The server's first answer: where its servers are, before any proxy. */
export interface Serving {
  readonly aging: number;
  readonly steady: number;
  readonly restarted: number;
  readonly proxied: number;
}

export interface Paused {
  /** False: calls were still open after the time that a pause may take. */
  readonly quiet: boolean;
}

export interface Sampled {
  readonly liveMB: number;
  readonly rssMB: number;
  readonly handlers: number;
  readonly streams: number;
}

/** The client's account at the end. */
export interface Stopped {
  readonly account: Account;
  /** Calls that never ended, in words. */
  readonly overdue: readonly string[];
  readonly channelsMade: number;
}

export interface Closed {
  readonly left: Leftovers;
  /** Streams that were open when every call had ended, and after the close. */
  readonly streams: number;
  readonly handlers: number;
  /** What did not close in time. */
  readonly stuck: readonly string[];
}
