// Which field sections are malformed (RFC 9113 §8.1, §8.2, §8.3).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FieldFault,
  requestFault,
  responseFault,
  trailersFault,
} from '#sluice/frames/field-validation.js';
import { mulberry32 } from '../support/random.js';

const REQUEST = [':method', 'POST', ':scheme', 'http', ':path', '/a/B', ':authority', 'x:1'];

test('the headers of a gRPC call are well-formed', () => {
  const fields = [...REQUEST, 'te', 'trailers', 'content-type', 'application/grpc', 'x-bin', ''];
  assert.equal(requestFault(fields), undefined);
  assert.equal(requestFault(REQUEST.slice(0, 6)), undefined, ':authority is not required');
  assert.equal(responseFault([':status', '200', 'content-type', 'application/grpc']), undefined);
  assert.equal(trailersFault(['grpc-status', '0', 'grpc-message', 'a b\tc \u00ff.']), undefined);
  assert.equal(trailersFault([]), undefined);
});

test('each required pseudo-header is missed', () => {
  for (const i of [0, 2, 4]) {
    assert.equal(requestFault(REQUEST.toSpliced(i, 2)), FieldFault.MISSING_PSEUDO);
  }
  assert.equal(requestFault([]), FieldFault.MISSING_PSEUDO);
  assert.equal(responseFault(['content-type', 'application/grpc']), FieldFault.MISSING_PSEUDO);
  assert.equal(
    requestFault([':method', 'CONNECT', ':authority', 'x:1']),
    FieldFault.MISSING_PSEUDO,
  );
});

test('pseudo-headers are refused twice, late, unknown or where they do not belong', () => {
  for (const i of [0, 2, 4]) {
    const twice = [...REQUEST, ...REQUEST.slice(i, i + 2)];
    assert.equal(requestFault(twice), FieldFault.DUPLICATE_PSEUDO);
  }
  assert.equal(requestFault([...REQUEST, ':authority', 'y']), FieldFault.DUPLICATE_AUTHORITY);
  assert.equal(requestFault(['te', 'trailers', ...REQUEST]), FieldFault.LATE_PSEUDO);
  assert.equal(responseFault([':status', '200', ':status', '200']), FieldFault.DUPLICATE_PSEUDO);
  for (const name of [':status', ':protocol', ':', ':Path', '::path', ':path ']) {
    assert.equal(requestFault([...REQUEST, name, '1']), FieldFault.UNKNOWN_PSEUDO, name);
  }
  for (const name of [':method', ':path', ':authority']) {
    assert.equal(responseFault([name, 'x', ':status', '200']), FieldFault.UNKNOWN_PSEUDO, name);
  }
  assert.equal(trailersFault([':status', '200']), FieldFault.UNKNOWN_PSEUDO);
});

test('a field name is a lowercase token', () => {
  const tokens = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
  for (let code = 0; code < 0x180; code++) {
    const character = String.fromCharCode(code);
    let expected: string | undefined = FieldFault.INVALID_NAME;
    if (tokens.includes(character)) expected = undefined;
    else if (character >= 'A' && character <= 'Z') expected = FieldFault.UPPERCASE_NAME;
    assert.equal(trailersFault([`a${character}`, '']), expected, `code ${code}`);
  }
  assert.equal(trailersFault(['', 'x']), FieldFault.EMPTY_NAME);
  assert.equal(trailersFault(['__proto__', 'x']), undefined);
});

test('a field value has no NUL, CR or LF, in pseudo-headers too', () => {
  for (const value of ['\0', '\r', '\n', 'a\0b', 'a\r\nb', ' \n']) {
    assert.equal(trailersFault(['a', value]), FieldFault.INVALID_VALUE, JSON.stringify(value));
    assert.equal(responseFault([':status', value]), FieldFault.INVALID_VALUE);
  }
  for (let code = 1; code < 0x180; code++) {
    if (code === 0x0a || code === 0x0d) continue;
    assert.equal(trailersFault(['a', `x${String.fromCharCode(code)}x`]), undefined, `code ${code}`);
  }
});

test('white space around a value is a fault only if nothing else is wrong', () => {
  for (const value of [' ', '\t', ' a', 'a ', '\ta', 'a\t']) {
    assert.equal(trailersFault(['a', value]), FieldFault.PADDED_VALUE, JSON.stringify(value));
    assert.equal(trailersFault(['a', value, 'B', '']), FieldFault.UPPERCASE_NAME);
    assert.equal(requestFault(['a', value]), FieldFault.MISSING_PSEUDO);
  }
});

test('connection-specific fields are refused, and te other than trailers', () => {
  const names = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];
  for (const name of names) {
    assert.equal(requestFault([...REQUEST, name, 'x']), FieldFault.CONNECTION_SPECIFIC, name);
    assert.equal(trailersFault([`${name.slice(0, -1)}_`, 'x']), undefined);
  }
  assert.equal(requestFault([...REQUEST, 'te', 'gzip']), FieldFault.TE_NOT_TRAILERS);
  assert.equal(requestFault([...REQUEST, 'te', 'trailers, gzip']), FieldFault.TE_NOT_TRAILERS);
});

test('random field lists never throw', () => {
  const random = mulberry32(82);
  const parts = [...REQUEST, ':status', 'te', 'upgrade', '', ' ', '\n', 'A', '\ud800', '\uffff'];
  for (let round = 0; round < 5000; round++) {
    const fields: string[] = [];
    const length = Math.floor(random() * 12); // an odd one lacks its last value
    for (let i = 0; i < length; i++) fields.push(parts[Math.floor(random() * parts.length)] ?? '');
    requestFault(fields);
    responseFault(fields);
    trailersFault(fields);
  }
});
