// Starts a process in a network namespace whose sockets have small buffers, and asks it one thing.
// Needs Linux, `unshare` and `ip`, and the right to use them; whoever has not is told so.
// Invariant: the machine's own settings are not touched; the namespace goes with its processes.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The machine does not let us. */
export class NoNamespaceError extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'NoNamespaceError';
  }
}

/** Bytes: the least, the first and the most that a socket's buffer has. */
const BUFFERS = '4096 8192 8192';

/** For a process to clean up after itself. */
const GRACE_MS = 2_000;

/** Told on stderr once the namespace is as it should be. */
const PREPARED = 'prepared';

/** A small segment too: one of the loopback's 64 KiB would never fit such a buffer. */
const PREPARE = [
  'ip link set lo mtu 1500 up',
  `echo "${BUFFERS}" > /proc/sys/net/ipv4/tcp_rmem`,
  `echo "${BUFFERS}" > /proc/sys/net/ipv4/tcp_wmem`,
  `echo ${PREPARED} >&2`,
  'exec "$0" "$@"',
].join(' && ');

type Answer<Done> = { readonly done: Done } | { readonly failed: string };

/**
 * @param file of this folder, compiled; it answers by `serveParent`
 * @throws NoNamespaceError, as a rejection
 */
export function askOnSmallBuffers<Done>(
  file: string,
  command: object,
  withinSeconds: number,
): Promise<Done> {
  return new Promise((resolve, reject) => {
    const script = fileURLToPath(new URL(`./${file}`, import.meta.url));
    const args = ['-n', 'sh', '-c', PREPARE, process.execPath, script];
    const child = spawn('unshare', args, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 4_096) said += text;
    });
    const over = (): void => {
      clearTimeout(timer);
      // It ends by itself then, its children with it, and the namespace with them.
      if (child.connected) child.disconnect();
      setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
    };
    const timer = setTimeout(() => {
      reject(new Error(`no answer for ${withinSeconds} s`));
      over();
    }, withinSeconds * 1000);
    child.on('message', (message) => {
      // The child is this package, of the same build.
      const answer = message as Answer<Done>;
      if ('done' in answer) resolve(answer.done);
      else reject(new Error(answer.failed));
      over();
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new NoNamespaceError(error.message));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const last = said.trim().split('\n').at(-1) ?? '';
      if (said.includes(PREPARED)) reject(new Error(`ended with ${signal ?? code}: ${last}`));
      else reject(new NoNamespaceError(`no network namespace of our own: ${last}`));
    });
    // Kept in the pipe until the process reads.
    child.send(command, undefined, undefined, () => {});
  });
}
