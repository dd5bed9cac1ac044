// Metadata: the fields that applications attach to a call, in wire form.
// Invariant: kept as one flat list [key, value, key, value...] of exactly what is (or was) on the
// wire, so a call that nobody asks about costs one small object: received fields are neither copied
// nor decoded until touched, and copied only when changed. Source: gRPC PROTOCOL-HTTP2.md
// ("Custom-Metadata"). Which keys are whose is in metadata-keys.ts.

import { decodeBase64, encodeBase64, isBase64 } from './base64.ts';
import { checkUserKey, isBinaryKey, isHiddenKey, isUnsentKey } from './metadata-keys.ts';

/** The type of a key's values: bytes for keys that end in "-bin", text for the others. */
export type MetadataValue<K extends string> = string extends K
  ? string | Uint8Array
  : Lowercase<K> extends `${string}-bin`
    ? Uint8Array
    : string;

/** What a `Metadata` can be made from. */
export type MetadataInit =
  | Iterable<readonly [string, string | Uint8Array]>
  | { readonly [key: string]: string | Uint8Array | readonly (string | Uint8Array)[] };

const NO_FIELDS: readonly string[] = [];

// What HTTP calls field content, without obs-text: printable ASCII and the space.
const ASCII_VALUE = /^[ -~]*$/;

/**
 * An ordered list of fields, in which a key may occur several times. Keys are case-insensitive and
 * read as lower case; values of keys that end in "-bin" are bytes.
 */
export class Metadata {
  private fields: readonly string[];
  private from: number;
  // The same array as `fields` while it is ours to change; null when it is shared.
  private own: string[] | null;
  // Fields that no application of this process has set: keys of the protocol may be among them.
  private received: boolean;

  /** @throws TypeError as `append` does */
  constructor(init?: MetadataInit) {
    this.fields = NO_FIELDS;
    this.from = 0;
    this.own = null;
    this.received = false;
    if (init !== undefined) this.appendAll(init);
  }

  /**
   * Received fields from index `from` of a flat list, which is kept, must not change and is never
   * changed here. Fields of the protocol itself (pseudo-headers, content-type, grpc-timeout ...)
   * do not show; `user-agent` does.
   */
  static fromFields(fields: readonly string[], from = 0): Metadata {
    const metadata = new Metadata();
    metadata.fields = fields;
    metadata.from = from;
    metadata.received = true;
    return metadata;
  }

  /** The number of fields. */
  get size(): number {
    let count = 0;
    for (let i = this.from; i < this.fields.length; i += 2) {
      if (!isHiddenKey(this.fields[i] ?? '')) count++;
    }
    return count;
  }

  /**
   * The first value of a key. Undefined if there is none, and for a "-bin" value that is not
   * base64 (the server turns such a call away, see `invalidBinKey`).
   */
  get<K extends string>(key: K): MetadataValue<K> | undefined;
  get(key: string): string | Uint8Array | undefined {
    const name = key.toLowerCase();
    const at = this.find(name, this.from);
    if (at < 0) return undefined;
    const value = this.fields[at + 1] ?? '';
    if (!isBinaryKey(name)) return value;
    const comma = value.indexOf(',');
    return decodeBase64((comma < 0 ? value : value.slice(0, comma)).trim());
  }

  /** All values of a key, in order; "-bin" lists are split at commas, bad base64 is left out. */
  getAll<K extends string>(key: K): MetadataValue<K>[];
  getAll(key: string): (string | Uint8Array)[] {
    const name = key.toLowerCase();
    const values: (string | Uint8Array)[] = [];
    for (let at = this.find(name, this.from); at >= 0; at = this.find(name, at + 2)) {
      pushValues(values, name, this.fields[at + 1] ?? '');
    }
    return values;
  }

  /** Whether a key occurs. */
  has(key: string): boolean {
    return this.find(key.toLowerCase(), this.from) >= 0;
  }

  /** Replace all values of a key by one. @throws TypeError as `append` does */
  set<K extends string>(key: K, value: MetadataValue<K>): this;
  set(key: string, value: string | Uint8Array): this {
    const name = checkUserKey(key);
    const text = encodeValue(name, value);
    if (this.find(name, this.from) >= 0) this.remove(name);
    this.owned().push(name, text);
    return this;
  }

  /**
   * Add a value behind those a key has.
   * @throws TypeError if the key is not made of 0-9 a-z _ . -, or belongs to the protocol, or if
   * the value is of the wrong type or has characters other than printable ASCII. Spaces and tabs
   * around a text value are dropped, as they are on the wire.
   */
  append<K extends string>(key: K, value: MetadataValue<K>): this;
  append(key: string, value: string | Uint8Array): this {
    const name = checkUserKey(key);
    this.owned().push(name, encodeValue(name, value));
    return this;
  }

  /** Remove all values of a key; says whether there were any. */
  delete(key: string): boolean {
    const name = key.toLowerCase();
    if (this.find(name, this.from) < 0) return false;
    this.remove(name);
    return true;
  }

  /** Append all fields of another. */
  merge(other: Metadata): this {
    const fields = other.fields;
    const length = fields.length; // `other` may be this one
    const own = this.owned();
    this.received ||= other.received;
    for (let i = other.from; i < length; i += 2) {
      const key = fields[i] ?? '';
      if (!isHiddenKey(key)) own.push(key, fields[i + 1] ?? '');
    }
    return this;
  }

