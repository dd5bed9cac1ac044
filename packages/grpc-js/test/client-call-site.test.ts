// The stacks of errors that calls end with: where the call was made, at a bounded cost.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callSite, errorAt } from '@sluice/grpc-js/build/src/call-site';

describe('the error of a call', () => {
  it('has the frames of whoever made the call', () => {
    function theCaller(): ReturnType<typeof callSite> {
      return callSite();
    }
    const { message, stack } = errorAt('5 NOT_FOUND: gone', theCaller());
    assert.equal(message, '5 NOT_FOUND: gone');
    assert.match(stack ?? '', /^Error: 5 NOT_FOUND: gone\nfor call at\n[\s\S]* at theCaller /);
  });

  it('has a stack that can be replaced, and that is not listed', () => {
    const error = errorAt('x', callSite());
    assert.deepEqual(Object.keys(error), []);
    error.stack = 'another';
    assert.equal(error.stack, 'another');
  });

  it('has no frames where very many calls are made at once', () => {
    const sites = Array.from({ length: 1_000 }, () => callSite());
    assert.ok(sites.filter((site) => site !== undefined).length <= 500);
    const { stack } = errorAt('x', undefined);
    assert.equal(
      stack,
      'Error: x\nfor call at\n    (not recorded: more than 100 calls were made within 100 ms)',
    );
  });
});
