// A call of a server as `sluice:call` tells of it, from its request headers to its last byte.
// Invariants: made only while anybody listens; one start, one end, with the stream as their key.
// Not here: the shapes (diagnostics.ts).

import { Metadata } from '../grpc/metadata.ts';
import type { MethodKind } from '../grpc/method.ts';
import type { Status } from '../grpc/status.ts';
import { type CallIdentity, callEvents } from './diagnostics.ts';
import type { ServerStream } from './server-stream.ts';
import { MessageCounts, type StreamRecord } from './stream-record.ts';

export class ServerCallRecord implements StreamRecord {
  private readonly stream: ServerStream;
  private readonly identity: CallIdentity;
  private readonly counts: MessageCounts;
  private ended: boolean;

  /**
   * @param kind of the handler; undefined where there is none, or one of callbacks
   * @param registered whether there is a handler for this very path
   */
  constructor(stream: ServerStream, kind: MethodKind | undefined, registered: boolean) {
    this.stream = stream;
    this.identity = { call: stream, path: stream.head.path, kind, registered };
    this.counts = new MessageCounts();
    this.ended = false;
  }

  start(): void {
    const { connection, head } = this.stream;
    callEvents.publish({
      phase: 'start',
      side: 'server',
      ...this.identity,
      peer: connection.names.peer,
      connection: connection.id,
      metadata: Metadata.fromFields(head.metadata),
    });
  }

  onSent(bytes: number, compressed: boolean): void {
    this.tellMessage('sent', this.counts.sent(bytes), bytes, compressed);
  }

  onReceived(bytes: number, compressed: boolean): void {
    this.tellMessage('received', this.counts.received(bytes), bytes, compressed);
  }

  private tellMessage(
    direction: 'sent' | 'received',
    sequence: number,
    bytes: number,
    compressed: boolean,
  ): void {
    if (!callEvents.hasSubscribers) return;
    callEvents.publish({
      phase: 'message',
      side: 'server',
      ...this.identity,
      direction,
      sequence,
      bytes,
      compressed,
    });
  }

  /** The status was written, or never will be. */
  end(status: Status, details: string): void {
    if (this.ended) return;
    this.ended = true;
    if (!callEvents.hasSubscribers) return;
    const { connection, openedMs } = this.stream;
    callEvents.publish({
      phase: 'end',
      side: 'server',
      ...this.identity,
      ...this.counts,
      peer: connection.names.peer,
      status,
      details,
      durationMs: connection.wheel.now() - openedMs,
    });
  }
}
