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
  const named = new Set(signals);
  for (const signal of named) process.on(signal, onSignal);
  return () => {
    for (const signal of named) process.off(signal, onSignal);
  };
}
