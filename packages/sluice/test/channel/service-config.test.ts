// Service configs: what is accepted, what is said of the rest, and which entry holds for a method.
// gRPC service_config.md, gRFC A2, A6, A24.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BalancerFactory } from '#sluice/channel/balancer.js';
import { MethodConfigs } from '#sluice/channel/method-configs.js';
import {
  chooseBalancer,
  parseDuration,
  parseServiceConfig,
  type ServiceConfig,
} from '#sluice/channel/service-config.js';
import { Status } from '#sluice/grpc/status.js';

const name = [{ service: 'a.B', method: 'C' }];
const retryPolicy = {
  maxAttempts: 4,
  initialBackoff: '.1s',
  maxBackoff: '1s',
  backoffMultiplier: 2,
  retryableStatusCodes: ['UNAVAILABLE', 8],
};
const hedgingPolicy = { maxAttempts: 3, hedgingDelay: '0.5s', nonFatalStatusCodes: ['INTERNAL'] };

describe('a service config', () => {
  it('is returned as it is where it is valid, from an object and from text', () => {
    const config: ServiceConfig = {
      loadBalancingConfig: [{ round_robin: {} }, { pick_first: { shuffleAddressList: true } }],
      methodConfig: [
        { name: [{ service: 'a.B', method: 'C' }, { service: 'b.C' }, {}], retryPolicy },
        { name: [{ service: 'd.E' }], hedgingPolicy },
        {
          name: [{ service: 'e.F' }],
          waitForReady: true,
          timeout: '1.5s',
          maxRequestMessageBytes: 0,
          maxResponseMessageBytes: 1_024,
        },
      ],
      retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
    };
    assert.deepEqual(parseServiceConfig(config), config);
    assert.deepEqual(parseServiceConfig(JSON.stringify(config)), config);
    assert.deepEqual(parseServiceConfig({}), {});
  });

  it('fields that are not known are left out; an empty name part is absent', () => {
    const config = {
      healthCheckConfig: { serviceName: '' },
      methodConfig: [{ name: [{ service: '', method: '' }], soon: 1 }],
    };
    assert.deepEqual(parseServiceConfig(config), { methodConfig: [{ name: [{}] }] });
  });

  it('loadBalancingPolicy, the older form, counts where the newer is absent', () => {
    const loadBalancingConfig = [{ round_robin: {} }];
    const named = { loadBalancingPolicy: 'ROUND_ROBIN' };
    assert.deepEqual(parseServiceConfig(named), { loadBalancingConfig });
    const both = { loadBalancingPolicy: 'pick_first', loadBalancingConfig };
    assert.deepEqual(parseServiceConfig(both), { loadBalancingConfig });
  });

  it('codes are read in any letter case, hedging has defaults, ratios have three places', () => {
    const config = parseServiceConfig({
      methodConfig: [
        { name, retryPolicy: { ...retryPolicy, retryableStatusCodes: ['unavailable', 4] } },
        { name: [{}], hedgingPolicy: { maxAttempts: 2 } },
      ],
      retryThrottling: { maxTokens: 1_000, tokenRatio: 0.12345 },
    });
    const [retried, hedged] = config.methodConfig ?? [];
    assert.deepEqual(retried?.retryPolicy?.retryableStatusCodes, ['UNAVAILABLE', 4]);
    assert.deepEqual(hedged?.hedgingPolicy, {
      maxAttempts: 2,
      hedgingDelay: '0s',
      nonFatalStatusCodes: [],
    });
    assert.equal(config.retryThrottling?.tokenRatio, 0.123);
  });

  const method = (fields: object): object => ({ methodConfig: [{ name, ...fields }] });
  const retry = (fields: object): object => method({ retryPolicy: { ...retryPolicy, ...fields } });
  const hedge = (fields: object): object =>
    method({ hedgingPolicy: { ...hedgingPolicy, ...fields } });
  const throttle = (maxTokens: unknown, tokenRatio: unknown): object => ({
    retryThrottling: { maxTokens, tokenRatio },
  });
  const at = 'methodConfig[0]';
  const refused: readonly (readonly [what: unknown, error: string])[] = [
    [1, 'TypeError: the service config is 1; it must be an object'],
    [[], 'TypeError: the service config is []; it must be an object'],
    [null, 'TypeError: the service config is null; it must be an object'],
    [{ loadBalancingPolicy: 1 }, 'TypeError: loadBalancingPolicy is 1; it must be a string'],
    [{ loadBalancingConfig: {} }, 'TypeError: loadBalancingConfig is {}; it must be a list'],
    [
      { loadBalancingConfig: [{ a: 1, b: 1 }] },
      'RangeError: loadBalancingConfig[0] is {"a":1,"b":1}; it must be an object with one policy as its only field',
    ],
    [{ methodConfig: {} }, 'TypeError: methodConfig is {}; it must be a list'],
    [{ methodConfig: [null] }, `TypeError: ${at} is null; it must be an object`],
    [{ methodConfig: [{}] }, `TypeError: ${at}.name is undefined; it must be a list`],
    [
      { methodConfig: [{ name: [] }] },
      `RangeError: ${at}.name is []; it must be a list of at least one name`,
    ],
    [
      { methodConfig: [{ name: [{ service: 1 }] }] },
      `TypeError: ${at}.name[0].service is 1; it must be a string`,
    ],
    [
      { methodConfig: [{ name: [{ method: 'C' }] }] },
      `RangeError: ${at}.name[0].method is "C"; it must be absent without a service`,
    ],
    [
      { methodConfig: [{ name }, { name: [{}, { service: 'a.B', method: 'C' }] }] },
      'RangeError: methodConfig[1].name is {"service":"a.B","method":"C"}; it must be a name that no other entry has',
    ],
    [method({ waitForReady: 1 }), `TypeError: ${at}.waitForReady is 1; it must be a boolean`],
    [method({ timeout: 1 }), `TypeError: ${at}.timeout is 1; it must be a string like "1.5s"`],
    [
      method({ timeout: '-1s' }),
      `RangeError: ${at}.timeout is "-1s"; it must be a duration like "1.5s"`,
    ],
    [
      method({ maxRequestMessageBytes: -1 }),
      `RangeError: ${at}.maxRequestMessageBytes is -1; it must be an integer of at least 0`,
    ],
    [
      method({ maxResponseMessageBytes: '1' }),
      `TypeError: ${at}.maxResponseMessageBytes is "1"; it must be a number`,
    ],
    [
      method({ retryPolicy, hedgingPolicy }),
      `RangeError: ${at} has a retryPolicy and a hedgingPolicy; use one of them`,
    ],
    [
      retry({ maxAttempts: 1 }),
      `RangeError: ${at}.retryPolicy.maxAttempts is 1; it must be an integer of at least 2`,
    ],
    [
      retry({ initialBackoff: '0s' }),
      `RangeError: ${at}.retryPolicy.initialBackoff is "0s"; it must be more than 0s`,
    ],
    [
      retry({ maxBackoff: undefined }),
      `TypeError: ${at}.retryPolicy.maxBackoff is undefined; it must be a string like "1.5s"`,
    ],
    [
      retry({ backoffMultiplier: 0 }),
      `RangeError: ${at}.retryPolicy.backoffMultiplier is 0; it must be more than 0`,
    ],
    [
      retry({ retryableStatusCodes: [] }),
      `RangeError: ${at}.retryPolicy.retryableStatusCodes is []; it must be a list of at least one code`,
    ],
    [
      retry({ retryableStatusCodes: ['GONE'] }),
      `RangeError: ${at}.retryPolicy.retryableStatusCodes is "GONE"; it must be names or numbers of status codes, like "UNAVAILABLE"`,
    ],
    [
      hedge({ maxAttempts: 2.5 }),
      `RangeError: ${at}.hedgingPolicy.maxAttempts is 2.5; it must be an integer of at least 2`,
    ],
    [
      hedge({ hedgingDelay: 'soon' }),
      `RangeError: ${at}.hedgingPolicy.hedgingDelay is "soon"; it must be a duration like "1.5s"`,
    ],
    [
      hedge({ nonFatalStatusCodes: [17] }),
      `RangeError: ${at}.hedgingPolicy.nonFatalStatusCodes is 17; it must be names or numbers of status codes, like "UNAVAILABLE"`,
    ],
    [throttle(0, 1), 'RangeError: retryThrottling.maxTokens is 0; it must be more than 0'],
    [throttle(1_001, 1), 'RangeError: retryThrottling.maxTokens is 1001; it must be at most 1000'],
    [throttle(10, '1'), 'TypeError: retryThrottling.tokenRatio is "1"; it must be a number'],
    [
      throttle(10, 0.0009),
      'RangeError: retryThrottling.tokenRatio is 0.0009; it must be at least 0.001',
    ],
  ];
  for (const [what, error] of refused) {
    it(`${JSON.stringify(what)} is refused by field and value`, () => {
      assert.throws(
        () => parseServiceConfig(what),
        (thrown: unknown) => {
          assert.equal(String(thrown), error);
          return true;
        },
      );
    });
  }

  it('text that is no JSON is refused', () => {
    assert.throws(() => parseServiceConfig('{'), {
      name: 'TypeError',
      message: /^the service config is not JSON: /,
    });
  });
});

