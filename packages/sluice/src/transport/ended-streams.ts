// The streams of a connection that ended lately, by who ended them: what tells a late frame, which
// crossed ours on its way, from a fault of the peer (RFC 9113 §5.1).
// Invariant: fixed memory; the oldest is forgotten first, and then counts as never seen.

import { REMEMBERED_STREAMS } from './limits.ts';
import { RecentStreams } from './recent-streams.ts';

export class EndedStreams {
  private readonly resets: RecentStreams;
  private readonly ends: RecentStreams;

  constructor() {
    this.resets = new RecentStreams(REMEMBERED_STREAMS);
    this.ends = new RecentStreams(REMEMBERED_STREAMS);
  }

  /** Remembers that the peer may still send on a stream that we ended early. */
  noteReset(streamId: number): void {
    this.resets.add(streamId);
  }

  /** Remembers that the peer ended a stream, one that it reset or that was in no table. */
  noteEnd(streamId: number): void {
    this.ends.add(streamId);
  }

  /** The peer reset a stream that we ended early: what it still sends there is its own fault. */
  notePeerReset(streamId: number): void {
    if (this.resets.remove(streamId)) this.ends.add(streamId);
  }

  /** Whether we ended the stream lately, so that frames on it are none of the peer's fault. */
  wasResetByUs(streamId: number): boolean {
    return this.resets.has(streamId);
  }

  /** Whether the stream was open lately. */
  wasOpen(streamId: number): boolean {
    return this.ends.has(streamId);
  }
}
