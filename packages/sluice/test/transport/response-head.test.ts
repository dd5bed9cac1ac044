// The header and trailer sections of a response.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EncodingBit } from '#sluice/grpc/compression-names.js';
import { Status } from '#sluice/grpc/status.js';
import {
  parseResponseHead,
  parseTrailers,
  type ResponseHead,
  type Trailers,
} from '#sluice/transport/response-head.js';

function head(...fields: string[]): ResponseHead {
  const parsed = parseResponseHead(fields);
  assert.ok(typeof parsed !== 'string', String(parsed));
  return parsed;
}

function trailers(...fields: string[]): Trailers {
  const parsed = parseTrailers(fields);
  assert.ok(typeof parsed !== 'string', String(parsed));
  return parsed;
}

test('a plain response head is read whole', () => {
  const parsed = head(
    ':status',
    '200',
    'content-type',
    'application/grpc+proto',
    'grpc-encoding',
    'gzip',
    'grpc-accept-encoding',
    'gzip',
    'date',
    'today',
    'key-bin',
    'AAEC',
  );
  assert.equal(parsed.httpStatus, 200);
  assert.equal(parsed.informational, false);
  assert.equal(parsed.contentTypeIsGrpc, true);
  assert.equal(parsed.encoding, 'gzip');
  assert.equal(parsed.acceptEncodings, EncodingBit.identity | EncodingBit.gzip);
  assert.deepEqual(parsed.metadataFields, ['date', 'today', 'key-bin', 'AAEC']);
  assert.equal(parsed.grpcStatus, -1);
  assert.equal(parsed.grpcMessage, '');
  assert.ok(Object.isFrozen(parsed) && Object.isFrozen(parsed.metadataFields));
});

test('trailers-only carries its status, message and details', () => {
  const parsed = head(
    ':status',
    '200',
    'content-type',
    'application/grpc',
    'grpc-status',
    '5',
    'grpc-message',
    'no%20such%20thing %E2%82%AC',
    'grpc-status-details-bin',
    'CAU',
  );
  assert.equal(parsed.grpcStatus, Status.NOT_FOUND);
  assert.equal(parsed.grpcMessage, 'no such thing \u20ac');
  assert.deepEqual(parsed.metadataFields, ['grpc-status-details-bin', 'CAU']);
});

test('1xx is told apart, a response that is not gRPC too', () => {
  assert.equal(head(':status', '103', 'link', 'x').informational, true);
  const html = head(':status', '502', 'content-type', 'text/html');
  assert.equal(html.informational, false);
  assert.equal(html.contentTypeIsGrpc, false);
  assert.equal(html.contentType, 'text/html');
  assert.equal(head(':status', '200').contentTypeIsGrpc, false);
});

test('a malformed response head is a reason, not an exception', () => {
  for (const fields of [
    [],
    ['content-type', 'application/grpc'],
    [':status', '200', ':status', '200'],
    [':status', '200', 'Upper', 'x'],
    [':status', '200', 'connection', 'close'],
    [':status', '20'],
    [':status', '0200'],
    [':status', '2e2'],
    [':status', ''],
    [':path', '/'],
  ]) {
    assert.equal(typeof parseResponseHead(fields), 'string', fields.join(' '));
  }
});

test('trailers are read whole and frozen', () => {
  const parsed = trailers('grpc-status', '0', 'x', 'y', 'content-type', 'application/grpc');
  assert.equal(parsed.grpcStatus, Status.OK);
  assert.equal(parsed.hasStatus, true);
  assert.equal(parsed.grpcMessage, '');
  assert.deepEqual(parsed.metadataFields, ['x', 'y']);
  assert.ok(Object.isFrozen(parsed) && Object.isFrozen(parsed.metadataFields));
});

test('trailers without grpc-status are UNKNOWN and say so', () => {
  const parsed = trailers('grpc-message', 'ignored');
  assert.equal(parsed.grpcStatus, Status.UNKNOWN);
  assert.equal(parsed.hasStatus, false);
  assert.equal(parsed.grpcMessage, 'the server ended the call without grpc-status');
});

test('a grpc-status that gRPC does not define is UNKNOWN and keeps its message', () => {
  for (const status of ['17', '99', '-1', '', 'x', '1.0', '00']) {
    const parsed = trailers('grpc-status', status, 'grpc-message', 'why');
    assert.equal(parsed.grpcStatus, Status.UNKNOWN, status);
    assert.equal(parsed.hasStatus, true);
    assert.equal(parsed.grpcMessage, 'why');
  }
});

test('a message with spaces around it and broken escapes is kept as it is', () => {
  assert.equal(trailers('grpc-status', '2', 'grpc-message', ' 100%! ').grpcMessage, ' 100%! ');
});

test('pseudo-headers and malformed fields in trailers are a reason', () => {
  assert.equal(typeof parseTrailers([':status', '200', 'grpc-status', '0']), 'string');
  assert.equal(typeof parseTrailers(['grpc-status', '0', 'Upper', 'x']), 'string');
  assert.equal(typeof parseTrailers(['grpc-status', '0\n']), 'string');
});
