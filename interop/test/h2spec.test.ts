// How h2spec's report becomes ours: nothing that failed or did not run may read as passed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeH2spec } from '../dist/h2spec.js';
import { type H2specCase, parseH2specReport } from '../dist/h2spec-junit.js';

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="8.1. HTTP Request/Response Exchange" package="http2/8.1" id="8.1" tests="2">
    <testcase package="http2/8.1" classname="Sends a &#34;second&#34; HEADERS" time="0.0010"></testcase>
    <testcase package="http2/8.1" classname="Sends &lt;more&gt;" time="2.0010">
      <error>Expect:
GOAWAY Frame
Actual:
Timeout</error>
    </testcase>
  </testsuite>
  <testsuite name="6.5.3. Settings" package="http2/6.5.3" id="6.5.3" tests="1">
    <testcase package="http2/6.5.3" classname="Sends SETTINGS" time="0.0010">
      <skipped></skipped>
    </testcase>
  </testsuite>
</testsuites>`;

test('the cases of a report have an id by section and number, an outcome and what was expected', () => {
  assert.deepEqual(parseH2specReport(REPORT), [
    { id: 'http2/8.1/1', description: 'Sends a "second" HEADERS', outcome: 'pass', details: '' },
    {
      id: 'http2/8.1/2',
      description: 'Sends <more>',
      outcome: 'fail',
      details: 'Expect:\nGOAWAY Frame\nActual:\nTimeout',
    },
    { id: 'http2/6.5.3/1', description: 'Sends SETTINGS', outcome: 'skipped', details: '' },
  ]);
});

test('a text that is no report has no cases', () => {
  assert.deepEqual(parseH2specReport('h2spec: connection refused'), []);
});

/** A whole run that passed, but for the cases given. */
function wholeRun(...changed: H2specCase[]): H2specCase[] {
  const cases: H2specCase[] = [];
  for (let n = 1; n <= 146; n += 1) {
    cases.push({ id: `http2/1/${n}`, description: '', outcome: 'pass', details: '' });
  }
  cases.splice(0, changed.length, ...changed);
  return cases;
}

function outcomes(
  cases: readonly H2specCase[],
  exceptions: { id: string; why: string }[],
): string[] {
  return judgeH2spec(cases, false, exceptions)
    .filter((one) => one.result !== 'pass')
    .map((one) => `${one.case} ${one.result} ${one.why}`);
}

const FAILED: H2specCase = { id: 'x/1', description: 'Sends', outcome: 'fail', details: 'a\nb' };
const PASSED: H2specCase = { id: 'x/2', description: 'Sends', outcome: 'pass', details: '' };
const SKIPPED: H2specCase = { id: 'x/3', description: 'Sends', outcome: 'skipped', details: '' };

test('a whole run of passed cases has nothing but passes', () => {
  assert.deepEqual(outcomes(wholeRun(), []), []);
});

test('a failed case fails, and is skipped with its reason when it is an exception', () => {
  assert.deepEqual(outcomes(wholeRun(FAILED), []), ['h2spec/x/1 fail Sends: a b']);
  const why = [{ id: 'x/1', why: 'RFC 9113' }];
  assert.deepEqual(outcomes(wholeRun(FAILED), why), ['h2spec/x/1 skipped exception: RFC 9113']);
});

test('an exception that passes, or that h2spec does not have, fails as stale', () => {
  assert.deepEqual(outcomes(wholeRun(PASSED), [{ id: 'x/2', why: '' }]), [
    'h2spec/x/2 fail stale exception: it passes; take it off the list',
  ]);
  assert.deepEqual(outcomes(wholeRun(), [{ id: 'y/1', why: '' }]), [
    'h2spec/y/1 fail stale exception: h2spec has no such case',
  ]);
});

test('a case that h2spec skips is skipped', () => {
  assert.deepEqual(outcomes(wholeRun(SKIPPED), []), [
    'h2spec/x/3 skipped skipped by h2spec: Sends',
  ]);
});

test('a run that ended early fails', () => {
  assert.deepEqual(outcomes(wholeRun().slice(1), []), ['h2spec fail h2spec ran 145 cases of 146']);
});
