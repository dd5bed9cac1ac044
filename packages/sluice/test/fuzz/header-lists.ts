// The header-lists fuzzer: arbitrary header lists are read as requests, responses and trailers, and give
// what the reference says, a head or a fault, and never a throw; metadata, timeouts, status messages and
// base64 keep what they were given. Nothing reaches a prototype (CVE-2026-48068).

import { decodeBase64, encodeBase64, isBase64 } from '#sluice/grpc/base64.js';
import { isGrpcContentType } from '#sluice/grpc/content-type.js';
import { invalidBinKey, Metadata } from '#sluice/grpc/metadata.js';
import { isBinaryKey, isHiddenKey } from '#sluice/grpc/metadata-keys.js';
import { decodeStatusMessage, encodeStatusMessage } from '#sluice/grpc/percent-encoding.js';
import { decodeStatus } from '#sluice/grpc/status.js';
import { decodeTimeout, encodeTimeout } from '#sluice/grpc/timeout.js';
import { parseRequestHead } from '#sluice/transport/request-head.js';
import { parseResponseHead, parseTrailers } from '#sluice/transport/response-head.js';
import {
  isBase64Text,
  isGrpc,
  isMalformed,
  lastOf,
  messageText,
  pairs,
  requestKind,
  timeoutMs,
  visible,
} from './header-list-model.js';
import { generateHeaderLists } from './header-list-steps.js';
import { broken, hold, type Target } from './target.js';
import { bytesAt, fieldsFrom, type Step, type Transcript, textAt, wordOf } from './transcript.js';

export const headerLists: Target = {
  name: 'header-lists',
  share: 0.17,
  generate: generateHeaderLists,
  run,
};

const PROTOTYPE: readonly string[] = Object.getOwnPropertyNames(Object.prototype);

function run(transcript: Transcript): string {
  let outcome = '';
  for (const step of transcript) outcome = runStep(wordOf(step), step);
  const names = Object.getOwnPropertyNames(Object.prototype);
  hold(names.length === PROTOTYPE.length, 'nothing is added to Object.prototype');
  return outcome;
}

