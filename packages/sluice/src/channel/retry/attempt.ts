// One attempt of a call that may have several: how much of the request it has sent, and whether
// what it hears still concerns anyone.
// Invariant: once it is over its owner hears nothing of it.
// Not here: when attempts begin and which one counts (retried-call.ts), the wire (../call.ts).

import type { Status } from '../../grpc/status.ts';
import type { HeaderFields } from '../../hpack/header-fields.ts';
import type { CallHandle, FieldsListener } from '../call-handle.ts';
import type { CallOptions } from '../call-options.ts';
import { AttemptRecord, type CallRecord } from '../call-record.ts';
import type { ReplayBuffer } from './replay-buffer.ts';

/** A call as one attempt of another one. */
export interface AttemptHandle extends CallHandle {
  /**
   * Once it has ended: its caller, its deadline or a limit of this process ended it, and no server
   * could do better.
   */
  readonly endedHere: boolean;
}

/** Makes attempts. */
export interface AttemptStarter {
  /**
   * @param options of the whole call, its timeout included
   * @param previous attempts that were made before
   * @param elapsedMs part of the timeout that is over
   */
  newAttempt(
    path: string,
    options: CallOptions,
    listener: FieldsListener,
    previous: number,
    elapsedMs: number,
  ): AttemptHandle;
}

/** Whose attempts they are. */
export interface AttemptOwner {
  /** Of the whole call, while anybody listens. */
  readonly record: CallRecord | undefined;
  /** Attempts are made beside each other, not after each other. */
  readonly isHedged: boolean;
  onAttemptHeader(attempt: Attempt, header: HeaderFields): void;
  onAttemptMessage(message: Buffer, compressed: boolean): void;
  onAttemptWritable(attempt: Attempt): void;
  onAttemptEnd(attempt: Attempt, code: Status, details: string, trailer: HeaderFields): void;
}

/** The listener of one attempt, and its place in the request. */
export class Attempt implements FieldsListener {
  /** Attempts that were made before. */
  readonly previous: number;
  readonly handle: AttemptHandle;
  /** The message it sends next. */
  next: number;
  /** It ended, or another attempt was chosen. */
  over: boolean;
  private readonly owner: AttemptOwner;
  private writable: boolean;
  private halfClosed: boolean;

  constructor(
    owner: AttemptOwner,
    starter: AttemptStarter,
    path: string,
    options: CallOptions,
    previous: number,
    elapsedMs: number,
  ) {
    this.previous = previous;
    this.next = 0;
    this.over = false;
    this.owner = owner;
    this.writable = true;
    this.halfClosed = false;
    this.handle = starter.newAttempt(path, options, this, previous, elapsedMs);
  }

  /** For whoever listens; undefined of a call that began while nobody did. */
  startRecord(): AttemptRecord | undefined {
    const { record, isHedged } = this.owner;
    if (record === undefined) return undefined;
    const cause = this.previous === 0 ? 'first' : isHedged ? 'hedge' : 'retry';
    return new AttemptRecord(record, cause, this.previous);
  }

  /** Has sent what there is, and would take more. */
  isReadyFor(buffer: ReplayBuffer): boolean {
    return this.writable && this.next === buffer.end;
  }

  /** Sends what it has not sent yet, as far as it can be written. */
  pump(buffer: ReplayBuffer, halfClosed: boolean): void {
    while (this.writable && !this.over) {
      const message = buffer.at(this.next);
      if (message === undefined) break;
      this.next += 1;
      this.writable = this.handle.send(message);
    }
    if (!halfClosed || this.halfClosed || this.over || this.next < buffer.end) return;
    this.halfClosed = true;
    this.handle.halfClose();
  }

  /** Sends a message that nobody else will have to; false when the caller should wait. */
  pass(message: Uint8Array): boolean {
    this.writable = this.handle.send(message);
    return this.writable;
  }

  // FieldsListener.

  onHeader(header: HeaderFields): void {
    if (!this.over) this.owner.onAttemptHeader(this, header);
  }

  onMessage(message: Buffer, compressed: boolean): void {
    if (!this.over) this.owner.onAttemptMessage(message, compressed);
  }

  onWritable(): void {
    this.writable = true;
    if (!this.over) this.owner.onAttemptWritable(this);
  }

  onEnd(code: Status, details: string, trailer: HeaderFields): void {
    if (this.over) return;
    this.over = true;
    this.owner.onAttemptEnd(this, code, details, trailer);
  }
}

/** Gives attempts up. The end of one may end another that waits; their owner hears of none. */
export function dropAttempts(attempts: readonly Attempt[], details: string): void {
  for (const attempt of attempts) attempt.over = true;
  for (const attempt of attempts) attempt.handle.cancel(details);
}
