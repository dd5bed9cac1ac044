// Listening to an AbortSignal that any number of calls may share, such as one for the end of a program.
// Invariant: many listeners are no leak and not warned of, since each call takes its own away.

import { setMaxListeners } from 'node:events';

/** Calls `listener` once when `signal` aborts; `removeEventListener` takes it back. */
export function listenToAbort(signal: AbortSignal, listener: () => void): void {
  setMaxListeners(0, signal);
  signal.addEventListener('abort', listener, { once: true });
}
