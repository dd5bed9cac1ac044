// Compiles the code that the pages show, and runs what is shown as a program: all ts and js blocks
// in one run of the compiler, against the packages as their exports have them.
// Invariants: a finding names page and line; nothing is written outside a folder of its own, which
// is inside node_modules so that imports resolve as they do for users; the build is there.
// Run as a script it checks the repository: `node scripts/check-snippets.mjs`.

import { spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { blocksOf } from './markdown-blocks.mjs';
import { COMPILER, ROOT } from './prepare.mjs';

/** A program that has not ended by then is stopped, in milliseconds. */
const RUN_MS = 10_000;

const FIXTURES = join(ROOT, 'packages', 'sluice', 'dist-test', 'gen');

/** The compiled fixtures of each family of generated code. */
const GENERATED = {
  es: 'es',
  'ts-proto': 'ts-proto',
  'grpc-js': 'ts-proto-grpc-js',
  'protobuf-ts': 'protobuf-ts',
};

const COMPILER_OPTIONS = {
  target: 'es2023',
  lib: ['es2023'],
  types: ['node'],
  module: 'nodenext',
  moduleDetection: 'force',
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noImplicitReturns: true,
  noFallthroughCasesInSwitch: true,
  verbatimModuleSyntax: true,
  allowJs: true,
  checkJs: true,
  skipLibCheck: true,
  rootDir: '.',
  outDir: 'out',
};

/**
 * Checks the code blocks of pages.
 *
 * @param {{ path: string, text: string }[]} pages
 * @returns {Promise<{ findings: string[], compiled: number, run: number }>} findings as
 *   `path:line text`, in the order of the pages
 */
export async function checkPages(pages) {
  const cache = join(ROOT, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'snippets-'));
  try {
    return await check(pages, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function check(pages, folder) {
  const found = [];
  const programs = [];
  const report = (page, line, text) => found.push({ page, line, text });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  placeGenerated(folder);
  for (const [page, { text }] of pages.entries()) {
    const { blocks, findings } = blocksOf(text);
    for (const finding of findings) report(page, finding.line, finding.text);
    const own = `page-${page}`;
    const hasFiles = await writeFiles(blocks, join(folder, own), (line, why) =>
      report(page, line, why),
    );
    for (const block of blocks) {
      if (block.language === 'json') checkJson(block, (why) => report(page, block.line, why));
      if (block.language !== 'ts' && block.language !== 'js') continue;
      const parent = hasFiles ? own : block.family;
      programs.push(writeProgram(page, block, folder, parent));
    }
  }
  const faults = await compile(programs, folder);
  for (const { program, line, text } of faults) report(program.page, line, text);
  const broken = new Set(faults.map(({ program }) => program));
  const runnable = programs.filter(({ block }) => block.run);
  await Promise.all(
    runnable.map(async (program) => {
      if (broken.has(program)) return;
      const why = await runProgram(join(folder, program.output));
      if (why !== undefined) report(program.page, program.block.line, why);
    }),
  );
  found.sort((a, b) => a.page - b.page || a.line - b.line);
  return {
    findings: found.map(({ page, line, text }) => `${pages[page].path}:${line} ${text}`),
    compiled: programs.length,
    run: runnable.length,
  };
}

/** Puts generated code where snippets import it from, `./gen`, before and after they are compiled. */
function placeGenerated(folder) {
  for (const [family, source] of Object.entries(GENERATED)) {
    for (const parent of [family, join('out', family)]) {
      mkdirSync(join(folder, parent), { recursive: true });
      symlinkSync(join(FIXTURES, source), join(folder, parent, 'gen'));
    }
  }
  // nice-grpc needs useExactTypes=false of ts-proto; the types differ in this alone.
  const exact = readFileSync(join(FIXTURES, GENERATED['ts-proto'], 'shop.d.ts'), 'utf8');
  const types = exact.replace(/<I extends Exact<(.*), I>>\((\w+\??): I\)/g, '($2: $1)');
  mkdirSync(join(folder, 'nice-grpc', 'gen'), { recursive: true });
  writeFileSync(join(folder, 'nice-grpc', 'gen', 'shop.d.ts'), types);
}

/** Writes the files that a page shows, and generates code where it says how. */
async function writeFiles(blocks, folder, report) {
  const files = blocks.filter(({ file }) => file !== undefined);
  for (const { file, code } of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), code);
  }
  const recipe = files.find(({ file }) => file === 'buf.gen.yaml');
  if (recipe !== undefined) {
    const bin = join(ROOT, 'node_modules', '.bin');
    const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
    const result = await execute(join(bin, 'buf'), ['generate'], { cwd: folder, env });
    if (result.why !== undefined) report(recipe.line, `buf generate: ${result.why}`);
  }
  return files.length > 0;
}

function checkJson({ code }, report) {
  try {
    JSON.parse(code);
  } catch (error) {
    report(error.message);
  }
}

function writeProgram(page, block, folder, parent) {
  const { language, preamble, code, line } = block;
  const name = `${page}-${line}`;
  const source = join(parent, `${name}.${language}`);
  const before = preamble === undefined ? '' : `${preamble.code}\n`;
  writeFileSync(join(folder, source), before + code);
  const output = language === 'js' ? source : join('out', parent, `${name}.js`);
  return { page, block, source, output, preambleLines: before.split('\n').length - 1 };
}

/** What the compiler says, by page and line. */
async function compile(programs, folder) {
  if (programs.length === 0) return [];
  const bySource = new Map(programs.map((program) => [program.source, program]));
  const config = { compilerOptions: COMPILER_OPTIONS, files: [...bySource.keys()] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { output } = await execute(process.execPath, [COMPILER, '-p', '.', '--pretty', 'false'], {
    cwd: folder,
  });
  const found = [];
  for (const text of output.split('\n')) {
    const match = /^(.+?)\((\d+),\d+\): (?:error )?(.*)$/.exec(text);
    const program = match === null ? undefined : bySource.get(match[1]);
    if (program !== undefined) {
      found.push({ program, line: lineInPage(program, Number(match[2])), text: match[3] });
    }
    // More of the one before.
    else if (text.startsWith(' ') && found.length > 0) found.at(-1).text += `\n${text}`;
    else if (text !== '') throw new Error(`the compiler failed: ${text}`);
  }
  return found;
}

function lineInPage({ block, preambleLines }, line) {
  return line > preambleLines ? block.line + line - preambleLines : block.preamble.line + line - 1;
}

/** Why a program failed, or undefined. */
async function runProgram(program) {
  const { why } = await execute(process.execPath, [program], { cwd: dirname(program) });
  return why;
}

/** Runs a command to its end, and says what went wrong. */
function execute(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: RUN_MS,
      killSignal: 'SIGKILL',
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.once('error', (error) => resolve({ output: '', why: error.message }));
    child.once('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString('utf8');
      const ended = signal === null ? `exited with ${code}` : `stopped after ${RUN_MS} ms`;
      resolve({ output, why: code === 0 ? undefined : `${ended}\n${output.trimEnd()}` });
    });
  });
}

/** The pages of the repository, by their paths from the root. */
function pagesOfRepository() {
  const pages = ['README.md', 'SECURITY.md'];
  for (const name of readdirSync(join(ROOT, 'docs')).sort()) {
    if (name.endsWith('.md')) pages.push(join('docs', name));
  }
  for (const name of readdirSync(join(ROOT, 'packages')).sort()) {
    const folder = join('packages', name);
    if (readdirSync(join(ROOT, folder)).includes('README.md'))
      pages.push(join(folder, 'README.md'));
  }
  return pages.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
}

async function main() {
  const { findings, compiled, run } = await checkPages(pagesOfRepository());
  for (const finding of findings) console.log(finding);
  if (findings.length > 0) process.exitCode = 1;
  else console.log(`${compiled} snippets compiled, ${run} of them run`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main();
}
