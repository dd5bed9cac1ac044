// What is kept of one call or attempt for whoever listens to it: its messages, counted. Most streams
// have no record.
// Invariant: bytes are those of messages as they go over the wire, without prefix and framing.
// Not here: who makes records (server-call-record.ts, channel/call-record.ts).

import type { Status } from '../grpc/status.ts';
import type { Traffic } from './diagnostics.ts';

/** What a stream tells. Must not throw. */
export interface StreamRecord {
  /** A message was queued to be sent. */
  onSent(bytes: number, compressed: boolean): void;
  /** A message that was asked for came. */
  onReceived(bytes: number, compressed: boolean): void;
  /** It is over; again is without effect. */
  end(status: Status, details: string): void;
}

/** The messages of one stream, or of all streams of a call. */
export class MessageCounts implements Traffic {
  sentMessages: number;
  sentBytes: number;
  receivedMessages: number;
  receivedBytes: number;

  constructor() {
    this.sentMessages = 0;
    this.sentBytes = 0;
    this.receivedMessages = 0;
    this.receivedBytes = 0;
  }

  /** Its number, from 0. */
  sent(bytes: number): number {
    this.sentMessages += 1;
    this.sentBytes += bytes;
    return this.sentMessages - 1;
  }

  /** Its number, from 0. */
  received(bytes: number): number {
    this.receivedMessages += 1;
    this.receivedBytes += bytes;
    return this.receivedMessages - 1;
  }

  add(other: Traffic): void {
    this.sentMessages += other.sentMessages;
    this.sentBytes += other.sentBytes;
    this.receivedMessages += other.receivedMessages;
    this.receivedBytes += other.receivedBytes;
  }
}
