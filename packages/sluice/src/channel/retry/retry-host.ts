// What calls with several attempts share with the others of their channel.
// Not here: the channel's own part of it (retry-calls.ts).

import type { LimitReading } from '../../transport/admission.ts';
import type { RetryCounts } from '../../transport/connection-stats.ts';
import type { TimerWheel } from '../../transport/timer-wheel.ts';
import type { CallHandle } from '../call-handle.ts';
import type { AttemptStarter } from './attempt.ts';
import type { RetryBufferAccount } from './replay-buffer.ts';
import type { RetryThrottle } from './retry-throttle.ts';

/** What a call asks of those it belongs to. */
export interface RetryHost {
  /** The channel's, for events. */
  readonly target: string;
  readonly starter: AttemptStarter;
  readonly wheel: TimerWheel;
  /** 0 <= x < 1. */
  readonly random: () => number;
  readonly throttle: RetryThrottle | undefined;
  readonly account: RetryBufferAccount;
  readonly counts: RetryCounts;
  /** The channel was closed: what fails now is not tried again. */
  readonly isClosed: boolean;
  /** The account of what is kept for further attempts. */
  reading(): LimitReading;
  /** The call waits for its next attempt, and has none. */
  onWaiting(call: CallHandle): void;
  onResumed(call: CallHandle): void;
}
