// What a program can reach in a module, as lines of text, so that two modules can be compared by their
// lines: names, members of enums, methods and accessors of prototypes, static members, superclasses.
// Private members are left out, by the names that the declarations give.

/** By the name of a class: its private members. */
export type Privates = ReadonlyMap<string, ReadonlySet<string>>;

/** Own names of every function, which say nothing. */
const OF_FUNCTIONS = new Set(['length', 'name', 'prototype', 'caller', 'arguments']);

const NONE: ReadonlySet<string> = new Set();

/** How deep namespaces are followed: index, experimental, an enum in it. */
const DEPTH = 3;

/** The lines of `value`, each of which begins with `path`. */
export function surfaceOf(path: string, value: unknown, privates: Privates): string[] {
  const lines: string[] = [];
  describe(path, value, privates, DEPTH, lines);
  return lines;
}

function describe(
  path: string,
  value: unknown,
  privates: Privates,
  depth: number,
  lines: string[],
): void {
  if (typeof value === 'function') {
    lines.push(`${path}: function`);
    describeClass(path, value, privates.get(value.name) ?? NONE, lines);
  } else if (typeof value === 'object' && value !== null) {
    lines.push(`${path}: object`);
    if (depth === 0 || Array.isArray(value)) return;
    for (const [name, member] of Object.entries(value)) {
      describe(`${path}.${name}`, member, privates, depth - 1, lines);
    }
  } else if (typeof value === 'number' || typeof value === 'string') {
    lines.push(`${path} = ${JSON.stringify(value)}`);
  } else {
    lines.push(`${path}: ${typeof value}`);
  }
}

function describeClass(
  path: string,
  value: object,
  hidden: ReadonlySet<string>,
  lines: string[],
): void {
  for (const name of Object.getOwnPropertyNames(value)) {
    if (OF_FUNCTIONS.has(name) || hidden.has(name)) continue;
    lines.push(`${path}.${name}: ${kindOf(value, name)}`);
  }
  const { prototype } = value as { readonly prototype?: object };
  if (prototype === undefined) return;
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name === 'constructor' || hidden.has(name)) continue;
    lines.push(`${path}.prototype.${name}: ${kindOf(prototype, name)}`);
  }
  const parent: unknown = Object.getPrototypeOf(value);
  if (typeof parent === 'function' && parent.name !== '') {
    lines.push(`${path} extends ${parent.name}`);
  }
}

/** An accessor is a property to whoever uses it, so only methods are told from the rest. */
function kindOf(holder: object, name: string): 'function' | 'property' {
  const descriptor = Object.getOwnPropertyDescriptor(holder, name);
  return typeof descriptor?.value === 'function' ? 'function' : 'property';
}

/** What the first module has and the second lacks, where inherited members are as good as own ones. */
export function missingFrom(wanted: readonly string[], present: readonly string[]): string[] {
  const there = new Set(present);
  return wanted.filter((line) => !there.has(line));
}
