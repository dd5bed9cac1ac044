import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runExample } from '../../run-example.ts';

it('mtls: new certificates are in use without a restart, strangers are turned away', async () => {
  const text = (await runExample('mtls')).join('\n');
  const before = /^billing-1 called accounts-1\nboth certificates were replaced\n/;
  assert.match(text, before);
  const after = text.replace(before, '').split('\n');
  assert.equal(after[0], 'billing-2 called accounts-2');
  assert.match(after[1] ?? '', /^all the while: [1-9]\d* calls on 1 connection, none failed$/);
  assert.match(text, /^without a certificate: 14 UNAVAILABLE: /m);
  assert.match(text, /^with a stranger's: 14 UNAVAILABLE: /m);
  assert.match(
    after.at(-1) ?? '',
    /^of a server that is not trusted: 14 UNAVAILABLE: cannot connect to .*: self-signed certificate/,
  );
});
