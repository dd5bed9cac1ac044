// HTTP/2 error codes and HTTP status codes as gRPC reads them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ErrorCode } from '#sluice/frames/error-code.js';
import { Status } from '#sluice/grpc/status.js';
import {
  httpText,
  quoted,
  resetText,
  statusOfErrorCode,
  statusOfHttp,
} from '#sluice/transport/status-mapping.js';

test('every HTTP/2 error code has the status of the gRPC document', () => {
  const expected: Record<keyof typeof ErrorCode, Status> = {
    NO_ERROR: Status.INTERNAL,
    PROTOCOL_ERROR: Status.INTERNAL,
    INTERNAL_ERROR: Status.INTERNAL,
    FLOW_CONTROL_ERROR: Status.INTERNAL,
    SETTINGS_TIMEOUT: Status.INTERNAL,
    STREAM_CLOSED: Status.INTERNAL,
    FRAME_SIZE_ERROR: Status.INTERNAL,
    REFUSED_STREAM: Status.UNAVAILABLE,
    CANCEL: Status.CANCELLED,
    COMPRESSION_ERROR: Status.INTERNAL,
    CONNECT_ERROR: Status.INTERNAL,
    ENHANCE_YOUR_CALM: Status.RESOURCE_EXHAUSTED,
    INADEQUATE_SECURITY: Status.PERMISSION_DENIED,
    HTTP_1_1_REQUIRED: Status.INTERNAL,
  };
  for (const [name, code] of Object.entries(ErrorCode)) {
    assert.equal(
      statusOfErrorCode(code, false),
      Object.entries(expected).find(([n]) => n === name)?.[1],
      name,
    );
  }
});

test('an unknown error code is UNKNOWN', () => {
  assert.equal(statusOfErrorCode(14, false), Status.UNKNOWN);
  assert.equal(statusOfErrorCode(0xffff_ffff, true), Status.UNKNOWN);
});

test('CANCEL after the deadline is DEADLINE_EXCEEDED, other codes stay as they are', () => {
  assert.equal(statusOfErrorCode(ErrorCode.CANCEL, true), Status.DEADLINE_EXCEEDED);
  assert.equal(statusOfErrorCode(ErrorCode.REFUSED_STREAM, true), Status.UNAVAILABLE);
});

test('HTTP statuses without grpc-status map as the gRPC document says', () => {
  const expected: [number, Status][] = [
    [200, Status.UNKNOWN],
    [302, Status.UNKNOWN],
    [400, Status.INTERNAL],
    [401, Status.UNAUTHENTICATED],
    [403, Status.PERMISSION_DENIED],
    [404, Status.UNIMPLEMENTED],
    [405, Status.UNKNOWN],
    [415, Status.UNKNOWN],
    [429, Status.UNAVAILABLE],
    [500, Status.UNKNOWN],
    [502, Status.UNAVAILABLE],
    [503, Status.UNAVAILABLE],
    [504, Status.UNAVAILABLE],
  ];
  for (const [http, status] of expected) assert.equal(statusOfHttp(http), status, String(http));
});

test('texts name the code, the HTTP status and the content type', () => {
  assert.equal(resetText(ErrorCode.CANCEL), 'the peer reset the stream with CANCEL');
  assert.match(resetText(0x99), /0x99/);
  assert.match(httpText(502, 'text/html'), /HTTP status 502, content-type "text\/html"/);
  assert.match(httpText(200, ''), /no content-type/);
});

test("a peer's text is quoted in printable ASCII and cut", () => {
  assert.equal(quoted('a"b\n\u00e9\x00c d'), '"a?b???c d"');
  assert.equal(quoted('x'.repeat(10_000)).length, 64 + 5);
});