function runStep(word: string, step: Step): string {
  switch (word) {
    case 'request':
      return checkRequest(fieldsFrom(step, 1));
    case 'response':
      return checkResponse(fieldsFrom(step, 1));
    case 'trailers':
      return checkTrailers(fieldsFrom(step, 1));
    case 'metadata':
      return checkSent(step);
    case 'timeout':
      return checkTimeout(textAt(step, 1), step[2]);
    case 'message':
      return checkMessage(textAt(step, 1));
    case 'base64':
      return checkBase64(textAt(step, 1), bytesAt(step, 2));
    default:
      return word;
  }
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

function checkRequest(fields: string[]): string {
  const before = [...fields];
  const head = parseRequestHead(fields);
  hold(same(before, fields), 'the list is not changed');
  hold(Object.isFrozen(head), 'what is shared is frozen');
  const list = pairs(fields);
  const kind = requestKind(list);
  if (head.kind !== kind) broken(`it is taken for ${head.kind}, and is ${kind}`);
  if (head.kind === 'head') {
    hold(Object.isFrozen(head.metadata), 'metadata of a head is frozen');
    if (!same(head.metadata, visible(list))) broken(`metadata ${JSON.stringify(head.metadata)}`);
    if (head.path !== lastOf(list, ':path')) broken(`path ${head.path}`);
    if (head.authority !== (lastOf(list, ':authority') ?? lastOf(list, 'host') ?? ''))
      broken(`authority ${head.authority}`);
    const timeout = lastOf(list, 'grpc-timeout');
    if (!near(head.timeoutMs, timeout === undefined ? -1 : timeoutMs(timeout)))
      broken(`timeout ${head.timeoutMs}`);
    if (head.encoding !== (lastOf(list, 'grpc-encoding') ?? 'identity'))
      broken(`encoding ${head.encoding}`);
    hold((head.acceptEncodings & 1) === 1, 'identity is always taken');
    checkReceived(Metadata.fromFields(head.metadata), head.metadata);
  } else {
    hold(head.text !== '', 'a fault says why');
  }
  // As the server of another could have left it.
  checkReceived(Metadata.fromFields(fields), fields);
  return `request ${kind}`;
}

function checkResponse(fields: readonly string[]): string {
  const list = pairs(fields);
  const head = parseResponseHead(fields);
  const status = lastOf(list, ':status') ?? '';
  const isBad = isMalformed(list, [':status'], [':status']) || !/^[1-9]\d\d$/.test(status);
  if ((typeof head === 'string') !== isBad)
    broken(`malformed is ${typeof head === 'string'}: ${JSON.stringify(head)}`);
  if (typeof head === 'string') return 'malformed response';
  hold(Object.isFrozen(head) && Object.isFrozen(head.metadataFields), 'what is shared is frozen');
  hold(same(head.metadataFields, visible(list)), 'metadata of a response');
  hold(
    head.httpStatus === Number(status) && head.informational === status.startsWith('1'),
    'the HTTP status',
  );
  hold(head.contentTypeIsGrpc === isGrpc(lastOf(list, 'content-type') ?? ''), 'the content type');
  checkStatus(list, head.grpcStatus, head.grpcStatus !== -1);
  if (head.grpcMessage !== messageText(lastOf(list, 'grpc-message') ?? ''))
    broken(`message ${head.grpcMessage}`);
  return 'response';
}

function checkTrailers(fields: readonly string[]): string {
  const list = pairs(fields);
  const trailers = parseTrailers(fields);
  const isBad = isMalformed(list, [], []);
  if ((typeof trailers === 'string') !== isBad)
    broken(`malformed is ${typeof trailers === 'string'}: ${JSON.stringify(trailers)}`);
  if (typeof trailers === 'string') return 'malformed trailers';
  hold(
    Object.isFrozen(trailers) && Object.isFrozen(trailers.metadataFields),
    'what is shared is frozen',
  );
  hold(same(trailers.metadataFields, visible(list)), 'metadata of trailers');
  checkStatus(list, trailers.grpcStatus, trailers.hasStatus);
  if (!trailers.hasStatus) return 'trailers without status';
  hold(
    trailers.grpcMessage === messageText(lastOf(list, 'grpc-message') ?? ''),
    'the message of trailers',
  );
  return 'trailers';
}

function checkStatus(
  list: readonly (readonly [string, string])[],
  code: number,
  has: boolean,
): void {
  const status = lastOf(list, 'grpc-status');
  hold(has === (status !== undefined), 'whether there is a grpc-status');
  if (status === undefined) return;
  const isKnown = /^(?:\d|1[0-6])$/.test(status);
  if (code !== (isKnown ? Number(status) : 2)) broken(`grpc-status ${status} reads as ${code}`);
  hold(decodeStatus(status) === code, 'the status alone reads the same');
}

/** Metadata that came, whatever it is, beside a plain list of what may be seen of it. */
function checkReceived(metadata: Metadata, flat: readonly string[]): void {
  const list = pairs(flat).filter(([name]) => !isHiddenKey(name));
  if (metadata.size !== list.length) broken(`size ${metadata.size}, not ${list.length}`);
  const keys = [...new Set(list.map(([name]) => name))];
  if (!same([...metadata.keys()], keys)) broken(`keys ${[...metadata.keys()]}`);
  const json = metadata.toJSON();
  hold(same(Object.keys(json).sort(), [...keys].sort()), 'keys of toJSON');
  let count = 0;
  for (const [key, value] of metadata) {
    count++;
    if (isBinaryKey(key) === (typeof value === 'string')) broken(`the type of ${key}`);
  }
  for (const key of keys) {
    if (key !== key.toLowerCase()) continue;
    const own = list.filter(([name]) => name === key);
    const all = metadata.getAll(key);
    count -= all.length;
    if (!metadata.has(key)) broken(`${key} is there`);
    if (isBinaryKey(key)) continue;
    if (
      !same(
        all,
        own.map(([, value]) => value),
      )
    )
      broken(`values of ${key}`);
    if (metadata.get(key) !== own[0]?.[1]) broken(`first value of ${key}`);
  }
  hold(count >= 0, 'iterating gives what getAll gives');
  for (const name of ['__proto__', 'constructor', 'grpc-status', ':path']) {
    if (metadata.has(name) !== keys.includes(name)) broken(`has ${name}`);
  }
  const copy = metadata.clone();
  copy.delete('x-a');
  hold(metadata.size === list.length, 'a copy is independent');
  hold(
    copy.toFields().every((name, i) => i % 2 === 1 || !isHiddenKey(name)),
    'hidden fields are not sent on',
  );
}

/** Metadata that is made: refused with a TypeError, or the same again on the other side. */
function checkSent(step: Step): string {
  const made = new Metadata();
  const kept: [string, string | Buffer][] = [];
  for (let i = 1; i + 1 < step.length; i += 2) {
    const key = textAt(step, i);
    const given = step[i + 1] ?? '';
    const value = typeof given === 'number' ? String(given) : given;
    const isFree = /^[0-9a-z_.-]+$/i.test(key) && !isHiddenKey(key.toLowerCase());
    try {
      made.append(key, value);
      if (!isFree) broken(`${JSON.stringify(key)} is no key`);
      if (isBinaryKey(key.toLowerCase()) !== Buffer.isBuffer(value)) broken(`the type for ${key}`);
      kept.push([key.toLowerCase(), value]);
    } catch (error) {
      if (!(error instanceof TypeError)) broken(`no TypeError: ${error}`);
    }
  }
  const fields = made.toFields();
  if (!(parseTrailers(fields) !== undefined && typeof parseTrailers(fields) !== 'string'))
    broken(`what is sent is malformed: ${JSON.stringify(fields)}`);
  hold(invalidBinKey(fields) === undefined, 'what is sent is base64');
  const read = [...Metadata.fromFields(fields)];
  if (read.length !== kept.length) broken(`${read.length} fields, not ${kept.length}`);
  for (const [i, [key, value]] of read.entries()) {
    const [sentKey, sent] = kept[i] ?? ['', ''];
    const isSame =
      typeof value === 'string'
        ? value === trimmed(sent)
        : Buffer.isBuffer(sent) && sent.equals(value);
    if (!(key === sentKey && isSame))
      broken(`${sentKey} ${JSON.stringify(sent)} comes as ${key} ${JSON.stringify(value)}`);
  }
  return kept.length > 0 ? 'metadata' : 'no metadata';
}

function trimmed(value: string | Buffer): string {
  return String(value).replace(/^[ \t]+|[ \t]+$/g, '');
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= Math.abs(b) * 1e-9;
}

const MOST_MS = 99_999_999 * 3_600_000;

function checkTimeout(text: string, ms: unknown): string {
  if (!near(decodeTimeout(text), timeoutMs(text)))
    broken(`timeout ${text} reads as ${decodeTimeout(text)}`);
  if (typeof ms !== 'number') return 'timeout';
  const sent = encodeTimeout(ms);
  const read = decodeTimeout(sent);
  if (!near(read, timeoutMs(sent))) broken(`${sent} reads as ${read}`);
  const least = Math.min(ms > 0 ? ms : 0, MOST_MS);
  if (read < least * (1 - 1e-12)) broken(`${ms} ms is sent as ${sent}, which is shorter`);
  // Never more than one step of what eight digits can say.
  if (read > least + Math.max(1, least / 1000))
    broken(`${ms} ms is sent as ${sent}, which is longer`);
  return 'timeout';
}

function checkMessage(text: string): string {
  const sent = encodeStatusMessage(text);
  if (!/^[ -~]*$/.test(sent)) broken(`${JSON.stringify(sent)} is not printable ASCII`);
  if (decodeStatusMessage(sent) !== text.replace(LONE_SURROGATES, '\ufffd'))
    broken(`${JSON.stringify(text)} is not what came back`);
  if (decodeStatusMessage(text) !== messageText(text))
    broken(`${JSON.stringify(text)} decodes to ${JSON.stringify(decodeStatusMessage(text))}`);
  return 'message';
}

const LONE_SURROGATES = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function checkBase64(text: string, bytes: Buffer): string {
  if (isBase64(text) !== isBase64Text(text))
    broken(`base64 is ${isBase64(text)}: ${JSON.stringify(text)}`);
  const decoded = decodeBase64(text);
  hold((decoded === undefined) === !isBase64(text), 'what is base64 is decoded');
  if (decoded !== undefined)
    if (!Buffer.from(text, 'base64').equals(decoded)) broken(`${text} is decoded wrong`);
  const back = decodeBase64(encodeBase64(bytes));
  hold(back !== undefined && bytes.equals(back), 'bytes come back');
  if (isGrpcContentType(text) !== isGrpc(text))
    broken(`gRPC's content type is ${isGrpcContentType(text)}: ${text}`);
  return decoded === undefined ? 'no base64' : 'base64';
}
