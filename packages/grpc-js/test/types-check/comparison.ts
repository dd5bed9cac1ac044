// A file of TypeScript that the compiler finds fault with where a type of ours is not the published one:
// for each exported name two assignments, of the published type to ours and of ours to the published.
// For this alone the declarations are changed: private members, which make each class a type of its own, are
// taken out, and protected ones become public so that subclasses are compared too.

import type { Declaration } from '../surface/declarations.ts';

/** Arguments for type parameters that are free; any for those with a bound. */
const ARGUMENTS = ['{ first: string }', '{ second: number }', '{ third: boolean }'];

/** One export to be compared. */
export interface Compared {
  /** Unique, as it is told: `experimental.Picker`. */
  readonly name: string;
  /** The module, as both sides have it: `index`, `metadata`. */
  readonly file: string;
  /** The type in it; `typeof` stands before that of a value. */
  readonly type: string;
  /** Whether it is that of a value. */
  readonly isValue: boolean;
}

/** What there is to compare of an export: of a class both what it is and what it makes. */
export function comparedOf(file: string, prefix: string, declaration: Declaration): Compared[] {
  const { name, kind, parameters } = declaration;
  const type = `${name}${argumentsFor(parameters)}`;
  const both = `${prefix}${name}`;
  const asType = { name: both, file, type, isValue: false };
  const asValue = { name: `typeof ${both}`, file, type: name, isValue: true };
  switch (kind) {
    case 'interface':
    case 'type':
    case 'const enum':
      return [asType];
    case 'class':
      // A class with parameters is compared by what it makes: its constructor is generic.
      return parameters.length === 0 ? [asType, asValue] : [asType];
    case 'enum':
      return [asType, asValue];
    default:
      return [asValue];
  }
}

function argumentsFor(parameters: readonly string[]): string {
  if (parameters.length === 0) return '';
  const given = parameters.map((parameter, i) =>
    parameter.includes(' extends ') ? 'any' : (ARGUMENTS[i] ?? 'unknown'),
  );
  return `<${given.join(', ')}>`;
}

/** Lines of two: line 2n+1 gives what was published to ours, line 2n+2 the other way. */
export function comparisonText(all: readonly Compared[]): string {
  const lines = all.flatMap(({ file, type, isValue }, i) => {
    const theirs = typeText('theirs', file, type, isValue);
    const ours = typeText('ours', file, type, isValue);
    return [
      `export const a${i}: ${ours} = (null as unknown) as ${theirs};`,
      `export const b${i}: ${theirs} = (null as unknown) as ${ours};`,
    ];
  });
  return `${lines.join('\n')}\n`;
}

function typeText(side: string, file: string, type: string, isValue: boolean): string {
  return `${isValue ? 'typeof ' : ''}import('./${side}/${file}.js').${type}`;
}

/**
 * A declaration file without what is private. Const enums become plain ones: of those the compiler compares
 * names and members, where two const enums are never the same.
 */
export function withoutPrivates(text: string): string {
  return text
    .replace(/^\s+#private;\n/gm, '')
    .replace(/^ {4}private (?:constructor\(.*?\)|[^\n]*?);\n/gm, '')
    .replace(/const enum /g, 'enum ')
    .replace(/^( {4})protected /gm, '$1');
}

/** The names whose lines the compiler finds fault with, each with the first line of why. */
export function differing(
  all: readonly Compared[],
  findings: readonly string[],
  file: string,
): Map<string, string> {
  const found = new Map<string, string>();
  let last: string | undefined;
  for (const finding of findings) {
    const match = /^(.+?)\((\d+),\d+\): error (.*)$/.exec(finding);
    if (match === null) {
      // More of the one before.
      if (last !== undefined) found.set(last, `${found.get(last)}\n${finding}`);
      continue;
    }
    const [, path, line, why] = match;
    if (path !== file) throw new Error(`the compiler failed: ${finding}`);
    const at = Number(line) - 1;
    const compared = all[at >> 1];
    last = undefined;
    if (compared === undefined || found.has(compared.name)) continue;
    last = compared.name;
    found.set(
      last,
      `${at % 2 === 0 ? 'published given to ours' : 'ours given to published'}: ${why}`,
    );
  }
  return found;
}
