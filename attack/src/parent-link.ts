// A child's end of the channel to its parent: commands in, one answer each.
// Invariant: the process exits when its parent is gone, whatever ended that.

/** Answers each command with what `handle` resolves to. */
export function serveParent<Command>(handle: (command: Command) => Promise<unknown>): void {
  process.on('SIGINT', () => {});
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message) => {
    // The parent is this package, of the same build.
    handle(message as Command).then(
      (done) => tell({ done: done ?? null }),
      (error: unknown) => tell({ failed: error instanceof Error ? error.message : String(error) }),
    );
  });
}

function tell(answer: object): void {
  if (process.connected) process.send?.(answer, undefined, undefined, () => {});
}
