// Each fuzzer for a moment, with fixed seeds, as part of every test run; `npm run fuzz` takes its time.
// What it asserts beside that nothing is broken: that the fuzzers get where faults could be, because one
// that makes nothing but nonsense, or nothing but good input, proves little.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HpackEncoder } from '#sluice/hpack/encoder.js';
import { Dice } from '../model/dice.js';
import { Execution } from './execution.js';
import { hpack } from './hpack.js';
import { mutated } from './mutation.js';
import { Shrinking } from './shrinking.js';
import { targetOf } from './targets.js';
import { readTranscript, type Transcript, wordOf, writeTranscript } from './transcript.js';

/** Runs so many executions; how often each outcome came. */
function outcomes(name: string, executions: number): Map<string, number> {
  const target = targetOf(name);
  const execution = new Execution(target, 1, []);
  const counts = new Map<string, number>();
  for (let n = 0; n < executions; n++) {
    const transcript = execution.transcript(n);
    try {
      const outcome = target.run(transcript);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    } catch (error) {
      const text = error instanceof Error ? error.stack : String(error);
      assert.fail(`execution ${n}: ${text}\n${writeTranscript(transcript)}`);
    }
  }
  return counts;
}

function assertReached(counts: Map<string, number>, least: number, names: readonly string[]): void {
  for (const name of names) {
    const count = counts.get(name) ?? 0;
    assert.ok(count >= least, `${name}: ${count} times; there are ${JSON.stringify([...counts])}`);
  }
}

test('frames in any chunking read as the reference reads them, and written ones read back', () => {
  const counts = outcomes('frames', 8_000);
  // PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, ENHANCE_YOUR_CALM.
  assertReached(counts, 4, ['no fault', 'fault 1', 'fault 3', 'fault 6', 'fault 11']);
  assertReached(counts, 1_000, ['no fault']);
});

test('header blocks decode as in the reference, and what is encoded decodes', () => {
  const counts = outcomes('hpack', 8_000);
  assertReached(counts, 1_000, ['read', 'written']);
  assert.ok(
    counts.size >= 10,
    `each reason for a refusal comes up: ${JSON.stringify([...counts])}`,
  );
});

test('a block with any one octet changed is read as the reference reads it', () => {
  const encoder = new HpackEncoder();
  const fields = [':path', '/a.B/C', 'x-key', 'some value', 'te', 'trailers', 'x-bin', '\0\xff'];
  const out = Buffer.alloc(HpackEncoder.bound(fields));
  const segment = encoder.createSegment(fields);
  const valid = out.subarray(0, encoder.writeSegment(segment, out, encoder.beginBlock(out, 0)));
  for (let at = 0; at < valid.length; at++) {
    for (let octet = 0; octet < 256; octet++) {
      const block = Buffer.from(valid);
      block[at] = octet;
      hpack.run([['block', block]]);
    }
  }
});

test('messages come as the reference tells them, asked for at any time and in any pieces', () => {
  const counts = outcomes('message-framing', 6_000);
  assertReached(counts, 10, ['ended', 'open', 'destroyed', 'fault 8', 'fault 13', 'codec']);
  assertReached(counts, 500, ['ended']);
});

test('header lists become heads or faults as the reference says, and metadata stays what it was', () => {
  const counts = outcomes('header-lists', 8_000);
  const requests = ['head', 'rst', 'http', 'status', 'foreign'].map((kind) => `request ${kind}`);
  const others = [
    'response',
    'malformed response',
    'trailers',
    'malformed trailers',
    'metadata',
    'timeout',
    'message',
    'base64',
  ];
  assertReached(counts, 10, [...requests, ...others]);
});

test('hostile conversations leave nothing behind and get nothing but legal frames', () => {
  const counts = outcomes('conversation', 1_000);
  const codes = new Map<string, number>();
  for (const [outcome, count] of counts) {
    const [end = '', code = '', calls = ''] = outcome.split(', ');
    for (const part of [code, `${end}, ${calls}`]) codes.set(part, (codes.get(part) ?? 0) + count);
  }
  assertReached(codes, 1, [
    'no GOAWAY',
    'GOAWAY 1',
    'GOAWAY 3',
    'GOAWAY 5',
    'GOAWAY 6',
    'GOAWAY 11',
  ]);
  assertReached(codes, 20, ['server, calls', 'client, calls', 'client, a call is OK']);
});

test('a transcript is the same from its file, and mutations of it can be run', () => {
  for (const name of ['frames', 'hpack', 'message-framing', 'header-lists', 'conversation']) {
    const target = targetOf(name);
    for (let seed = 1; seed <= 20; seed++) {
      const transcript = target.generate(new Dice(seed));
      assert.deepEqual(readTranscript(writeTranscript(transcript)), transcript);
      target.run(mutated(transcript, new Dice(seed)));
    }
  }
});

test('what fails is shrunk to the steps and the bytes that it takes', () => {
  const long: Transcript = [
    ['noise', 1, Buffer.from('abc')],
    ['key', 900, 'some text', Buffer.from('00ff00aa', 'hex')],
    ['noise', 2],
    ['key', 3],
  ];
  const fails = (transcript: Transcript): boolean =>
    transcript.some((step) => wordOf(step) === 'key' && Number(step[1]) >= 17);
  assert.deepEqual(new Shrinking(long, fails).shrink(), [['key', 17, '']]);
});

test('an execution that breaks an invariant is found, with its seed and a small transcript', () => {
  const broken = {
    name: 'broken',
    share: 1,
    generate: (dice: Dice): Transcript => [
      ['sum', dice.int(100)],
      ['sum', dice.int(100)],
    ],
    run: (transcript: Transcript): string => {
      const sum = transcript.reduce((total, step) => total + Number(step[1]), 0);
      if (sum > 150) throw new Error(`the sum is ${sum}`);
      return 'summed';
    },
  };
  const finding = new Execution(broken, 7, []).next(10_000, performance.now() + 10_000);
  assert.match(finding?.error ?? '', /the sum is 151/);
  assert.equal(finding?.seed, 7);
  assert.ok(finding.execution >= 0);
});
