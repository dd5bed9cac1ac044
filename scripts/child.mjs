// Runs one child process as if it were this one: same terminal, same signals, same end.
// Invariant: whoever stops this process stops the child first; its exit code is passed on.
// Not a shell: arguments go to the program as they are.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** How often to look whether npm is still there, in milliseconds. */
const PARENT_CHECK_MS = 500;

/**
 * Runs `command` to its end on the terminal of this process.
 *
 * @param {string} command an executable, looked up on PATH when it has no slash
 * @param {readonly string[]} args
 * @param {string} cwd
 * @returns {Promise<number>} the exit code; 128 + n when signal n ended the child, 127 when it
 *   could not be started
 */
export function run(command, args, cwd) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: 'inherit' });
    const forward = (signal) => {
      // A terminal delivers Ctrl-C to the whole group: a second one would read as "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    // npm runs a script under a shell, and a shell that is told to end tells nobody: without this
    // a stopped `npm start` would leave its processes running.
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid !== parent) child.kill('SIGTERM');
    }, PARENT_CHECK_MS);
    if (process.env.npm_lifecycle_event === undefined) clearInterval(watch);
    const finish = (code) => {
      clearInterval(watch);
      for (const signal of FORWARDED) process.off(signal, forward);
      resolve(code);
    };
    for (const signal of FORWARDED) process.on(signal, forward);
    child.once('error', (error) => {
      console.error(`cannot start ${command}: ${error.message}`);
      finish(127);
    });
    child.once('exit', (code, signal) => {
      finish(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}

/**
 * Runs `command` to its end and keeps what it printed, both streams in the order they came and
 * without colours.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 * @returns {Promise<{ code: number, output: string }>}
 */
export function capture(command, args, cwd) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.once('error', (error) => {
      resolve({ code: 127, output: `cannot start ${command}: ${error.message}\n` });
    });
    child.once('close', (code, signal) => {
      resolve({
        code: code ?? 128 + (constants.signals[signal] ?? 0),
        output: Buffer.concat(chunks).toString('utf8'),
      });
    });
  });
}
