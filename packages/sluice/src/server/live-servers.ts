// The servers of this process that listen, for whoever shows them (services/channelz.ts).
// Invariant: a server is here from its first `listen` until its last connection is gone; one that
// never listens, or is closed, is not held.

import type { HandlerLoad } from './handler-load.ts';
import type { Server } from './server.ts';
import type { LiveConnection } from './server-stats.ts';

/** A server with what it does not show by itself. */
export interface LiveServer {
  readonly server: Server;
  readonly connections: ReadonlySet<LiveConnection>;
  readonly load: HandlerLoad;
}

/** In the order in which they began to listen. */
export const liveServers: Set<LiveServer> = /* @__PURE__ */ new Set();
