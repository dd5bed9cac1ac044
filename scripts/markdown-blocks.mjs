// Reads the fenced code blocks of a Markdown page, and what their info strings ask for.
// Invariant: pure; every fence becomes a block or a finding, and each line number is the page's.
// Not here: what is done with blocks (check-snippets.mjs).

/** Generated code that snippets may import from `./gen`, by family. */
const FAMILIES = ['es', 'ts-proto', 'nice-grpc', 'grpc-js', 'protobuf-ts'];

/** The runtimes whose code is shown beside ours, each with the family it is used with. */
const BEFORE = { 'grpc-js': 'grpc-js', 'nice-grpc': 'nice-grpc', connect: 'es' };

/** What may stand behind each language; `file` puts the block where the page's programs find it. */
const ATTRIBUTES = {
  ts: ['run', 'before', 'gen'],
  js: ['run', 'gen'],
  json: [],
  proto: ['file'],
  yaml: ['file'],
  sh: [],
  text: [],
};

const FENCE = /^(\s*)(`{3,}|~{3,})\s*(.*?)\s*$/;

/**
 * A block of code.
 *
 * @typedef {{
 *   line: number,
 *   language: string,
 *   code: string,
 *   preamble: { line: number, code: string } | undefined,
 *   run: boolean,
 *   family: string,
 *   file: string | undefined,
 * }} Block `line` is that of the fence; the code begins on the next one
 */

/**
 * Takes a page apart. A comment `<!-- snippet: CODE -->` is the preamble of the ts blocks behind it,
 * up to the next such comment, but of none that has imports of its own.
 *
 * @param {string} page
 * @returns {{ blocks: Block[], findings: { line: number, text: string }[] }}
 */
export function blocksOf(page) {
  const lines = page.split('\n');
  const blocks = [];
  const findings = [];
  let preamble;
  for (let i = 0; i < lines.length; i++) {
    if (lines[i].startsWith('<!-- snippet:')) {
      const end = lines.findIndex((text, at) => at >= i && text.endsWith('-->'));
      if (end < 0) {
        findings.push({ line: i + 1, text: 'the comment with the preamble has no end' });
        break;
      }
      const code = lines.slice(i, end + 1).join('\n');
      preamble = { line: i + 1, code: code.slice('<!-- snippet:'.length, -'-->'.length) };
      i = end;
      continue;
    }
    const fence = FENCE.exec(lines[i]);
    if (fence === null) continue;
    const [, indent, mark, info] = fence;
    const end = lines.findIndex((text, at) => at > i && text.trim() === mark);
    if (end < 0) {
      findings.push({ line: i + 1, text: 'the code block has no end' });
      break;
    }
    const body = lines.slice(i + 1, end).map((text) => text.slice(indent.length));
    const block = readInfo(info, i + 1, findings);
    if (block !== undefined) {
      block.code = `${body.join('\n')}\n`;
      if (block.language === 'ts' && !/^import\b/m.test(block.code)) block.preamble = preamble;
      blocks.push(block);
    }
    i = end;
  }
  return { blocks, findings };
}

/** A block without its code; undefined for one that cannot be understood. */
function readInfo(info, line, findings) {
  const [language, ...attributes] = info.split(/\s+/);
  const known = Object.hasOwn(ATTRIBUTES, language) ? ATTRIBUTES[language] : undefined;
  if (known === undefined) {
    const named = language === '' ? 'the code block has no language' : `language "${language}"`;
    const text = `${named}; use one of ${Object.keys(ATTRIBUTES).join(', ')}`;
    findings.push({ line, text });
    return undefined;
  }
  const block = { line, language, code: '', preamble: undefined, run: false, family: 'es' };
  for (const attribute of attributes) {
    const [name, value] = attribute.split('=', 2);
    if (!known.includes(name) || !apply(block, name, value)) {
      const all = known.length === 0 ? 'none' : known.join(', ');
      findings.push({ line, text: `${language} block with "${attribute}"; it may have ${all}` });
      return undefined;
    }
  }
  return block;
}

/** False for a value that makes no sense. */
function apply(block, name, value) {
  if (name === 'run') {
    block.run = true;
    return value === undefined;
  }
  if (name === 'file') {
    block.file = value;
    return value !== undefined && /^[\w.-]+(?:\/[\w.-]+)*$/.test(value) && !value.includes('..');
  }
  const family = name === 'before' ? BEFORE[value] : value;
  if (!FAMILIES.includes(family)) return false;
  block.family = family;
  return true;
}
