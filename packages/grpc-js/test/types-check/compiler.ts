// Runs the compiler of this repository over files in a folder of their own, which is inside node_modules so
// that imports resolve as they do for users, and is gone afterwards.

import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of the package; compiled tests are in build/test/types-check. */
export const packageFolder: string = join(__dirname, '..', '..', '..');

const root = join(packageFolder, '..', '..');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

const TIMEOUT_MS = 60_000;

/** Files by their path in the folder: text, or a folder to copy. */
export interface Sources {
  readonly files: Readonly<Record<string, string>>;
  /** Folders to copy, by the path they get. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Compiler options beside `strict` and `noEmit`. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** What is compiled; every file of `files` that ends in .ts. */
  readonly roots?: readonly string[];
}

/** The lines of the compiler's findings, each with its file. */
export async function compile({
  files,
  folders = {},
  options = {},
  roots,
}: Sources): Promise<string[]> {
  const cache = join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'grpc-js-types-'));
  try {
    for (const [to, from] of Object.entries(folders)) {
      cpSync(from, join(folder, to), { recursive: true });
    }
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const config = {
      compilerOptions: {
        target: 'es2022',
        lib: ['es2023'],
        types: ['node'],
        module: 'nodenext',
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        allowImportingTsExtensions: true,
        ...options,
      },
      files: roots ?? Object.keys(files).filter((path) => path.endsWith('.ts')),
    };
    writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n');
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(folder: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const args = [compiler, '-p', '.', '--pretty', 'false'];
    const limits = { cwd: folder, timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, args, limits, (error, stdout, stderr) => {
      if (error?.killed) reject(new Error(`the compiler took more than ${TIMEOUT_MS} ms`));
      else if (error !== null && stdout === '') reject(new Error(stderr || error.message));
      else resolve(stdout.split('\n').filter((line) => line !== ''));
    });
  });
}

/** The declaration files below `folder`, by their path in it, each as `change` makes it. */
export function declarationFiles(
  folder: string,
  change: (text: string) => string,
  path = '',
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) Object.assign(found, declarationFiles(folder, change, inner));
    else if (entry.name.endsWith('.d.ts'))
      found[inner] = change(readFileSync(join(folder, inner), 'utf8'));
  }
  return found;
}
