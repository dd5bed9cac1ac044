// A child's end of the IPC channel: commands in, one answer each, samples out. A child ignores
// Ctrl-C (the parent ends it) and exits when the parent is gone, whatever ended the parent.

import type { ChildMessage, Done } from './protocol.ts';

/** Sends a message to the parent, if it is still there. */
export function tellParent(message: ChildMessage): void {
  // The callback takes the error of a parent that died in between; 'disconnect' follows.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

/** Serves a page of this process; loaded only where it is asked for, or it would be in its memory. */
export async function servePageHere(): Promise<Done> {
  const { servePage } = await import('sluice/page');
  return { pageUrl: (await servePage()).url };
}

/**
 * Answers each command with what `handle` resolves to.
 * @param onOrphaned runs before the exit that follows the parent's
 */
export function serveParent<Command>(
  handle: (command: Command) => Promise<Done>,
  onOrphaned: () => void,
): void {
  process.on('SIGINT', () => {});
  process.on('disconnect', () => {
    onOrphaned();
    process.exit(0);
  });
  process.on('message', (message) => {
    // The parent is this package, of the same build.
    handle(message as Command).then(
      (done) => tellParent({ tell: 'done', done }),
      (error: unknown) => tellParent({ tell: 'failed', why: String(error) }),
    );
  });
}
