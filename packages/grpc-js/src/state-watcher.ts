// One wait for a channel to change its connectivity state.
// Invariants: the callback is called once, never from inside the call that asked; it is called when
// the state changes to another one than was known, not for one that it was in already.
// gRPC connectivity-semantics-and-api.md. Not here: the state itself (Sluice's channel).

import type { Channel as SluiceChannel, ConnectivityState as StateName } from 'sluice';
import { deadlineMs } from './call-settings.ts';
import { stateOf } from './connectivity-names.ts';
import type { ConnectivityState } from './connectivity-state.ts';

type Callback = (error?: Error) => void;

export class StateWatcher {
  private readonly channel: SluiceChannel;
  private readonly known: ConnectivityState;
  private callback: Callback | undefined;
  private readonly onDone: () => void;
  private deadline: number;

  constructor(
    channel: SluiceChannel,
    known: ConnectivityState,
    callback: Callback,
    onDone: () => void,
  ) {
    this.channel = channel;
    this.known = known;
    this.callback = callback;
    this.onDone = onDone;
    this.deadline = Number.POSITIVE_INFINITY;
  }

  /** @param from what the channel shows, of which a change is one */
  start(deadline: Date | number, from: StateName): void {
    this.deadline = deadlineMs(deadline);
    this.next(from);
  }

  private next(from: StateName): void {
    const timeoutMs =
      this.deadline === Number.POSITIVE_INFINITY ? undefined : this.deadline - Date.now();
    if (timeoutMs !== undefined && timeoutMs <= 0) {
      this.tooLate();
      return;
    }
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    this.channel.watchState(from, options).then(
      (state) => {
        if (this.callback === undefined) return;
        if (stateOf(state) === this.known) this.next(state);
        else this.settle(undefined);
      },
      () => this.tooLate(),
    );
  }

  private tooLate(): void {
    this.settle(new Error('Deadline passed without connectivity state change'));
  }

  /** The channel was closed, which is a change as well. */
  onShutdown(): void {
    this.settle(undefined);
  }

  private settle(error: Error | undefined): void {
    const { callback } = this;
    if (callback === undefined) return;
    this.callback = undefined;
    this.onDone();
    // Out of the promise: what the callback throws is an exception, not a rejection.
    if (error === undefined) process.nextTick(callback);
    else process.nextTick(callback, error);
  }
}
