// What the rows ask of their processes. Both ends are this package, of the same build, so that a
// message is what its sender was compiled with. Not here: how it is carried (child.ts).

import type { RuntimeName } from '../report.ts';
import type { CallScript } from './call-script.ts';
import type { ServeSettings } from './subject.ts';

export type ServerCommand =
  | {
      readonly ask: 'serve';
      readonly runtime: RuntimeName;
      readonly settings: ServeSettings;
      /** Where handlers are written down. */
      readonly journal: string;
    }
  | { readonly ask: 'connections' }
  | { readonly ask: 'acted' }
  | { readonly ask: 'drain' };

/** The answer to `serve`. */
export interface Serving {
  readonly port: number;
}

/** A channel is made by `connect`, under a name, and used by the commands that name it. */
export type ClientCommand =
  | {
      readonly ask: 'connect';
      readonly runtime: RuntimeName;
      readonly name: string;
      readonly port: number;
      readonly keepaliveTimeMs?: number;
      readonly keepaliveTimeoutMs?: number;
    }
  | { readonly ask: 'converse'; readonly name: string }
  | {
      readonly ask: 'calls';
      readonly calls: readonly {
        /** Of the channel. */
        readonly name: string;
        readonly id: string;
        readonly script: CallScript;
      }[];
      readonly withinMs: number;
    }
  | { readonly ask: 'load'; readonly name: string; readonly rps: number }
  | { readonly ask: 'end-load'; readonly name: string }
  | { readonly ask: 'close'; readonly name: string };

/** The answer to `end-load`. */
export interface LoadResult {
  readonly offered: number;
  readonly ok: number;
  /** Ended with another status, or did not end. */
  readonly lost: number;
  /** The first of those that were lost. */
  readonly firstLost: string;
  readonly p99Ms: number;
  readonly longestMs: number;
}
