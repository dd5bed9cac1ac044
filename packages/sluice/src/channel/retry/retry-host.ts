// What calls with several attempts share with the others of their channel.
// Not here: the channel's own part of it (retry-calls.ts).

import type { RetryCounts } from '../../transport/connection-stats.ts';
import type { TimerWheel } from '../../transport/timer-wheel.ts';
import type { CallHandle } from '../call-handle.ts';
import type { AttemptStarter } from './attempt.ts';
import type { RetryBufferAccount } from './replay-buffer.ts';
import type { RetryThrottle } from './retry-throttle.ts';

/** What a call asks of those it belongs to. */
export interface RetryHost {
  readonly starter: AttemptStarter;
  readonly wheel: TimerWheel;
  /** 0 <= x < 1. */
  readonly random: () => number;
  readonly throttle: RetryThrottle | undefined;
  readonly account: RetryBufferAccount;
  readonly counts: RetryCounts;
  /** The channel was closed: what fails now is not tried again. */
  readonly isClosed: boolean;
  /** The call waits for its next attempt, and has none. */
  onWaiting(call: CallHandle): void;
  onResumed(call: CallHandle): void;
}
