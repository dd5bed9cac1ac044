// The names in a certificate: of all kinds that name somebody, each whole, none made up.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { certificateNames } from '#sluice/transport/certificate-names.js';

/** A certificate as node:tls parses it. */
function named(subjectaltname: string, CN?: unknown): Parameters<typeof certificateNames>[0] {
  // node:tls is wrong about its own type: a subject may have several common names.
  return { subjectaltname, subject: { CN } } as Parameters<typeof certificateNames>[0];
}

describe('the names of a certificate', () => {
  it('are its alternative names in their order, then its common name', () => {
    const text =
      'URI:spiffe://prod.example/billing, DNS:billing.example, email:ops@example.com, IP Address:10.0.0.7, IP Address:0:0:0:0:0:0:0:1';
    assert.deepEqual(certificateNames(named(text, 'billing')), [
      'spiffe://prod.example/billing',
      'billing.example',
      'ops@example.com',
      '10.0.0.7',
      '0:0:0:0:0:0:0:1',
      'billing',
    ]);
  });

  it('are there once each, and of every common name', () => {
    assert.deepEqual(certificateNames(named('DNS:a, DNS:b', ['b', 'c'])), ['a', 'b', 'c']);
  });

  it('leave out kinds that name nobody', () => {
    const text =
      'DirName:"/C=AA\\u002cO=b", othername:<unsupported>, X400Name:<unsupported>, Registered ID:1.2.3, DNS:a';
    assert.deepEqual(certificateNames(named(text)), ['a']);
  });

  it('are whole where one holds what looks like another', () => {
    const text = 'URI:"http://a/, DNS:bank.example", DNS:"b\\", DNS:c", DNS:d';
    assert.deepEqual(certificateNames(named(text)), [
      'http://a/, DNS:bank.example',
      'b", DNS:c',
      'd',
    ]);
  });

  it('are none of a text that is not understood', () => {
    for (const text of ['DNS:a, b', 'DNS:"a', 'DNS:"a" b, DNS:c', 'DNS:a,DNS:b', 'DNS:"\\x"']) {
      assert.deepEqual(certificateNames(named(text, 'cn')), ['cn'], text);
    }
  });

  it('are none where there is nothing', () => {
    assert.deepEqual(certificateNames({}), []);
    assert.deepEqual(certificateNames(named('', '')), []);
    assert.deepEqual(certificateNames(named('DNS:')), []);
  });
});
