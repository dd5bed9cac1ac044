// Signals of the operating system that end a server: the first drains, the next closes at once.
// Invariant: the process has its own signal handling back as soon as the server is closed.

/** A signal that asks a process to end. */
export type EndSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR2' | 'SIGBREAK';

/** What the signals do. */
export interface Drainable {
  /** Begins to drain. */
  drain(): void;
  /** Closes at once. */
  close(): void;
}

/** @returns takes the signals off again */
export function onSignals(signals: readonly EndSignal[], server: Drainable): () => void {
  let first = true;
  const onSignal = (): void => {
    if (first) {
      first = false;
      server.drain();
    } else {
      server.close();
    }
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}
