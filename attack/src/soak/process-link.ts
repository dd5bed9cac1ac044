// The child's end of a soak's IPC channel.
// Invariants: a child exits when its parent is gone; after `leave` it has no part in its own end, so
// that what keeps the process alive shows.

import { setImmediate as turn } from 'node:timers/promises';

/** Milliseconds after which a process that should have ended by itself is ended. */
const ORPHAN_MS = 20_000;

/** Answers each command with what `handle` resolves to; `leave` is answered here. */
export function serveSoak<Command extends { readonly do: string }>(
  handle: (command: Command) => Promise<unknown>,
): void {
  let leaving = false;
  // Opened when it is first asked for, by whatever: it must not look like something left over.
  void process.stderr.fd;
  process.on('SIGINT', () => {});
  process.on('disconnect', () => {
    if (!leaving) process.exit(0);
  });
  process.on('message', (message) => {
    // The parent is this package, of the same build.
    const command = message as Command;
    if (command.do === 'leave') {
      leaving = true;
      // Keeps nothing alive; it ends a process that something else does, long after that was seen.
      setTimeout(() => process.exit(3), ORPHAN_MS).unref();
      answer({ done: null }, () => process.disconnect());
      return;
    }
    handle(command).then(
      (done) => answer({ done: done ?? null }, () => {}),
      (error: unknown) => {
        const failed = error instanceof Error ? error.message : String(error);
        answer({ failed }, () => {});
      },
    );
  });
}

function answer(message: object, then: () => void): void {
  if (!process.connected) return;
  // Its callback comes too early to disconnect in.
  process.send?.(message, undefined, undefined, () => void turn().then(then));
}
