import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeStatus,
  encodeStatus,
  isStatus,
  Status,
  statusName,
  statusOfName,
} from '#sluice/grpc/status.js';

test('the codes are those of gRPC', () => {
  assert.deepEqual(Object.entries(Status), [
    ['OK', 0],
    ['CANCELLED', 1],
    ['UNKNOWN', 2],
    ['INVALID_ARGUMENT', 3],
    ['DEADLINE_EXCEEDED', 4],
    ['NOT_FOUND', 5],
    ['ALREADY_EXISTS', 6],
    ['PERMISSION_DENIED', 7],
    ['RESOURCE_EXHAUSTED', 8],
    ['FAILED_PRECONDITION', 9],
    ['ABORTED', 10],
    ['OUT_OF_RANGE', 11],
    ['UNIMPLEMENTED', 12],
    ['INTERNAL', 13],
    ['UNAVAILABLE', 14],
    ['DATA_LOSS', 15],
    ['UNAUTHENTICATED', 16],
  ]);
});

test('codes, names and field values translate into each other', () => {
  for (const [name, code] of Object.entries(Status)) {
    assert.equal(statusName(code), name);
    assert.equal(statusOfName(name), code);
    assert.equal(encodeStatus(code), String(code));
    assert.equal(decodeStatus(String(code)), code);
    assert.equal(isStatus(code), true);
  }
  assert.equal(statusName(99), 'UNKNOWN_99');
  assert.equal(statusOfName('unavailable'), -1);
  assert.equal(statusOfName('toString'), -1);
  for (const code of [-1, 17, 1.5, Number.NaN]) assert.equal(isStatus(code), false);
});

test('a grpc-status that is not a defined code reads as UNKNOWN', () => {
  for (const text of ['', ' 0', '00', '007', '+1', '-1', '1.0', '0x1', '17', '999999', 'OK']) {
    assert.equal(decodeStatus(text), Status.UNKNOWN, text);
  }
});
