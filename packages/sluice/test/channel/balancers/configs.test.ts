// The configs of all policies: what is accepted, and what is said of the rest.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { balancerFactory } from '#sluice/channel/balancer.js';

function parsed(policy: string, config?: unknown): unknown {
  return balancerFactory(policy)?.parseConfig(config, balancerFactory);
}

const childPolicy = [{ round_robin: {} }];

const WRONG: readonly (readonly [string, unknown, 'TypeError' | 'RangeError', string])[] = [
  ['pick_first', 7, 'TypeError', 'pick_first is 7; it must be an object'],
  [
    'pick_first',
    { shuffleAddressList: 1 },
    'TypeError',
    'pick_first.shuffleAddressList is 1; it must be true or false',
  ],
  ['round_robin', [], 'TypeError', 'round_robin is []; it must be an object'],
  [
    'weighted_round_robin',
    { enableOobLoadReport: true },
    'RangeError',
    'weighted_round_robin.enableOobLoadReport is true; it must be false, reports come with calls only',
  ],
  [
    'weighted_round_robin',
    { errorUtilizationPenalty: -1 },
    'RangeError',
    'weighted_round_robin.errorUtilizationPenalty is -1; it must be a number of 0 or more',
  ],
  [
    'weighted_round_robin',
    { errorUtilizationPenalty: '1' },
    'TypeError',
    'weighted_round_robin.errorUtilizationPenalty is "1"; it must be a number',
  ],
  [
    'least_request',
    { choiceCount: 1 },
    'RangeError',
    'least_request.choiceCount is 1; it must be a whole number from 2 to 4294967295',
  ],
  [
    'least_request_experimental',
    { choiceCount: 'two' },
    'TypeError',
    'least_request.choiceCount is "two"; it must be a number',
  ],
  [
    'ring_hash',
    { minRingSize: 0 },
    'RangeError',
    'ring_hash.minRingSize is 0; it must be a whole number from 1 to 8388608',
  ],
  [
    'ring_hash',
    { minRingSize: 20, maxRingSize: 10 },
    'RangeError',
    'ring_hash.minRingSize is 20; it must be 10 at most, which is maxRingSize',
  ],
  [
    'ring_hash',
    { requestHashHeader: 'user-bin' },
    'RangeError',
    'ring_hash.requestHashHeader is "user-bin"; it must be the name of a request field with text values',
  ],
  [
    'ring_hash',
    { requestHashHeader: ':path' },
    'RangeError',
    'ring_hash.requestHashHeader is ":path"; it must be the name of a request field with text values',
  ],
  [
    'ring_hash',
    { requestHashHeader: 1 },
    'TypeError',
    'ring_hash.requestHashHeader is 1; it must be a string',
  ],
  [
    'outlier_detection',
    { childPolicy: [{ newer: {} }] },
    'RangeError',
    'outlier_detection.childPolicy names no policy that is known: newer; register one or use pick_first or round_robin',
  ],
  [
    'outlier_detection',
    { childPolicy, maxEjectionPercent: 101 },
    'RangeError',
    'outlier_detection.maxEjectionPercent is 101; it must be a whole number from 0 to 100',
  ],
  [
    'outlier_detection',
    { childPolicy, successRateEjection: { enforcementPercentage: 200 } },
    'RangeError',
    'outlier_detection.successRateEjection.enforcementPercentage is 200; it must be a whole number from 0 to 100',
  ],
  [
    'outlier_detection',
    { childPolicy: [{ least_request: { choiceCount: 0 } }] },
    'RangeError',
    'least_request.choiceCount is 0; it must be a whole number from 2 to 4294967295',
  ],
];

describe('the config of a policy', () => {
  for (const [policy, config, name, message] of WRONG) {
    it(`of ${policy}: ${JSON.stringify(config)} is refused`, () => {
      assert.throws(() => parsed(policy, config), { name, message });
    });
  }

  it('names durations and lists that are none', () => {
    assert.throws(
      () => parsed('weighted_round_robin', { blackoutPeriod: 10 }),
      /^TypeError: weighted_round_robin\.blackoutPeriod /,
    );
    assert.throws(
      () => parsed('outlier_detection', { childPolicy, interval: '-1s' }),
      /^RangeError: outlier_detection\.interval /,
    );
    assert.throws(() => parsed('outlier_detection', {}), /outlier_detection\.childPolicy/);
  });

  it('may be absent, save that of outlier_detection, and may have fields that are not known', () => {
    for (const policy of ['pick_first', 'round_robin', 'weighted_round_robin']) {
      assert.ok(parsed(policy));
      assert.ok(parsed(policy, { newer: 1 }));
    }
    assert.deepEqual(parsed('pick_first', { shuffleAddressList: null }), {
      shuffleAddressList: false,
    });
    assert.deepEqual(parsed('least_request_experimental'), { choiceCount: 2 });
    assert.deepEqual(parsed('least_request', { choiceCount: 50 }), { choiceCount: 10 });
  });

  it('of ring_hash has numbers as JSON writes them, and rings that take little memory', () => {
    const sizes = (config: object): unknown => parsed('ring_hash_experimental', config);
    assert.deepEqual(sizes({}), { leastSize: 1_024, mostSize: 4_096, header: '' });
    assert.deepEqual(sizes({ minRingSize: '8388608', requestHashHeader: 'X-User' }), {
      leastSize: 4_096,
      mostSize: 4_096,
      header: 'x-user',
    });
    assert.deepEqual(sizes({ maxRingSize: 100 }), { leastSize: 100, mostSize: 100, header: '' });
  });
});
