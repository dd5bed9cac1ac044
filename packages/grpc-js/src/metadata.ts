// Metadata: the fields of a call, as a map from lower-case keys to their values in order.
// Invariant: what `set` and `add` take can be sent: legal keys, bytes for keys that end in "-bin",
// printable ASCII for the others. Source: gRPC PROTOCOL-HTTP2.md ("Custom-Metadata").
// Not here: the form in which the runtime below holds metadata (metadata-bridge.ts).

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { LogVerbosity } from './constants.ts';
import { getErrorMessage } from './error.ts';
import { log } from './logging.ts';
import { bytesIn } from './metadata-bytes.ts';

const LEGAL_KEY = /^[:0-9a-z_.-]+$/;
const LEGAL_TEXT = /^[ -~]*$/;

/** Bytes for keys that end in "-bin", text for the others. */
export type MetadataValue = string | Buffer;

export type MetadataObject = Map<string, MetadataValue[]>;

/** What goes with the metadata of a call without being sent. */
export interface MetadataOptions {
  /** Kept, not used. */
  idempotentRequest?: boolean;
  /** Wait for a connection instead of failing while there is none. Default: false. */
  waitForReady?: boolean;
  /** Kept, not used. */
  cacheableRequest?: boolean;
  /** Kept, not used: small writes of one turn are joined anyway. */
  corked?: boolean;
}

/** The metadata of a call. Keys are case-insensitive; each has a list of values. */
export class Metadata {
  // Own properties with these names, since programs print and compare metadata.
  protected internalRepr: MetadataObject;
  private options: MetadataOptions;
  declare private opaqueData?: Map<string, unknown>;

  constructor(options: MetadataOptions = {}) {
    this.internalRepr = new Map();
    this.options = options;
  }

  /** Replaces the values of a key by one. @throws Error for an illegal key or value */
  set(key: string, value: MetadataValue): void {
    const name = key.toLowerCase();
    check(name, value);
    this.internalRepr.set(name, [value]);
  }

  /** Adds a value behind those a key has. @throws Error for an illegal key or value */
  add(key: string, value: MetadataValue): void {
    const name = key.toLowerCase();
    check(name, value);
    const values = this.internalRepr.get(name);
    if (values === undefined) this.internalRepr.set(name, [value]);
    else values.push(value);
  }

  /** Removes a key with all its values. */
  remove(key: string): void {
    this.internalRepr.delete(key.toLowerCase());
  }

  /** All values of a key, in order; empty if there are none. */
  get(key: string): MetadataValue[] {
    return this.internalRepr.get(key.toLowerCase()) ?? [];
  }

  /** The first value of each key. */
  getMap(): { [key: string]: MetadataValue } {
    const result: { [key: string]: MetadataValue } = {};
    for (const [key, values] of this.internalRepr) {
      const first = values[0];
      if (first !== undefined) result[key] = copyOf(first);
    }
    return result;
  }

  /** A copy that shares nothing with this one but the options. */
  clone(): Metadata {
    const copy = new Metadata(this.options);
    for (const [key, values] of this.internalRepr) copy.internalRepr.set(key, values.map(copyOf));
    return copy;
  }

  /** Adds all values of another behind those that are here. */
  merge(other: Metadata): void {
    for (const [key, values] of other.internalRepr) {
      this.internalRepr.set(key, (this.internalRepr.get(key) ?? []).concat(values));
    }
  }

  setOptions(options: MetadataOptions): void {
    this.options = options;
  }

  getOptions(): MetadataOptions {
    return this.options;
  }

  /** The fields as `node:http2` takes them: a text for each key or a list of them, bytes as base64. */
  toHttp2Headers(): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = {};
    for (const [key, values] of this.internalRepr) {
      const texts = values.map(wireText);
      headers[key] = texts.length === 1 ? texts[0] : texts;
    }
    return headers;
  }

  /** For `JSON.stringify`: an object of lists. */
  toJSON(): { [key: string]: MetadataValue[] } {
    const result: { [key: string]: MetadataValue[] } = {};
    for (const [key, values] of this.internalRepr) result[key] = values;
    return result;
  }

  /** Attaches something that is never sent, under a key of its own kind. */
  setOpaque(key: string, value: unknown): void {
    this.opaqueData ??= new Map();
    this.opaqueData.set(key, value);
  }

  /** What `setOpaque` attached. */
  getOpaque(key: string): unknown {
    return this.opaqueData?.get(key);
  }

  /** The fields that `node:http2` received. A field that is not legal is logged and left out. */
  static fromHttp2Headers(headers: IncomingHttpHeaders): Metadata {
    const result = new Metadata();
    for (const key of Object.keys(headers)) {
      if (key.startsWith(':')) continue;
      const values = headers[key];
      try {
        addReceived(result, key, values);
      } catch (error) {
        log(
          LogVerbosity.ERROR,
          `Metadata ${key}: ${values} is left out: ${getErrorMessage(error)}`,
        );
      }
    }
    return result;
  }
}

function addReceived(metadata: Metadata, key: string, values: string | string[] | undefined): void {
  if (values === undefined) return;
  if (!isBinaryKey(key)) {
    if (Array.isArray(values)) for (const value of values) metadata.add(key, value);
    else metadata.add(key, values);
    return;
  }
  if (Array.isArray(values)) {
    for (const value of values) metadata.add(key, Buffer.from(value, 'base64'));
    return;
  }
  for (const value of bytesIn(key, values)) metadata.add(key, value);
}

function isBinaryKey(key: string): boolean {
  return key.endsWith('-bin');
}

function copyOf(value: MetadataValue): MetadataValue {
  return Buffer.isBuffer(value) ? Buffer.from(value) : value;
}

function wireText(value: MetadataValue): string {
  return Buffer.isBuffer(value) ? value.toString('base64') : value;
}

// A value that is missing passes, and one that is no text but reads as one: programs set numbers,
// and copy what they may not have.
function check(key: string, value: MetadataValue | null | undefined): void {
  if (!LEGAL_KEY.test(key)) {
    throw new Error(`Metadata key "${key}" contains illegal characters`);
  }
  if (value === null || value === undefined) return;
  if (isBinaryKey(key)) {
    if (Buffer.isBuffer(value)) return;
    throw new Error("keys that end with '-bin' must have Buffer values");
  }
  if (Buffer.isBuffer(value)) {
    throw new Error("keys that don't end with '-bin' must have String values");
  }
  if (!LEGAL_TEXT.test(value)) {
    throw new Error(`Metadata string value "${value}" contains illegal characters`);
  }
}
