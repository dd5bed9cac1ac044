// Whether an object of options is one: what a caller without types may pass instead, names that are
// none of ours, and credentials of grpc-js, without which a connection would silently be plain text.
// Invariant: a refusal is a TypeError that names what was given and what to give instead.
// Not here: the values (option-checks.ts, tls-settings.ts).

/** Every name of an interface of options; the type keeps the list complete. */
export type OptionNames<T> = { readonly [K in keyof Required<T>]: true };

/** What other libraries call an option, where no part of its name is ours. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['deadline', 'timeoutMs'],
  ['propagate_flags', 'parent'],
  ['headers', 'metadata'],
  ['ssl', 'tls'],
]);

/** The type of a value, in words that programmers use. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'then' in value ? 'a promise' : 'an object';
  return typeof value;
}

/** A value as an error shows it; of an object only its keys, because it may hold a secret. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  if (isGrpcJsCredentials(value)) return 'credentials of grpc-js';
  if (Array.isArray(value)) return 'an array';
  const keys = Object.keys(value);
  return keys.length === 0 ? '{}' : `{ ${keys.slice(0, 10).join(', ')} }`;
}

/** Of a channel, of a call or of a server: all of them can be compared. */
export function isGrpcJsCredentials(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('_equals' in value)) return false;
  return typeof value._equals === 'function';
}

/** @throws TypeError unless `options` is a plain object with no names but those of `known` */
export function checkNames(who: string, options: unknown, known: object): void {
  if (isGrpcJsCredentials(options)) {
    throw new TypeError(
      `${who} takes no credentials of grpc-js; use { tls: true } or { tls: { ca, key, cert } }, and nothing for plain text`,
    );
  }
  if (!isPlainObject(options)) {
    throw new TypeError(`${who} takes an object of options, not ${kindOf(options)}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(known, name)) throw unknownName(who, name, known);
  }
}

/** The error for a name that is no option of `who`. */
export function unknownName(who: string, name: string, known: object): TypeError {
  if (name.startsWith('grpc.')) {
    return new TypeError(
      `${who} has no option ${JSON.stringify(name)}; docs/migrating.md says what takes the place of those of grpc-js`,
    );
  }
  const names = Object.keys(known);
  const wanted = name.toLowerCase();
  const near = names.filter((one) => {
    const candidate = one.toLowerCase();
    return candidate.includes(wanted) || wanted.includes(candidate) || one === ELSEWHERE.get(name);
  });
  const cure =
    near.length > 0 ? `did you mean ${near.join(' or ')}?` : `it has ${names.join(', ')}`;
  return new TypeError(`${who} has no option ${JSON.stringify(name)}; ${cure}`);
}

// Those of another realm (a test runner's sandbox) have another Object.prototype.
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
