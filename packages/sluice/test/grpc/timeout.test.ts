import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeTimeout, encodeTimeout } from '#sluice/grpc/timeout.js';
import { mulberry32 } from '../support/random.js';

test('a timeout is written in the finest unit that fits, rounded up', () => {
  const cases: [number, string][] = [
    [0, '1n'],
    [-5, '1n'],
    [Number.NaN, '1n'],
    [Number.NEGATIVE_INFINITY, '1n'],
    [0.0001, '1u'],
    [0.5, '500u'],
    [1, '1m'],
    [9.9991, '10000u'],
    [10.2, '11m'],
    [5_000, '5000m'],
    [99_999_999, '99999999m'],
    [99_999_999.5, '100000S'],
    [100_000_000, '100000S'],
    [100_000_001, '100001S'],
    [99_999_999_000, '99999999S'],
    [99_999_999_001, '1666667M'],
    [6_000_000_000_000, '1666667H'],
    [Number.MAX_SAFE_INTEGER, '99999999H'],
    [Number.POSITIVE_INFINITY, '99999999H'],
  ];
  for (const [ms, text] of cases) {
    assert.equal(encodeTimeout(ms), text, String(ms));
    assert.equal(encodeTimeout(ms), text, `${ms} again`);
  }
});

test('a timeout is read in every unit', () => {
  const cases: [string, number][] = [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['4m', 4],
    ['5u', 0.005],
    ['6n', 0.000006],
    ['0n', 0],
    ['00000001m', 1],
    ['99999999H', 359_999_996_400_000],
  ];
  for (const [text, ms] of cases) assert.equal(decodeTimeout(text), ms);
});

test('a malformed timeout reads as -1', () => {
  const cases = ['', 'm', '1', '1s', '1h', '-1m', '+1m', '1.5S', ' 1m', '1m ', '123456789m', '1 m'];
  for (const text of [...cases, '0x1m', '1mm', '\u0661m', 'NaN', 'Infinity']) {
    assert.equal(decodeTimeout(text), -1, text);
  }
});

test('what is sent is never shorter than asked for, and at most eight digits', () => {
  const random = mulberry32(3);
  for (let run = 0; run < 5_000; run++) {
    const ms = 10 ** (random() * 17 - 3);
    const text = encodeTimeout(ms);
    assert.match(text, /^\d{1,8}[HMSmun]$/);
    const back = decodeTimeout(text);
    if (ms < 3.5e14) assert.ok(back >= ms && back <= ms * 1.2 + 0.001, `${ms} ${text}`);
  }
});
