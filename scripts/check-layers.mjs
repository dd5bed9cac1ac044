// Enforces what no linter knows of this repository: the layers of packages/sluice/src, the sizes
// of files, how a file opens, what carries documentation. The bans that are a matter of one
// line are in bans.mjs. Each finding names file, line and the reason.
// Prints and exits 1 as a script; `checkTree` is the same thing as a function.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lineBans } from './bans.mjs';
import { filesUnder, ROOT } from './prepare.mjs';
import { lineAt, views } from './source-text.mjs';

/** In order: a layer imports from itself and from those before it. */
const LAYERS = [
  'gen',
  'hpack',
  'frames',
  'grpc',
  'service',
  'transport',
  'channel',
  'server',
  'api',
  'services',
  'index.ts',
];
const PURE_LAYERS = new Set(['hpack', 'frames', 'grpc', 'service']);
const PURE_BUILTINS = new Set(['node:buffer', 'node:util', 'node:util/types', 'node:zlib']);
const SOCKET_BUILTINS = new Set(['node:net', 'node:tls', 'node:dgram', 'node:http2']);
const HTTP_BUILTINS = new Set(['node:http', 'node:https']);
/** What has to do with browsers: the page for them. */
const HTTP_FILES = /^page(?:-[a-z-]+)?\.ts$/;
const MICRO_BENCHMARK = /[\\/]bench[\\/]src[\\/]micro[\\/]/;
const ATTACK = /[\\/]attack[\\/]src[\\/]/;
const SOCKET_LAYER = 'transport';
/** Has the names, types and files of another package. */
const DROP_IN = 'packages/grpc-js';
const DOCUMENTED_LAYERS = new Set(['service', 'channel', 'server', 'api', 'services']);

/** Folders of generated code: what made it answers for it. */
const GENERATED = /[\\/]gen[\\/]/;

const TIMERS = /\b(?:setTimeout|setInterval|setImmediate|process\s*\.\s*nextTick)\b/g;
const BANNED_NAME = /(?:^|[-.])(?:utils?|helpers?|manager)(?=[-.]|$)|^common(?=\.|$)/i;

const LINES_WITH_REASON = 400;
const LINES_EVER = 600;
const REASON = 'Longer than 400 lines because';
const OPENING_LINES = 2;

