// The static table: 61 fields, numbered from 1, and where a name or a whole field is in it.
// A data file. Spec: RFC 7541 §2.3.1, Appendix A.

import type { HeaderFields } from './header-fields.ts';

/** Entries of the static table; dynamic indices start at one more. */
export const STATIC_LENGTH: number = 61;

/** Entry i (from 1) is the name at 2i and the value at 2i + 1; index 0 is a hole. */
// biome-ignore format: one field to a line, as in the Appendix
const FIELDS: HeaderFields = [
  '', '',
  ':authority', '',
  ':method', 'GET',
  ':method', 'POST',
  ':path', '/',
  ':path', '/index.html',
  ':scheme', 'http',
  ':scheme', 'https',
  ':status', '200',
  ':status', '204',
  ':status', '206',
  ':status', '304',
  ':status', '400',
  ':status', '404',
  ':status', '500',
  'accept-charset', '',
  'accept-encoding', 'gzip, deflate',
  'accept-language', '',
  'accept-ranges', '',
  'accept', '',
  'access-control-allow-origin', '',
  'age', '',
  'allow', '',
  'authorization', '',
  'cache-control', '',
  'content-disposition', '',
  'content-encoding', '',
  'content-language', '',
  'content-length', '',
  'content-location', '',
  'content-range', '',
  'content-type', '',
  'cookie', '',
  'date', '',
  'etag', '',
  'expect', '',
  'expires', '',
  'from', '',
  'host', '',
  'if-match', '',
  'if-modified-since', '',
  'if-none-match', '',
  'if-range', '',
  'if-unmodified-since', '',
  'last-modified', '',
  'link', '',
  'location', '',
  'max-forwards', '',
  'proxy-authenticate', '',
  'proxy-authorization', '',
  'range', '',
  'referer', '',
  'refresh', '',
  'retry-after', '',
  'server', '',
  'set-cookie', '',
  'strict-transport-security', '',
  'transfer-encoding', '',
  'user-agent', '',
  'vary', '',
  'via', '',
  'www-authenticate', '',
];

/** One name of the static table: its lowest index, and the index of each value it is listed with. */
export interface StaticName {
  readonly index: number;
  readonly values: ReadonlyMap<string, number>;
}

function indexNames(): ReadonlyMap<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number> }>();
  for (let index = 1; index <= STATIC_LENGTH; index++) {
    const name = staticName(index);
    let entry = names.get(name);
    if (entry === undefined) {
      entry = { index, values: new Map() };
      names.set(name, entry);
    }
    entry.values.set(staticValue(index), index);
  }
  return names;
}

/** The name of static entry `index`, 1 to `STATIC_LENGTH`. */
export function staticName(index: number): string {
  return FIELDS[index << 1] ?? '';
}

/** The value of static entry `index`, 1 to `STATIC_LENGTH`. */
export function staticValue(index: number): string {
  return FIELDS[(index << 1) + 1] ?? '';
}

/** The static table by name; shared by every encoder of the process. */
export const STATIC_NAMES: ReadonlyMap<string, StaticName> = indexNames();
