// What the declaration files of a package say, as far as a comparison needs it: the names that a file
// exports, where each is declared and as what, and which members of a class are private.
// It reads what the compiler writes, one declaration a line, and is no parser of TypeScript.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type DeclarationKind =
  | 'class'
  | 'enum'
  | 'const enum'
  | 'interface'
  | 'type'
  | 'const'
  | 'function'
  | 'namespace';

/** An exported name, followed to the file that declares it. */
export interface Declaration {
  /** As it is exported. */
  readonly name: string;
  readonly kind: DeclarationKind;
  /** The type parameters as written: `T extends Filter`. */
  readonly parameters: readonly string[];
}

const LOCAL =
  /^(?:export )?(?:declare )?(?:abstract )?(class|const enum|enum|interface|type|const|function|let|var) (\w+)(?:<(.*?)>(?= ?[={(]| extends| implements))?/gm;
const LIST = /^export (?:type )?\{([^}]*)\}(?: from ['"](.+?)['"])?;/gm;
const IMPORT = /^import (?:type )?\{([^}]*)\} from ['"](.+?)['"];/gm;
const IMPORT_ALL = /^import (?:type )?\* as (\w+) from ['"](.+?)['"];/gm;
const CLASS = /^(?:export )?(?:declare )?(?:abstract )?class (\w+)/;
const PRIVATE = /^ {4}private (?:static )?(?:readonly )?(?:get |set )?(\w+)/;

/** The declaration files of one package, each read once. */
export class Declarations {
  private readonly texts: Map<string, string>;

  constructor(readonly folder: string) {
    this.texts = new Map();
  }

  /** Whether the package has the file, which is named without its ending. */
  has(file: string): boolean {
    return existsSync(join(this.folder, `${file}.d.ts`));
  }

  /** All that `file` exports. */
  exportsOf(file: string): Declaration[] {
    const text = this.text(file);
    const found: Declaration[] = [];
    for (const [line, , name] of text.matchAll(LOCAL)) {
      if (line.startsWith('export ') && name !== undefined) found.push(this.find(file, name, name));
    }
    for (const [, list = '', from] of text.matchAll(LIST)) {
      for (const { local, exported } of namesOf(list)) {
        found.push(this.find(from === undefined ? file : fileOf(from), local, exported));
      }
    }
    return [...new Map(found.map((one) => [one.name, one])).values()];
  }

  /** By the name of its class: the members that are private, in any file of the folder. */
  privates(): Map<string, Set<string>> {
    const found = new Map<string, Set<string>>();
    for (const entry of readdirSync(this.folder)) {
      if (!entry.endsWith('.d.ts')) continue;
      let members: Set<string> | undefined;
      for (const line of this.text(entry.slice(0, -'.d.ts'.length)).split('\n')) {
        const name = CLASS.exec(line)?.[1];
        if (name !== undefined) {
          members = found.get(name) ?? new Set();
          found.set(name, members);
        } else if (line === '}') {
          members = undefined;
        }
        const member = PRIVATE.exec(line)?.[1];
        if (member !== undefined) members?.add(member);
      }
    }
    return found;
  }

  /** Follows `local`, a name in `file`, to what declares it. */
  private find(file: string, local: string, name: string): Declaration {
    const text = this.text(file);
    for (const [, kind, declared, parameters] of text.matchAll(LOCAL)) {
      if (declared === local) return { name, kind: kindOf(kind), parameters: split(parameters) };
    }
    for (const [, all] of text.matchAll(IMPORT_ALL)) {
      if (all === local) return { name, kind: 'namespace', parameters: [] };
    }
    for (const pattern of [IMPORT, LIST]) {
      for (const [, list = '', from] of text.matchAll(pattern)) {
        const imported = namesOf(list).find((one) => one.exported === local);
        if (imported !== undefined && from !== undefined) {
          return this.find(fileOf(from), imported.local, name);
        }
      }
    }
    throw new Error(`${file}.d.ts: nothing declares ${local}`);
  }

  private text(file: string): string {
    let text = this.texts.get(file);
    if (text === undefined) {
      text = readFileSync(join(this.folder, `${file}.d.ts`), 'utf8');
      this.texts.set(file, text);
    }
    return text;
  }
}

/** `a, type b as c` as pairs; for an import the first is the name in the other file. */
function namesOf(list: string): { readonly local: string; readonly exported: string }[] {
  const names = list.split(',').map((one) => one.trim().replace(/^type /, ''));
  return names.filter(Boolean).map((one) => {
    const [local = '', exported = local] = one.split(' as ');
    return { local, exported };
  });
}

function fileOf(specifier: string): string {
  const path = specifier.replace(/^\.\//, '').replace(/\.(?:js|ts)$/, '');
  return path === '.' ? 'index' : path;
}

function kindOf(word: string | undefined): DeclarationKind {
  switch (word) {
    case 'class':
    case 'enum':
    case 'const enum':
    case 'interface':
    case 'type':
    case 'function':
      return word;
    default:
      return 'const';
  }
}

/** Type parameters between the commas of the outermost level. */
function split(parameters: string | undefined): string[] {
  if (parameters === undefined) return [];
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < parameters.length; i += 1) {
    const at = parameters[i];
    if (at === '<' || at === '{' || at === '(') depth += 1;
    else if (at === '>' || at === '}' || at === ')') depth -= 1;
    else if (at === ',' && depth === 0) {
      found.push(parameters.slice(start, i).trim());
      start = i + 1;
    }
  }
  found.push(parameters.slice(start).trim());
  return found;
}
