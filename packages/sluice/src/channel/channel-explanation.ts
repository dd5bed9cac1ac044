// What the calls of a channel wait for, in words: one line for those that have no connection yet, one
// for each connection with calls.
// Invariants: no side effects; one sentence for each kind of wait, however many calls there are.
// Not here: what one call waits for (call.ts, placement.ts).

import { stallText } from '../transport/stall.ts';
import { type AskedCall, WorstStall } from '../transport/worst-stall.ts';
import type { CallHandle } from './call-handle.ts';

/** What a channel tells of itself. */
export interface ExplainedChannel {
  readonly state: string;
  /** Calls in the line, and the first of them. */
  readonly waitingCalls: number;
  readonly firstWaiting: AskedCall | undefined;
  /** Calls whose credentials are being made, and the first of them. */
  readonly withoutCredentials: number;
  readonly firstWithoutCredentials: AskedCall | undefined;
  /** Calls between two attempts. */
  readonly betweenAttempts: ReadonlySet<CallHandle>;
  /** What callers of `ready` wait for, where there are any. */
  readonly readyWaits: string | undefined;
  /** The calls of this channel by the connections they are on. */
  openCalls(): Iterable<readonly [peer: string, calls: readonly AskedCall[]]>;
}

/** What `Channel.explain()` answers. */
export function explainChannel(channel: ExplainedChannel): string {
  const lines = [
    ...ofLine(channel.waitingCalls, channel.firstWaiting, 'no stream yet'),
    ...ofLine(channel.withoutCredentials, channel.firstWithoutCredentials, 'no credentials yet'),
  ];
  const [retried] = channel.betweenAttempts;
  if (retried !== undefined) {
    const many = counted(channel.betweenAttempts.size, 'has no attempt', 'have no attempt');
    lines.push(`${many} under way; the first ${retried.explain()}`);
  }
  if (channel.readyWaits !== undefined) lines.push(`ready() is waited for: ${channel.readyWaits}`);
  for (const [peer, calls] of channel.openCalls()) {
    if (calls.length === 0) continue;
    const worst = new WorstStall();
    for (const call of calls) worst.show(call);
    lines.push(worst.text(`open to ${peer}`));
  }
  return lines.length === 0 ? `nothing waits; the channel is ${channel.state}` : lines.join('\n');
}

function ofLine(size: number, first: AskedCall | undefined, what: string): string[] {
  const reason = first?.stall(true);
  if (first === undefined || reason === undefined) return [];
  const many = counted(size, `has ${what}`, `have ${what}`);
  return [`${many}; the first, ${first.path}, ${stallText(reason)}`];
}

function counted(count: number, one: string, many: string): string {
  return count === 1 ? `1 call ${one}` : `${count} calls ${many}`;
}
