// The metadata of call credentials for a call over a plain connection, which the runtime below would
// refuse, and 1.14.7 sends: made before the call begins, with its deadline running.
// Invariant: what is done with the call meanwhile is done after it began, in the same order; nothing
// comes of it once the call has ended. Not here: calls over TLS (call-credentials.ts).

import { type CallCredentials, type Metadata as SluiceMetadata, StatusError } from 'sluice';
import { Status } from './constants.ts';
import { getRelativeTimeout } from './deadline.ts';
import { getErrorMessage } from './error.ts';
import { throwLater } from './thrown-later.ts';
import { computeServiceUrl } from './uri-parser.ts';

/** The call that waits. */
export interface WaitingCall {
  onCredentials(made: SluiceMetadata): void;
  cancelWithStatus(status: Status, details: string): void;
}

export class PlainCredentials {
  private readonly call: WaitingCall;
  private held: (() => void)[];
  private timer: NodeJS.Timeout | undefined;
  private dropped: boolean;

  constructor(call: WaitingCall) {
    this.call = call;
    this.held = [];
    this.timer = undefined;
    this.dropped = false;
  }

  /** @param deadline ms of the epoch, or Infinity */
  fetch(credentials: CallCredentials, path: string, authority: string, deadline: number): void {
    const leftMs = getRelativeTimeout(deadline);
    if (leftMs !== Number.POSITIVE_INFINITY) {
      this.timer = setTimeout(() => this.tooLate(), leftMs);
    }
    const serviceUrl = computeServiceUrl(authority, path);
    Promise.resolve(credentials({ path, authority, serviceUrl })).then(
      (made) => this.done(made),
      (error: unknown) => this.failed(error),
    );
  }

  private tooLate(): void {
    this.call.cancelWithStatus(
      Status.DEADLINE_EXCEEDED,
      'Deadline exceeded while call credentials were made',
    );
  }

  private failed(error: unknown): void {
    if (this.dropped) return;
    if (error instanceof StatusError) this.call.cancelWithStatus(error.code, error.details);
    else this.call.cancelWithStatus(Status.UNAUTHENTICATED, getErrorMessage(error));
  }

  private done(made: SluiceMetadata): void {
    if (this.dropped) return;
    this.drop();
    this.call.onCredentials(made);
  }

  /** Until the call has begun. */
  hold(act: () => void): void {
    this.held.push(act);
  }

  /** Does what was held; of a call that has ended, it tells writers that they may go on. */
  release(): void {
    const { held } = this;
    this.held = [];
    for (const act of held) {
      try {
        act();
      } catch (error) {
        throwLater(error);
      }
    }
  }

  /** The call begins, or has ended. */
  drop(): void {
    this.dropped = true;
    clearTimeout(this.timer);
  }
}