  /** An independent copy; the fields are shared until either of the two is changed. */
  clone(): Metadata {
    this.own = null;
    const copy = Metadata.fromFields(this.fields, this.from);
    copy.received = this.received;
    return copy;
  }

  /** The distinct keys, in order of first occurrence. */
  keys(): IterableIterator<string> {
    const keys = new Set<string>();
    for (let i = this.from; i < this.fields.length; i += 2) {
      const key = this.fields[i] ?? '';
      if (!isHiddenKey(key)) keys.add(key);
    }
    return keys.values();
  }

  /** The fields as [key, value], in order; "-bin" values are bytes, bad base64 is left out. */
  *[Symbol.iterator](): IterableIterator<[string, string | Uint8Array]> {
    const fields = this.fields;
    const values: (string | Uint8Array)[] = [];
    for (let i = this.from; i < fields.length; i += 2) {
      const key = fields[i] ?? '';
      if (isHiddenKey(key)) continue;
      values.length = 0;
      pushValues(values, key, fields[i + 1] ?? '');
      for (const value of values) yield [key, value];
    }
  }

  /**
   * The fields to send, flat; "-bin" values are base64 without padding. The list never changes:
   * later changes to the metadata go to a copy. `user-agent` is left out, since the channel sends
   * its own; so received metadata can be passed on as they are.
   */
  toFields(): readonly string[] {
    if (!this.received) {
      this.own = null;
      return this.fields;
    }
    const fields: string[] = [];
    for (let i = this.from; i < this.fields.length; i += 2) {
      const key = this.fields[i] ?? '';
      if (!isHiddenKey(key) && !isUnsentKey(key)) fields.push(key, this.fields[i + 1] ?? '');
    }
    return fields;
  }

  /** For logs: each key's values as they are on the wire, "-bin" values as base64. */
  toJSON(): { [key: string]: string[] } {
    // No prototype: a key may be "__proto__".
    const json: { [key: string]: string[] } = Object.create(null);
    for (let i = this.from; i < this.fields.length; i += 2) {
      const key = this.fields[i] ?? '';
      if (isHiddenKey(key)) continue;
      const values = json[key];
      if (values === undefined) json[key] = [this.fields[i + 1] ?? ''];
      else values.push(this.fields[i + 1] ?? '');
    }
    return json;
  }

  private appendAll(init: MetadataInit): void {
    if (Symbol.iterator in init) {
      for (const [key, value] of init) this.append(key, value);
      return;
    }
    for (const [key, value] of Object.entries(init)) {
      if (typeof value === 'string' || value instanceof Uint8Array) this.append(key, value);
      else for (const item of value) this.append(key, item);
    }
  }

  private find(name: string, at: number): number {
    const fields = this.fields;
    for (let i = at; i < fields.length; i += 2) {
      if (fields[i] === name) return this.received && isHiddenKey(name) ? -1 : i;
    }
    return -1;
  }

  private remove(name: string): void {
    const own = this.owned();
    let to = 0;
    for (let i = 0; i < own.length; i += 2) {
      const key = own[i] ?? '';
      if (key === name) continue;
      own[to] = key;
      own[to + 1] = own[i + 1] ?? '';
      to += 2;
    }
    own.length = to;
  }

  private owned(): string[] {
    if (this.own !== null) return this.own;
    const own: string[] = [];
    for (let i = this.from; i < this.fields.length; i += 2) {
      const key = this.fields[i] ?? '';
      if (!isHiddenKey(key)) own.push(key, this.fields[i + 1] ?? '');
    }
    this.own = own;
    this.fields = own;
    this.from = 0;
    return own;
  }
}

/**
 * The first "-bin" key of received fields with a value that is not base64, or undefined. A server
 * answers such a call with 400 before any handler runs.
 */
export function invalidBinKey(fields: readonly string[], from = 0): string | undefined {
  for (let i = from; i < fields.length; i += 2) {
    const key = fields[i] ?? '';
    if (isBinaryKey(key) && !isBase64List(fields[i + 1] ?? '')) return key;
  }
  return undefined;
}

function isBase64List(value: string): boolean {
  if (!value.includes(',')) return isBase64(value.trim());
  for (const item of value.split(',')) {
    if (!isBase64(item.trim())) return false;
  }
  return true;
}

function pushValues(values: (string | Uint8Array)[], key: string, value: string): void {
  if (!isBinaryKey(key)) {
    values.push(value);
    return;
  }
  for (const item of value.split(',')) {
    const bytes = decodeBase64(item.trim());
    if (bytes !== undefined) values.push(bytes);
  }
}

function encodeValue(key: string, value: string | Uint8Array): string {
  if (isBinaryKey(key)) {
    if (value instanceof Uint8Array) return encodeBase64(value);
    throw new TypeError(`metadata "${key}" takes a Uint8Array, because its key ends in "-bin"`);
  }
  if (typeof value !== 'string') {
    throw new TypeError(`metadata "${key}" takes a string; bytes need a key that ends in "-bin"`);
  }
  const text = trimSpaces(value);
  if (ASCII_VALUE.test(text)) return text;
  throw new TypeError(
    `metadata "${key}" has a character that is not printable ASCII; send it under "${key}-bin"`,
  );
}

// Not String.trim: it would also hide the line breaks of an injection attempt.
function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return end - start === text.length ? text : text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
