// Every transcript of the corpus, replayed: the shapes of known attacks, the edges of each format, and
// whatever a fuzzer ever found. See corpus.ts for where they are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCorpus } from './corpus.js';
import { Execution } from './execution.js';
import { TARGETS } from './targets.js';

for (const target of TARGETS) {
  const corpus = readCorpus(target.name);
  for (const { name, transcript } of corpus) {
    test(`${target.name}: ${name}`, () => {
      assert.equal(new Execution(target, 0, []).replay(transcript), undefined);
    });
  }
  test(`${target.name} has a corpus`, () => {
    assert.ok(corpus.length >= 5, `${corpus.length} files`);
  });
}
