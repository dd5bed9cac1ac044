// What a wait is called: the sentences that depend on more than one figure.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deadlineText } from '#sluice/transport/stall.js';

const WRITE = { kind: 'write', forMs: 2, bytes: 6 } as const;

describe('the text of a deadline', () => {
  it('names the line too, where the call was in it for longer than what it waits for now', () => {
    assert.equal(
      deadlineText(1_500, WRITE, 1_498.2),
      'deadline of 1500 ms exceeded; waited 2 ms for its turn to be written, 6 bytes wait here; it goes on by itself; before that it was in the line for 1498 ms',
    );
  });

  it('is silent of a line that was passed in no time', () => {
    assert.doesNotMatch(deadlineText(1_500, { ...WRITE, forMs: 1_400 }, 100), /in the line/);
    assert.doesNotMatch(deadlineText(1_500, WRITE), /in the line/);
  });
});
