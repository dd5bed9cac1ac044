// A call of a client, and its attempts, as `sluice:call` and `sluice:attempt` tell of them.
// Invariants: made only while anybody listens; each start has one end; a call that began while nobody
// listened has no record, and neither have its attempts.
// Not here: the shapes (transport/diagnostics.ts), what calls do (call.ts, retry/retried-call.ts).

import { Metadata } from '../grpc/metadata.ts';
import type { Status } from '../grpc/status.ts';
import type { HeaderFields } from '../hpack/header-fields.ts';
import type { ClientTransport } from '../transport/client-transport.ts';
import {
  type AttemptCause,
  type AttemptIdentity,
  attemptEvents,
  type CallIdentity,
  callEvents,
} from '../transport/diagnostics.ts';
import { MessageCounts, type StreamRecord } from '../transport/stream-record.ts';
import type { TimerWheel } from '../transport/timer-wheel.ts';
import { withPreviousAttempts } from './retry/pushback.ts';
import type { AnyMethod } from './typed-messages.ts';

/** What a record needs of the channel. */
export interface RecordHost {
  readonly target: string;
  readonly wheel: TimerWheel;
}

/** Whether anybody listens to calls or attempts. */
export function isRecorded(): boolean {
  return callEvents.hasSubscribers || attemptEvents.hasSubscribers;
}

/** One call, whatever it consists of. */
export class CallRecord {
  readonly host: RecordHost;
  readonly identity: CallIdentity;
  private readonly counts: MessageCounts;
  private readonly startedMs: number;
  private attempts: number;
  private retries: number;
  private transparentRetries: number;
  private hedges: number;
  /** Attempts under way, and since when there is none. */
  private live: number;
  private idleSinceMs: number;
  private retryDelayMs: number;
  private ended: boolean;

  /** @param method as the caller named it; undefined for a path */
  constructor(host: RecordHost, path: string, method: AnyMethod | undefined) {
    const registered = method !== undefined;
    this.host = host;
    this.identity = { call: this, path, kind: method?.kind, registered };
    this.counts = new MessageCounts();
    this.startedMs = host.wheel.now();
    this.attempts = 0;
    this.retries = 0;
    this.transparentRetries = 0;
    this.hedges = 0;
    this.live = 0;
    this.idleSinceMs = 0;
    this.retryDelayMs = 0;
    this.ended = false;
  }

  start(): void {
    if (!callEvents.hasSubscribers) return;
    const { target } = this.host;
    callEvents.publish({ phase: 'start', side: 'client', ...this.identity, target });
  }

  onAttempt(cause: AttemptCause, nowMs: number): void {
    if (this.live === 0 && this.attempts > 0) this.retryDelayMs += nowMs - this.idleSinceMs;
    this.live += 1;
    this.attempts += 1;
    if (cause === 'retry') this.retries += 1;
    else if (cause === 'transparent') this.transparentRetries += 1;
    else if (cause === 'hedge') this.hedges += 1;
  }

  onAttemptEnd(counts: MessageCounts, nowMs: number): void {
    this.counts.add(counts);
    this.live -= 1;
    this.idleSinceMs = nowMs;
  }

  /** Has its status; again is without effect. */
  end(status: Status, details: string): void {
    if (this.ended) return;
    this.ended = true;
    if (!callEvents.hasSubscribers) return;
    const { attempts, retries, transparentRetries, hedges, retryDelayMs } = this;
    callEvents.publish({
      phase: 'end',
      side: 'client',
      ...this.identity,
      ...this.counts,
      target: this.host.target,
      status,
      details,
      durationMs: this.host.wheel.now() - this.startedMs,
      attempts,
      retries,
      transparentRetries,
      hedges,
      retryDelayMs,
    });
  }
}

/** One attempt, from its start to its status. */
export class AttemptRecord implements StreamRecord {
  readonly call: CallRecord;
  readonly previous: number;
  private readonly identity: AttemptIdentity;
  private readonly counts: MessageCounts;
  private readonly startedMs: number;
  private peer: string;
  private ended: boolean;

  /** @param previous attempts before it that the server may have seen */
  constructor(call: CallRecord, cause: AttemptCause, previous: number) {
    const { path, registered } = call.identity;
    const { target, wheel } = call.host;
    this.call = call;
    this.previous = previous;
    this.identity = {
      attempt: this,
      call,
      path,
      registered,
      target,
      previousAttempts: previous,
      cause,
    };
    this.counts = new MessageCounts();
    this.startedMs = wheel.now();
    this.peer = '';
    this.ended = false;
    call.onAttempt(cause, this.startedMs);
  }

  /** @returns the request metadata, with what listeners have added */
  start(fields: HeaderFields): HeaderFields {
    if (!attemptEvents.hasSubscribers) return fields;
    const metadata = Metadata.fromFields(fields);
    attemptEvents.publish({ phase: 'start', ...this.identity, metadata });
    // Only what applications may set comes back; the number of attempts is the channel's own.
    return withPreviousAttempts(metadata.toFields(), this.previous);
  }

  /** A connection was found. */
  placed(transport: ClientTransport): void {
    const { connection, peer } = transport;
    this.peer = peer.address;
    if (!attemptEvents.hasSubscribers) return;
    attemptEvents.publish({
      phase: 'placed',
      ...this.identity,
      peer: peer.address,
      connection: connection.id,
      waitedMs: this.call.host.wheel.now() - this.startedMs,
    });
  }

  // StreamRecord.

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
    if (!attemptEvents.hasSubscribers) return;
    const message = { direction, sequence, bytes, compressed };
    attemptEvents.publish({ phase: 'message', ...this.identity, ...message });
  }

  end(status: Status, details: string): void {
    if (this.ended) return;
    this.ended = true;
    const nowMs = this.call.host.wheel.now();
    this.call.onAttemptEnd(this.counts, nowMs);
    if (!attemptEvents.hasSubscribers) return;
    attemptEvents.publish({
      phase: 'end',
      ...this.identity,
      ...this.counts,
      peer: this.peer,
      status,
      details,
      durationMs: nowMs - this.startedMs,
    });
  }
}
