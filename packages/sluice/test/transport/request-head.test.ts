// The header section of a request: what is read from it, and the order in which it is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { EncodingBit } from '#sluice/grpc/compression-names.js';
import { Status } from '#sluice/grpc/status.js';
import {
  type HeadFault,
  parseRequestHead,
  type RequestHead,
} from '#sluice/transport/request-head.js';
import { mulberry32 } from '../support/random.js';

const BASE: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/hello.HelloService/SayHello'],
  [':authority', 'localhost:50051'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];

/** The usual fields with some replaced (undefined: left out), and others behind them. */
function request(
  replaced: Record<string, string | undefined> = {},
  ...more: readonly string[]
): string[] {
  const fields: string[] = [];
  for (const [name, value] of BASE) {
    const other = name in replaced ? replaced[name] : value;
    if (other !== undefined) fields.push(name, other);
  }
  return [...fields, ...more];
}

function head(fields: readonly string[]): RequestHead {
  const parsed = parseRequestHead(fields);
  assert.ok(parsed.kind === 'head', JSON.stringify(parsed));
  return parsed;
}

function fault(fields: readonly string[]): HeadFault {
  const parsed = parseRequestHead(fields);
  assert.ok(parsed.kind !== 'head', 'was not refused');
  return parsed;
}

function assertHttp(fields: readonly string[], httpStatus: number, grpcStatus: Status): void {
  const refused = fault(fields);
  assert.ok(refused.kind === 'http', JSON.stringify(refused));
  assert.equal(refused.httpStatus, httpStatus);
  assert.equal(refused.grpcStatus, grpcStatus);
}

function assertForeign(fields: readonly string[]): void {
  const refused = fault(fields);
  assert.ok(refused.kind === 'foreign', JSON.stringify(refused));
  assert.equal(refused.grpcStatus, Status.INVALID_ARGUMENT);
}

function assertReset(fields: readonly string[]): void {
  const refused = fault(fields);
  assert.ok(refused.kind === 'rst', JSON.stringify(refused));
  assert.equal(refused.errorCode, ErrorCode.PROTOCOL_ERROR);
}

test('a plain request is read whole', () => {
  const parsed = head(
    request(
      {},
      'grpc-timeout',
      '1500m',
      'grpc-encoding',
      'gzip',
      'grpc-accept-encoding',
      'identity,gzip',
      'user-agent',
      'grpc-go/1.70',
      'x-trace',
      'a',
      'x-trace',
      'b',
      'key-bin',
      'AAEC',
    ),
  );
  assert.equal(parsed.path, '/hello.HelloService/SayHello');
  assert.equal(parsed.authority, 'localhost:50051');
  assert.equal(parsed.scheme, 'http');
  assert.equal(parsed.contentType, 'application/grpc');
  assert.equal(parsed.timeoutMs, 1500);
  assert.equal(parsed.encoding, 'gzip');
  assert.equal(parsed.acceptEncodings, EncodingBit.identity | EncodingBit.gzip);
  assert.equal(parsed.userAgent, 'grpc-go/1.70');
  assert.deepEqual(parsed.metadata, [
    'user-agent',
    'grpc-go/1.70',
    'x-trace',
    'a',
    'x-trace',
    'b',
    'key-bin',
    'AAEC',
  ]);
});

test('what is absent reads as its default', () => {
  const parsed = head(request({ te: undefined }));
  assert.equal(parsed.timeoutMs, -1);
  assert.equal(parsed.encoding, 'identity');
  assert.equal(parsed.acceptEncodings, EncodingBit.identity);
  assert.equal(parsed.userAgent, '');
  assert.deepEqual(parsed.metadata, []);
});

test('a head is frozen with all it holds, and so is a fault', () => {
  const parsed = head(request({}, 'a', 'b'));
  assert.ok(Object.isFrozen(parsed) && Object.isFrozen(parsed.metadata));
  assert.ok(Object.isFrozen(head(request()).metadata));
  assert.ok(Object.isFrozen(fault(request({ ':path': 'x' }))));
});

test('host stands in for :authority, and :authority wins', () => {
  assert.equal(head(request({ ':authority': undefined }, 'host', 'h')).authority, 'h');
  assert.equal(head(request({}, 'host', 'h')).authority, 'localhost:50051');
  assert.deepEqual(head(request({}, 'host', 'h')).metadata, []);
});

test('two :authority or two host fields are 400', () => {
  assertHttp([':authority', 'other', ...request()], 400, Status.INTERNAL);
  assertHttp(request({}, 'host', 'a', 'host', 'b'), 400, Status.INTERNAL);
});