const IMPORT =
  /\b(?:import|export)\b[^;'"`()=]*?\bfrom\s*(['"])([^'"\n]+)\1|\bimport\s*(?:\(\s*)?(['"])([^'"\n]+)\3/g;
const EXPORTED =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\s*\*?|class|const|let|interface|type)\s+(\w+)/gm;
const REEXPORT = /^export\s+(?:type\s+)?\{([^}]*)\}\s*from\s*(['"])([^'"\n]+)\2/gm;

/**
 * Checks every source and every test below `root`.
 *
 * @param {string} root the repository, absolute
 * @returns {{ file: string, line: number, rule: string, reason: string }[]} in order of file
 *   and line; empty when all is well
 */
export function checkTree(root) {
  const findings = [];
  const packages = existsSync(join(root, 'packages'))
    ? readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name))
    : [];
  for (const folder of [
    ...packages,
    ...['attack', 'bench', 'dependants', 'interop'].map((name) => join(root, name)),
  ]) {
    for (const file of typescriptUnder(join(folder, 'src'))) {
      checkFile(root, file, folder, false, findings);
    }
    for (const file of typescriptUnder(join(folder, 'test'))) {
      checkFile(root, file, folder, true, findings);
    }
  }
  checkDocumentation(root, findings);
  return findings.sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
}

function typescriptUnder(folder) {
  return filesUnder(folder).filter((file) => file.endsWith('.ts') && !GENERATED.test(file));
}

function checkFile(root, file, folder, isTest, findings) {
  const source = readFileSync(file, 'utf8');
  const text = views(source);
  const report = (offset, rule, reason) => {
    findings.push({
      file: relative(root, file).split(sep).join('/'),
      line: lineAt(source, offset),
      rule,
      reason,
    });
  };
  const isDropIn = relative(root, folder).split(sep).join('/') === DROP_IN;
  lineBans(source, text, isTest, isDropIn, report);
  if (!isDropIn) checkName(file, report);
  if (isTest) return;
  checkSize(source, report);
  checkOpening(source, report);
  const imports = importsOf(text);
  for (const { specifier, offset } of imports) {
    checkRelativeImport(file, folder, specifier, offset, report);
  }
  if (relative(root, folder).split(sep).join('/') === 'packages/sluice') {
    checkLayer(file, join(folder, 'src'), text, imports, report);
  }
}

function checkName(file, report) {
  const name = basename(file);
  if (BANNED_NAME.test(name)) {
    report(0, 'file-name', `${name} names no concept: call the file after what it owns`);
  }
}

function checkSize(source, report) {
  const lines = source.split('\n').length - (source.endsWith('\n') ? 1 : 0);
  if (lines > LINES_EVER) {
    report(0, 'size', `${lines} lines: no file is longer than ${LINES_EVER}; split the concept`);
  } else if (lines > LINES_WITH_REASON) {
    const opening = source.split('\n', 6);
    const given = opening.some((line) => /^\s*(?:\/\/|\/?\*)/.test(line) && line.includes(REASON));
    if (!given) {
      report(0, 'size', `${lines} lines: over ${LINES_WITH_REASON} say on top "${REASON} ..."`);
    }
  }
}

function checkOpening(source, report) {
  const lines = source.replace(/^#![^\n]*\n/, '').split('\n');
  let opening = 0;
  if (lines[0].startsWith('//')) {
    while (lines[opening]?.startsWith('//')) opening++;
  } else if (lines[0].startsWith('/*')) {
    opening = lines.findIndex((line) => line.includes('*/')) + 1;
  }
  if (opening < OPENING_LINES) {
    const wanted = 'what it owns, its invariant, its spec section, what it is not';
    report(0, 'opening', `a file opens with 2 to 6 lines of comment: ${wanted}`);
  }
}

/** Every module a file names, static or dynamic, types included. */
function importsOf({ code, withStrings }) {
  const found = [];
  for (const match of withStrings.matchAll(IMPORT)) {
    // The keyword must be code: the same words inside a string are not an import.
    if (code[match.index] !== withStrings[match.index]) continue;
    const specifier = match[2] ?? match[4];
    found.push({ specifier, offset: match.index + match[0].lastIndexOf(specifier) });
  }
  return found;
}

function checkRelativeImport(file, folder, specifier, offset, report) {
  if (!specifier.startsWith('.')) return;
  // Micro benchmarks measure what no package exports, in the form that runs.
  if (MICRO_BENCHMARK.test(file) && specifier.includes('packages/sluice/dist/')) return;
  // Attacks need parts that no package exports, and the peers of the interop cases.
  if (ATTACK.test(file) && /(?:packages\/sluice|interop)\/dist\//.test(specifier)) return;
  if (!specifier.endsWith('.ts')) {
    report(offset, 'import-ending', `${specifier}: sources import each other by their .ts name`);
  }
  if (relative(folder, resolve(dirname(file), specifier)).startsWith('..')) {
    report(offset, 'import-package', `${specifier} leaves the package: import it by its name`);
  }
}

function checkLayer(file, src, text, imports, report) {
  const path = relative(src, file).split(sep);
  const layer = path[0];
  const rank = LAYERS.indexOf(layer);
  if (rank < 0) {
    report(0, 'layer', `${layer} is no layer: ${LAYERS.join(', ')}`);
    return;
  }
  if (path.length > 1 && path.at(-1) === 'index.ts') {
    report(0, 'barrel', 'no barrel inside a layer: import the file that owns the concept');
  }
  for (const { specifier, offset } of imports) {
    if (specifier.startsWith('.')) {
      const target = relative(src, resolve(dirname(file), specifier)).split(sep)[0];
      if (LAYERS.indexOf(target) > rank) {
        report(offset, 'layer', `${layer} imports ${target}: imports go downward only`);
      }
    } else if (specifier === 'sluice' || specifier.startsWith('#sluice/')) {
      report(offset, 'layer', `${specifier}: inside the package, import the file itself`);
    } else {
      checkBuiltin(layer, specifier, offset, report);
      checkHttp(layer, basename(file), specifier, offset, report);
    }
  }
  if (PURE_LAYERS.has(layer)) {
    for (const match of text.code.matchAll(TIMERS)) {
      report(match.index, 'pure', `${match[0]} in ${layer}: pure layers hold no timers`);
    }
  }
}

function checkBuiltin(layer, specifier, offset, report) {
  if (PURE_LAYERS.has(layer)) {
    if (specifier.startsWith('node:') && !PURE_BUILTINS.has(specifier)) {
      report(
        offset,
        'pure',
        `${specifier} in ${layer}: pure layers import no builtin that does I/O`,
      );
    }
  } else if (SOCKET_BUILTINS.has(specifier) && layer !== SOCKET_LAYER) {
    report(offset, 'socket', `${specifier} in ${layer}: only ${SOCKET_LAYER} touches sockets`);
  }
}

/** Other servers than ours have one place: the page of the services. */
function checkHttp(layer, name, specifier, offset, report) {
  if (!HTTP_BUILTINS.has(specifier)) return;
  if (layer === 'services' && HTTP_FILES.test(name)) return;
  report(offset, 'socket', `${specifier} in ${layer}: only the page of services speaks HTTP/1`);
}

/** Public means: exported in channel, server or api, or re-exported by index.ts. */
function checkDocumentation(root, findings) {
  const src = join(root, 'packages', 'sluice', 'src');
  const index = join(src, 'index.ts');
  const seen = new Set();
  const report = (file, line, name) => {
    const place = relative(root, file).split(sep).join('/');
    if (seen.has(`${place}:${line}`)) return;
    seen.add(`${place}:${line}`);
    findings.push({
      file: place,
      line,
      rule: 'tsdoc',
      reason: `${name} is public: say units, default, errors and source in a /** */ above it`,
    });
  };
  for (const layer of DOCUMENTED_LAYERS) {
    for (const file of typescriptUnder(join(src, layer))) undocumented(file, undefined, report);
  }
  if (existsSync(index)) {
    for (const { names, target } of reexports(index)) undocumented(target, names, report);
  }
}

/** The names a file passes on, with the files it takes them from. */
function reexports(file) {
  const found = [];
  for (const match of views(readFileSync(file, 'utf8')).withStrings.matchAll(REEXPORT)) {
    if (!match[3].startsWith('.')) continue;
    const names = match[1]
      .split(',')
      .map(
        (name) =>
          name
            .trim()
            .replace(/^type\s+/, '')
            .split(/\s+as\s+/)[0],
      )
      .filter((name) => name !== '');
    found.push({ names: new Set(names), target: resolve(dirname(file), match[3]) });
  }
  return found;
}

/** Reports the exports of `file` (those in `names`, if given) that nothing is written above. */
function undocumented(file, names, report) {
  if (!existsSync(file)) return;
  const source = readFileSync(file, 'utf8');
  const seen = new Set();
  for (const match of views(source).code.matchAll(EXPORTED)) {
    const name = match[1];
    // The first of several overloads speaks for all.
    if ((names !== undefined && !names.has(name)) || seen.has(name)) continue;
    seen.add(name);
    // A suppression may stand between the documentation and what it documents.
    const above = source
      .slice(0, match.index)
      .replace(/(?:^[ \t]*\/\/.*\n)+$/m, '')
      .trimEnd();
    const documented = above.endsWith('*/') && above.startsWith('/**', above.lastIndexOf('/*'));
    if (!documented) report(file, lineAt(source, match.index), name);
  }
  if (names === undefined) return;
  for (const further of reexports(file)) {
    const asked = new Set([...further.names].filter((name) => names.has(name)));
    if (asked.size > 0) undocumented(further.target, asked, report);
  }
}

/** @returns {number} the number of findings */
function main() {
  const findings = checkTree(ROOT);
  for (const { file, line, rule, reason } of findings) {
    console.log(`${file}:${line}: ${rule}: ${reason}`);
  }
  return findings.length;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = main() > 0 ? 1 : 0;
}
