// Metadata in the form of this package to and from the form of the runtime below.
// Invariant: fields that came from the wire look as `node:http2` shows them: the values of a text
// key joined by ", " (RFC 9110 §5.3), those of a "-bin" key one by one. Empty metadata costs one
// object each way. Not here: what keys and values are legal (metadata.ts).

import { Metadata as SluiceMetadata } from 'sluice';
import { Metadata, type MetadataObject, type MetadataValue } from './metadata.ts';
import { bytesIn, isOfGrpc } from './metadata-bytes.ts';

// Fields that occur once: of two, the first counts. Two credentials must not become one.
const SINGLE: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-location',
  'content-md5',
  'content-range',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'x-content-type-options',
]);

// Fields that a peer sent and that are not sent on.
const READ_ONLY: readonly string[] = ['user-agent', 'grpc-previous-rpc-attempts'];

/** Whether a value is metadata of this or of another copy of this package. */
export function isMetadata(value: unknown): value is Metadata {
  if (value instanceof Metadata) return true;
  if (typeof value !== 'object' || value === null) return false;
  return (
    'internalRepr' in value &&
    'getMap' in value &&
    typeof value.getMap === 'function' &&
    'toHttp2Headers' in value &&
    typeof value.toHttp2Headers === 'function'
  );
}

/** The fields to send. Later changes to `metadata` do not show in the result. */
export function toSluice(metadata: Metadata): SluiceMetadata {
  const map = fieldsOf(metadata);
  if (map.size === 0) return new SluiceMetadata();
  const fields: string[] = [];
  for (const [key, values] of map) {
    // A name with a colon cannot be sent (RFC 9113 §8.2.1), though it can be set.
    if (key.includes(':')) continue;
    for (const value of values) {
      const text = wireText(value);
      if (text !== undefined) fields.push(key, text);
    }
  }
  // As if received: then the runtime leaves out the fields that are the protocol's, where its
  // `append` would throw for them.
  return SluiceMetadata.fromFields(fields);
}

/** The fields that were received. Fields of the protocol do not show; `user-agent` does. */
export function fromSluice(metadata: SluiceMetadata): Metadata {
  const result = new Metadata();
  if (metadata.size === 0) return result;
  const map = fieldsOf(result);
  const fields = metadata.toFields();
  for (let i = 0; i < fields.length; i += 2) receive(map, fields[i] ?? '', fields[i + 1] ?? '');
  // What is shown, though it is not for sending on.
  for (const key of READ_ONLY) {
    const value = metadata.get(key);
    if (value !== undefined) map.set(key, [value as string]); // text: the key is no "-bin" key
  }
  return result;
}

// Protected there, and of another class when it comes from another copy.
function fieldsOf(metadata: Metadata): MetadataObject {
  return (metadata as unknown as { readonly internalRepr: MetadataObject }).internalRepr;
}

function wireText(value: MetadataValue | null | undefined): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (!Buffer.isBuffer(value)) return withoutSpacesAround(String(value));
  const text = value.toString('base64');
  const rest = value.length % 3;
  return rest === 0 ? text : text.slice(0, rest - 3);
}

// RFC 9113 §8.2.1: a field whose value begins or ends with a space is malformed.
function withoutSpacesAround(text: string): string {
  const last = text.length - 1;
  if (text.charCodeAt(0) !== 0x20 && text.charCodeAt(last) !== 0x20) return text;
  return text.trim();
}

function receive(map: MetadataObject, key: string, text: string): void {
  const values = map.get(key);
  if (key.endsWith('-bin')) {
    if (values === undefined) map.set(key, bytesIn(key, text));
    else if (!isOfGrpc(key)) values.push(...bytesIn(key, text));
  } else if (values === undefined) {
    map.set(key, [text]);
  } else if (key === 'set-cookie') {
    values.push(text);
  } else if (!SINGLE.has(key)) {
    values[0] = `${values[0]}${key === 'cookie' ? '; ' : ', '}${text}`;
  }
}