test('a connection-specific field is RST_STREAM(PROTOCOL_ERROR)', () => {
  assertReset(request({}, 'connection', 'close'));
  assertReset(request({}, 'transfer-encoding', 'chunked'));
  assertReset(request({ te: 'gzip' }));
});

test('a malformed field section is RST_STREAM(PROTOCOL_ERROR)', () => {
  assertReset(request({}, 'X-Upper', '1'));
  assertReset(request({}, 'x', 'a\r\nb'));
  assertReset(request({}, ':late', '1'));
  assertReset(request({ ':path': undefined }));
  assertReset(request({ ':method': undefined }));
  assertReset([':path', '/a/b', ...request()]);
  assertReset([]);
});

test('white space around a value is let pass', () => {
  assert.deepEqual(head(request({}, 'x', ' a ')).metadata, ['x', ' a ']);
});

test('a content type that is not gRPC makes the request foreign', () => {
  for (const type of [undefined, 'application/json', 'application/grpc-web', 'text/html', '']) {
    assertForeign(request({ 'content-type': type }));
  }
  assert.equal(head(request({ 'content-type': 'application/grpc+proto' })).kind, 'head');
});

test('a malformed timeout is 400', () => {
  for (const timeout of ['', 'm', '1', '-1m', '1.5S', '123456789m', '1x', ' 1m']) {
    assertHttp(request({}, 'grpc-timeout', timeout), 400, Status.INTERNAL);
  }
});

test('a -bin value that is not base64 is 400 and named', () => {
  const refused = fault(request({}, 'key-bin', '!!'));
  assert.ok(refused.kind === 'http' && refused.httpStatus === 400);
  assert.match(refused.text, /"key-bin"/);
});

test('a method other than POST is 405', () => {
  for (const method of ['GET', 'post', 'PUT']) {
    assertHttp(request({ ':method': method }), 405, Status.INTERNAL);
  }
});

test('a path that cannot be a method is UNIMPLEMENTED', () => {
  const paths = ['', 'a/b', '*', '/', '//', '/a', '/a/', '//b', '/a//b', '/../b', '/a/..', '/./b'];
  for (const path of [...paths, '/a/../b/c', 'http://h/a/b']) {
    const refused = fault(request({ ':path': path }));
    assert.ok(refused.kind === 'status', path);
    assert.equal(refused.grpcStatus, Status.UNIMPLEMENTED);
  }
  for (const path of ['/a/b', '/a.b.C/D', '/prefix/a.B/C', '/a/...', '/a/.b', '/a/b..']) {
    assert.equal(head(request({ ':path': path })).path, path);
  }
});

test('of several faults the first in the order of the server decides', () => {
  const faulty: Record<string, string> = {
    'content-type': 'text/html',
    ':method': 'GET',
    ':path': 'x',
  };
  const fields = request(
    faulty,
    'grpc-timeout',
    'soon',
    'host',
    'a',
    'host',
    'b',
    'connection',
    'close',
  );
  assertHttp(fields, 400, Status.INTERNAL);
  fields.splice(fields.indexOf('host'), 2);
  assertReset(fields);
  fields.splice(fields.indexOf('connection'), 2);
  assertForeign(fields);
  fields[fields.indexOf('text/html')] = 'application/grpc';
  assertHttp(fields, 400, Status.INTERNAL);
  fields[fields.indexOf('soon')] = '1S';
  assertHttp(fields, 405, Status.INTERNAL);
  fields[fields.indexOf('GET')] = 'POST';
  assert.equal(fault(fields).kind, 'status');
});

test('a field named __proto__ or constructor is metadata like any other', () => {
  const fields = ['__proto__', 'x', 'constructor', 'y'];
  assert.deepEqual(head(request({}, ...fields)).metadata, fields);
});

test('the text of a refusal repeats little of what the peer sent', () => {
  const refused = fault(request({ ':path': 'x'.repeat(15_000) }));
  assert.ok(refused.text.length < 200);
});

test('no field list makes it throw', () => {
  const words = [':method', ':path', ':scheme', ':authority', 'host', 'te', 'content-type', 'POST'];
  words.push(
    'grpc-timeout',
    'x-bin',
    'application/grpc',
    '/a/b',
    '1S',
    '',
    '\u00ff',
    '\x00',
    'http',
  );
  for (let seed = 1; seed <= 20_000; seed++) {
    const random = mulberry32(seed);
    const fields: string[] = random() < 0.5 ? request() : [];
    for (let n = Math.floor(random() * 8); n > 0; n--) {
      fields.splice(Math.floor(random() * fields.length), Math.floor(random() * 2));
      fields.push(words[Math.floor(random() * words.length)] ?? '');
    }
    parseRequestHead(fields);
  }
});
