// Runs an example as a reader would, in a process of its own, for the tests of the examples.
// Invariants: an example that fails, or does not end by itself, fails its test with all it printed;
// nothing that it started outlives it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Milliseconds after which an example is stopped; each is done in a few seconds. */
const TIMEOUT_MS = 30_000;

/**
 * @param name the folder of the example
 * @returns the lines it printed
 */
export async function runExample(name: string): Promise<string[]> {
  const example = spawn(process.execPath, [join(import.meta.dirname, name, 'main.js')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // With the processes it starts it is a group, which can be ended as a whole.
    detached: true,
  });
  let printed = '';
  let errors = '';
  example.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  example.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const timer = setTimeout(() => killGroup(example.pid), TIMEOUT_MS);
  example.once('exit', () => killGroup(example.pid));
  const [code, signal] = await once(example, 'close');
  clearTimeout(timer);
  if (code !== 0 || errors !== '') {
    throw new Error(`${name} ended with ${signal ?? code} and printed:\n${printed}${errors}`);
  }
  return printed.trimEnd().split('\n');
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}
