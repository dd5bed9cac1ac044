// The bans of the repository that one line decides: constructs of the language, marks in
// comments, punctuation, and what makes a test depend on time. Each carries its reason.
// Patterns, not types: what the compiler or the linter can decide is theirs; what is here
// twice is here for the message.

const CODE_BANS = [
  {
    rule: 'any',
    pattern: /(?:[:<,|&]|\bas\b|=>?)\s*any\b(?!\s*[(:.])/g,
    reason: 'any switches the checker off: use unknown and narrow it',
  },
  {
    rule: 'non-null',
    pattern: /[\w)\]]!(?=\s*(?:[.,;:)\]}]|\[|$))/gm,
    reason: '! claims what nothing checked: handle undefined',
  },
  {
    rule: 'enum',
    pattern: /\benum\s+\w+\s*\{/g,
    reason: 'an enum emits code of its own: use constants or a union of strings',
  },
  {
    rule: 'namespace',
    pattern: /^\s*(?:export\s+)?(?:declare\s+)?(?:namespace|module)\s+[\w.]+\s*\{/gm,
    reason: 'a namespace emits code of its own: a module is a file',
  },
  {
    rule: 'export-star',
    pattern: /\bexport\s*\*/g,
    reason: 'export names one by one: what is public is a decision',
  },
  {
    rule: 'manager',
    pattern: /\bclass\s+\w*Manager\b/g,
    reason: 'Manager says nothing: use the name the specification gives',
  },
];

const COMMENT_BANS = [
  {
    rule: 'ts-ignore',
    pattern: /@ts-(?:ignore|nocheck)\b/g,
    reason: 'an error that is silenced is still there: fix the type',
  },
  {
    rule: 'todo',
    pattern: /\b(?:TODO|FIXME|XXX)\b(?!\([^)\s]+\))/g,
    reason: 'a TODO has an owner: TODO(name): ...',
  },
];

const EXPECT_ERROR = {
  rule: 'ts-expect-error',
  pattern: /@ts-expect-error\b/g,
  reason: 'only a test may expect a type error',
};

const PUNCTUATION = {
  rule: 'punctuation',
  pattern: /[\u00a0\u2010-\u2015\u2018-\u201f\u2026]/g,
  reason: 'ASCII punctuation only: a plain hyphen, straight quotes, three dots',
};

const TEST_BANS = [
  {
    rule: 'test-only',
    pattern: /\b(?:test|it|describe|suite|t)\s*\.\s*only\s*\(|\bonly\s*:\s*true\b/g,
    reason: 'one test alone hides the others',
  },
  {
    rule: 'test-skip',
    pattern: /\b(?:test|it|describe|suite|t)\s*\.\s*(?:skip|todo)\s*\(|\bskip\s*:\s*true\b/g,
    reason: 'a test that does not run proves nothing: fix it or delete it',
  },
  {
    rule: 'sleep',
    pattern:
      /\bnew\s+Promise\s*(?:<[^()]*>)?\s*\(\s*\(?\s*[\w:\s<>=,]*\)?\s*=>\s*\{?\s*(?:return\s+|void\s+)?setTimeout\s*\(|\bpromisify\s*\(\s*setTimeout\b/g,
    reason: 'a test never sleeps: inject the clock, or wait for the event itself',
  },
];

const SLEEP_IMPORT = {
  rule: 'sleep',
  pattern: /\bimport\b[^;]*\bsetTimeout\b[^;]*\bfrom\s*['"](?:node:)?timers\/promises['"]/g,
  reason: TEST_BANS[2].reason,
};

/**
 * What a package must have whose names and types are those of another: its classes have theirs
 * above them, its enums are enums, and each published `any` is suppressed for the linter by itself.
 */
const OF_PUBLISHED_TYPES = new Set(['any', 'enum', 'extends']);

/**
 * Reports every banned construct of one file.
 *
 * @param {string} source
 * @param {{ code: string, withStrings: string, comments: string }} text the views of `source`
 * @param {boolean} isTest
 * @param {boolean} hasPublishedTypes its package has the names and types of another
 * @param {(offset: number, rule: string, reason: string) => void} onFinding
 */
export function lineBans(source, text, isTest, hasPublishedTypes, onFinding) {
  const report = (offset, rule, reason) => {
    if (!hasPublishedTypes || !OF_PUBLISHED_TYPES.has(rule)) onFinding(offset, rule, reason);
  };
  for (const ban of CODE_BANS) apply(ban, text.code, report);
  for (const ban of COMMENT_BANS) apply(ban, text.comments, report);
  apply(PUNCTUATION, source, report);
  banTopLevelAwait(text.code, report);
  if (isTest) {
    for (const ban of TEST_BANS) apply(ban, text.code, report);
    apply(SLEEP_IMPORT, text.withStrings, report);
  } else {
    apply(EXPECT_ERROR, text.comments, report);
    banInheritance(text.code, report);
  }
}

function apply({ rule, pattern, reason }, text, report) {
  for (const match of text.matchAll(pattern)) {
    const leading = match[0].length - match[0].trimStart().length;
    report(match.index + leading, rule, reason);
  }
}

/** An `await` outside every brace, unless an arrow of the same statement is async. */
function banTopLevelAwait(code, report) {
  let depth = 0;
  let statement = 0;
  for (const match of code.matchAll(/[{};]|\bawait\b/g)) {
    if (match[0] === '{') depth++;
    else if (match[0] === '}') depth--;
    else if (match[0] === 'await' && depth === 0) {
      if (!/\basync\b/.test(code.slice(statement, match.index))) {
        const reason = 'a module that awaits cannot be loaded by require()';
        report(match.index, 'top-level-await', reason);
      }
    }
    if (depth === 0 && match[0] !== 'await') statement = match.index + 1;
  }
}

function banInheritance(code, report) {
  for (const match of code.matchAll(/\bclass\b\s*(?!extends\b)\w*/g)) {
    let at = skipTypeParameters(code, match.index + match[0].length);
    const heritage = /^\s*extends\s+([\w.]+)/.exec(code.slice(at, at + 200));
    if (heritage === null || heritage[1] === 'Error') continue;
    at += heritage[0].length - heritage[1].length;
    const reason = `extends ${heritage[1]}: no inheritance except from Error; hold it as a field`;
    report(at, 'extends', reason);
  }
}

/** The offset behind `<...>` when one begins at `from`, else `from`. */
function skipTypeParameters(code, from) {
  const start = from + (/^\s*/.exec(code.slice(from))?.[0].length ?? 0);
  if (code[start] !== '<') return from;
  let depth = 0;
  for (let at = start; at < code.length; at++) {
    if (code[at] === '<') depth++;
    if (code[at] === '>' && code[at - 1] !== '=') depth--;
    if (depth === 0) return at + 1;
  }
  return from;
}