describe('a duration', () => {
  for (const [text, ms] of [
    ['0s', 0],
    ['1s', 1_000],
    ['1.5s', 1_500],
    ['.25s', 250],
    ['0.001s', 1],
    ['315576000000s', 315_576_000_000_000],
  ] as const) {
    it(`"${text}" is ${ms} ms`, () => {
      assert.equal(parseDuration(text, 'timeout'), ms);
    });
  }

  for (const text of ['', 's', '.s', '1', '1.s', '1ms', ' 1s', '-1s', '1e3s', '315576000001s']) {
    it(`${JSON.stringify(text)} is none`, () => {
      assert.throws(() => parseDuration(text, 'timeout'), {
        name: 'RangeError',
        message: `timeout is ${JSON.stringify(text)}; it must be a duration like "1.5s"`,
      });
    });
  }
});

describe('the config of a method', () => {
  const configs = new MethodConfigs(
    parseServiceConfig({
      methodConfig: [
        { name, retryPolicy },
        { name: [{ service: 'a.B' }], timeout: '1s' },
        { name: [{}], hedgingPolicy, waitForReady: false },
      ],
    }),
  );

  it('is its own, before that of its service, before the default, and never a mixture', () => {
    for (let round = 0; round < 2; round += 1) {
      assert.deepEqual(configs.configOf('/a.B/C'), {
        waitForReady: undefined,
        timeoutMs: undefined,
        maxRequestBytes: undefined,
        maxResponseBytes: undefined,
        retry: {
          maxAttempts: 4,
          initialBackoffMs: 100,
          maxBackoffMs: 1_000,
          multiplier: 2,
          codes: new Set([Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED]),
        },
        hedging: undefined,
      });
      assert.equal(configs.configOf('/a.B/D')?.timeoutMs, 1_000);
      assert.equal(configs.configOf('/a.B/D')?.hedging, undefined);
      assert.deepEqual(configs.configOf('/a.BB/C')?.hedging, {
        maxAttempts: 3,
        delayMs: 500,
        nonFatal: new Set([Status.INTERNAL]),
      });
      assert.equal(configs.configOf('/a.BB/C')?.waitForReady, false);
    }
  });

  it('without an entry there is none', () => {
    const some = new MethodConfigs({ methodConfig: [{ name }] });
    assert.equal(some.isEmpty, false);
    assert.equal(some.configOf('/a.B/D'), undefined);
    assert.equal(some.configOf('/a.B/D'), undefined);
    const none = new MethodConfigs({ loadBalancingConfig: [{ pick_first: {} }] });
    assert.equal(none.isEmpty, true);
    assert.equal(none.configOf('/a.B/C'), undefined);
  });

  it('attempts are at most 5, and OK is never tried again', () => {
    const many = { ...retryPolicy, maxAttempts: 100, retryableStatusCodes: ['OK', 'ABORTED'] };
    const { retry } = new MethodConfigs({
      methodConfig: [{ name, retryPolicy: many }],
    }).configOf('/a.B/C') ?? { retry: undefined };
    assert.equal(retry?.maxAttempts, 5);
    assert.deepEqual(retry?.codes, new Set([Status.ABORTED]));
  });

  it('attempts are as many as the channel allows', () => {
    const many = { ...retryPolicy, maxAttempts: 100 };
    for (const most of [1, 3, 20]) {
      const allowing = new MethodConfigs({ methodConfig: [{ name, retryPolicy: many }] }, most);
      assert.equal(allowing.configOf('/a.B/C')?.retry?.maxAttempts, most);
    }
  });

  it('is found for any number of paths', () => {
    for (let i = 0; i < 3_000; i += 1) {
      assert.equal(configs.configOf(`/a.B/M${i}`)?.timeoutMs, 1_000);
    }
    assert.equal(configs.configOf('/a.B/C')?.retry?.maxAttempts, 4);
  });
});

describe('the policy of loadBalancingConfig', () => {
  const known: BalancerFactory = {
    name: 'known',
    parseConfig: (config) => ({ read: config }),
    create: () => assert.fail('no balancer is made'),
  };
  const find = (asked: string): BalancerFactory | undefined =>
    asked === 'known' ? known : undefined;

  it('is the first that is known, with its config read by it', () => {
    const policies = [{ newer: {} }, { known: { a: 1 } }, { known: { a: 2 } }];
    assert.deepEqual(chooseBalancer(policies, find), {
      factory: known,
      config: { read: { a: 1 } },
    });
  });

  it('is an error where none is known', () => {
    assert.throws(() => chooseBalancer([{ newer: {} }, { newest: {} }], find), {
      name: 'RangeError',
      message:
        'loadBalancingConfig names no policy that is known: newer, newest; register one or use pick_first or round_robin',
    });
    assert.throws(() => chooseBalancer([], find), /known: it is empty; /);
  });
});
