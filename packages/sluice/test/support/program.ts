// A program of a user of the package, in a process of its own: what it prints, and that it ends.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The folder of the package. */
export const packageFolder: string = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs an ES module and answers what it printed. A process that hangs is killed; that, and one that
 * ends with an error or with a promise still awaited, is a rejection.
 */
export async function run(program: string): Promise<string> {
  const args = ['--input-type=module', '--eval', program];
  const limits = { cwd: packageFolder, timeout: 20_000 };
  const { stdout } = await promisify(execFile)(process.execPath, args, limits);
  return stdout.trim();
}
