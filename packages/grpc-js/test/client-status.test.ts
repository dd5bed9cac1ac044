// The words that programs match on, from those of the runtime below.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { detailsOf } from '@sluice/grpc-js/build/src/call-status';
import { Status } from '@sluice/grpc-js/build/src/constants';

const CALL = { target: 'dns:localhost:1', startMs: 1_000, deadlineMs: 1_500 };

const TEXTS: readonly (readonly [Status, string, string])[] = [
  [
    Status.DEADLINE_EXCEEDED,
    'deadline of 500 ms exceeded; waited 499 ms for the server',
    'Deadline exceeded after 0.500s,waited 499 ms for the server',
  ],
  [
    Status.DEADLINE_EXCEEDED,
    'the deadline had passed before the call',
    'Deadline exceeded after 0.500s,the deadline had passed before the call',
  ],
  [
    Status.UNAVAILABLE,
    'cannot resolve localhost: getaddrinfo ENOTFOUND localhost',
    'Name resolution failed for target dns:localhost:1',
  ],
  [
    Status.UNAVAILABLE,
    'cannot connect to 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1',
    'No connection established. Last error: cannot connect to 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ',
  ],
  [
    Status.UNAVAILABLE,
    'the peer closed the connection',
    'Connection dropped; the peer closed the connection',
  ],
  [
    Status.RESOURCE_EXHAUSTED,
    'received a message of 100 bytes, above the limit of 50; raise maxReceiveMessageLength',
    'Received message larger than max (100 vs 50)',
  ],
  [
    Status.RESOURCE_EXHAUSTED,
    'a request message of 100 bytes exceeds the limit of 50; raise maxSendMessageLength',
    'Attempted to send message with a size larger than 50',
  ],
  [
    Status.INTERNAL,
    'the peer reset the stream with INTERNAL_ERROR',
    'Received RST_STREAM with code 2 (Internal server error)',
  ],
];

describe('the details of a call', () => {
  for (const [code, own, shown] of TEXTS) {
    it(`"${own}"`, () => assert.equal(detailsOf(code, own, CALL), shown));
  }

  it('are left as they are where nobody matches on them', () => {
    assert.equal(detailsOf(Status.NOT_FOUND, 'cannot resolve x', CALL), 'cannot resolve x');
    assert.equal(detailsOf(Status.UNAVAILABLE, '', CALL), '');
  });
});
