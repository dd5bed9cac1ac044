// What the choice of one attempt does to the others of its call: they go, and none is heard of again.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Status } from '#sluice/grpc/status.js';
import { hedgingConfig, Scripted } from './scripted-attempts.js';

it('an attempt that ends because another one is given up is not the end of the call', () => {
  const scripted = new Scripted(hedgingConfig(3, 0));
  const heard = scripted.call({}, 'x');
  const [first, second, third] = scripted.made;
  assert.ok(first && second && third);
  // The place that the second leaves in a line lets the third start, and be refused.
  second.cancel = (details = '') => {
    third.end(Status.ABORTED, 'refused');
    second.end(Status.CANCELLED, details);
  };
  first.header();
  first.message('answer');
  first.end(Status.OK, '');
  assert.deepEqual(heard.events, ['header', 'message answer', 'OK: ']);
  scripted.finish();
});
