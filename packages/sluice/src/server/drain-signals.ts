// Signals of the operating system that end a server: the first drains, the next closes at once.
// Invariant: the process has its own signal handling back as soon as the server is closed.

import { shown } from '../transport/option-names.ts';

/** A signal that asks a process to end. */
export type EndSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR2' | 'SIGBREAK';

const END_SIGNALS: readonly string[] = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR2',
  'SIGBREAK',
] satisfies EndSignal[];

/** What the signals do. */
export interface Drainable {
  /** Begins to drain. */
  drain(): void;
  /** Closes at once. */
  close(): void;
}

/**
 * @returns takes the signals off again
 * @throws TypeError for what is no such signal
 */
export function onSignals(
  signals: EndSignal | readonly EndSignal[],
  server: Drainable,
): () => void {
  let first = true;
  const onSignal = (): void => {
    if (first) {
      first = false;
      server.drain();
    } else {
      server.close();
    }
  };
  const named = new Set(typeof signals === 'string' ? [signals] : signals);
  for (const signal of named) {
    if (END_SIGNALS.includes(signal)) continue;
    throw new TypeError(`drainOn takes ${END_SIGNALS.join(', ')}, not ${shown(signal)}`);
  }
  for (const signal of named) process.on(signal, onSignal);
  return () => {
    for (const signal of named) process.off(signal, onSignal);
  };
}
