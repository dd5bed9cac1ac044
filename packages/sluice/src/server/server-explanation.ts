// What the calls of a server wait for, in words: a line for each of the connections that are worst off.
// Invariant: no side effects. Not here: what one call waits for (transport/server-stream.ts).

import { ServerStream } from '../transport/server-stream.ts';
import type { ServerTransport } from '../transport/server-transport.ts';
import { type StallReason, stallText } from '../transport/stall.ts';
import type { StalledCall, StallVisitor } from '../transport/stall-watch.ts';
import { type AskedCall, WorstStall } from '../transport/worst-stall.ts';
import type { LiveConnection } from './server-stats.ts';

/** Connections that are told of, of those with calls. */
const MOST_LINES = 10;

/** A server's call, as it is asked. */
class OpenCall implements AskedCall {
  readonly path: string;
  private readonly stream: ServerStream;

  constructor(stream: ServerStream) {
    this.path = stream.head.path;
    this.stream = stream;
  }

  stall(detail: boolean): StallReason {
    return this.stream.stall(detail);
  }
}

function streamsOf({ connection }: ServerTransport): ServerStream[] {
  const found: ServerStream[] = [];
  connection.streams.forEach((stream) => {
    if (stream instanceof ServerStream) found.push(stream);
  });
  return found;
}

/**
 * What `Server.explain()` answers.
 * @param drainingMs for how long the server has drained; undefined when it does not
 */
export function explainServer(
  state: string,
  live: Iterable<LiveConnection>,
  drainingMs: number | undefined,
): string {
  const found: [peer: string, worst: WorstStall][] = [];
  let calls = 0;
  for (const { transport, names } of live) {
    const worst = new WorstStall();
    for (const stream of streamsOf(transport)) worst.show(new OpenCall(stream));
    calls += worst.calls;
    if (worst.calls > 0) found.push([names.peer, worst]);
  }
  if (calls === 0) return `nothing waits; the server is ${state}`;
  found.sort(([, a], [, b]) => b.rank - a.rank || b.forMs - a.forMs);
  const lines = found.slice(0, MOST_LINES).map(([peer, worst]) => worst.text(`from ${peer}`));
  if (found.length > MOST_LINES) lines.push(`and ${found.length - MOST_LINES} more connections`);
  if (drainingMs !== undefined) {
    lines.unshift(`the server ${stallText({ kind: 'drain', forMs: drainingMs, calls })}`);
  }
  return lines.join('\n');
}

/** The open calls, by the peers of their connections. */
export function openCallsOf(live: Iterable<LiveConnection>): [peer: string, calls: AskedCall[]][] {
  const found: [string, AskedCall[]][] = [];
  for (const { transport, names } of live) {
    found.push([names.peer, streamsOf(transport).map((stream) => new OpenCall(stream))]);
  }
  return found;
}

/** Shows every call to a stall watch. */
export function visitServerStalls(live: Iterable<LiveConnection>, visit: StallVisitor): void {
  for (const { transport, names } of live) {
    for (const stream of streamsOf(transport)) {
      const about: StalledCall = { side: 'server', place: names.peer, path: stream.head.path };
      visit(stream, about, stream.stall(false));
    }
  }
}
