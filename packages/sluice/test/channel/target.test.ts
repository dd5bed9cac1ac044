// Target strings (gRPC naming) and the options of a channel: what is understood, and what is said
// of what is not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { registerResolver } from '#sluice/channel/resolver.js';
import { parseTargetUri } from '#sluice/channel/target.js';
import { type ChannelOptions, connect } from '#sluice/index.js';

type Parts = readonly [scheme: string, authority: string, path: string];

function parts(target: string): Parts {
  const { scheme, authority, path, text } = parseTargetUri(target);
  assert.equal(text, target);
  return [scheme, authority, path];
}

describe('a target taken apart', () => {
  for (const [target, expected] of [
    ['localhost:50051', ['dns', '', 'localhost:50051']],
    ['host', ['dns', '', 'host']],
    ['[::1]:8080', ['dns', '', '[::1]:8080']],
    ['dns:host:1', ['dns', '', 'host:1']],
    ['dns:///host:1', ['dns', '', 'host:1']],
    ['DNS:///Host:1', ['dns', '', 'Host:1']],
    ['dns://8.8.8.8/host:1', ['dns', '8.8.8.8', 'host:1']],
    ['dns://8.8.8.8', ['dns', '8.8.8.8', '']],
    ['ipv4:127.0.0.1:1,127.0.0.2:2', ['ipv4', '', '127.0.0.1:1,127.0.0.2:2']],
    ['unix:/run/a.sock', ['unix', '', '/run/a.sock']],
    ['unix:///run/a.sock', ['unix', '', 'run/a.sock']],
    ['unix-abstract:name', ['unix-abstract', '', 'name']],
    ['http://host:1', ['dns', '', 'http://host:1']],
  ] as const) {
    it(`${target} is ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(parts(target), expected);
    });
  }

  it('a scheme that a program registered is that from then on', () => {
    assert.deepEqual(parts('registry+test://eu/orders'), ['dns', '', 'registry+test://eu/orders']);
    registerResolver({
      scheme: 'registry+test',
      authority: ({ path }) => path,
      create: () => ({ resolve(): void {}, close(): void {} }),
    });
    assert.deepEqual(parts('registry+test://eu/orders'), ['registry+test', 'eu', 'orders']);
    assert.deepEqual(parts('registry+test:orders'), ['registry+test', '', 'orders']);
  });

  it('a scheme that no target could name is refused', () => {
    const scheme = 'Not A Scheme';
    assert.throws(
      () =>
        registerResolver({
          scheme,
          authority: () => '',
          create: () => ({ resolve(): void {}, close(): void {} }),
        }),
      { name: 'TypeError', message: /^the scheme "Not A Scheme" cannot be registered; / },
    );
  });

  for (const target of [
    '',
    ':50051',
    'host:',
    'host:port',
    'host:65536',
    'host:123456',
    '::1',
    '::1:50051',
    '[::1',
    '[]:1',
    '[1.2.3.4]:1',
    '[:::]:1',
    'a host:1',
    'a\0b:1',
    'a,b:1',
    'user@host:1',
    'http://host:1',
    'host:1/path',
    'dns:///',
    'dns://8.8.8.8',
    'ipv4:',
    'ipv4:host:1',
    'ipv4:127.0.0.1:1,',
    'ipv4:[::1]:1',
    'ipv4://8.8.8.8/127.0.0.1:1',
    'ipv6:127.0.0.1:1',
    'ipv6:::1:x',
    'static:',
    'static:a:1,b:x',
    'unix:',
    'unix:///',
    'unix://run/a.sock',
    'unix-abstract:',
  ]) {
    it(`${JSON.stringify(target)} is refused by name, with the forms that are understood`, () => {
      assert.throws(
        () => connect(target),
        new TypeError(
          `target ${JSON.stringify(target)} is not understood; use "host:port", "[v6]:port", "dns:///host:port", "ipv4:a:port,b:port", "ipv6:[a]:port,[b]:port", "static:a:port,b:port", "unix:/path" or "unix-abstract:name"`,
        ),
      );
    });
  }
});

describe('an option that is not understood', () => {
  const refused: readonly (readonly [string, object, RegExp])[] = [
    ['a window too small', { initialStreamWindow: 100 }, /^initialStreamWindow is 100; /],
    ['a window too large', { initialConnectionWindow: 2 ** 31 }, /^initialConnectionWindow is 214/],
    ['half a byte', { initialStreamWindow: 65_535.5 }, /^initialStreamWindow is 65535\.5; /],
    [
      'an unknown limit',
      { limits: { open: 1 } },
      /^limits\.open is not a limit; known limits: openCalls, /,
    ],
    [
      'a limit of nothing',
      { limits: { openCalls: 0 } },
      /^limits\.openCalls is 0; it must be an integer/,
    ],
    ['a limit that is text', { limits: { openCalls: '9' } }, /^limits\.openCalls is 9; it must be/],
    ['a limit that is NaN', { limits: { queueAgeMs: Number.NaN } }, /^limits\.queueAgeMs is NaN; /],
    [
      'a policy',
      { admissionPolicy: 'maybe' },
      /^admissionPolicy is maybe; it must be wait or fail/,
    ],
    ['no time', { connectTimeoutMs: 0 }, /^connectTimeoutMs is 0; it must be more than 0 ms/],
    ['NaN as a time', { connectTimeoutMs: Number.NaN }, /^connectTimeoutMs is NaN; /],
    ['a negative length', { maxReceiveMessageLength: -1 }, /^maxReceiveMessageLength is -1; /],
    ['a negative list', { maxHeaderListBytes: -1 }, /^maxHeaderListBytes is -1; /],
    ['a keepalive of NaN', { keepalive: { timeMs: Number.NaN } }, /^keepalive\.timeMs is NaN; /],
    [
      'a timeout of NaN',
      { keepalive: { timeoutMs: Number.NaN } },
      /^keepalive\.timeoutMs is NaN; /,
    ],
    ['a backoff of NaN', { backoff: { initialMs: Number.NaN } }, /^backoff\.initialMs is NaN; /],
    ['a backoff of 0', { backoff: { maxMs: 0 } }, /^backoff\.maxMs is 0; /],
  ];
  for (const [what, options, message] of refused) {
    it(`${what} is a RangeError that names option and value`, () => {
      assert.throws(() => connect('localhost:1', options as ChannelOptions), {
        name: 'RangeError',
        message,
      });
    });
  }

  it('Infinity lifts a limit or a length', () => {
    const limits = { openCalls: Number.POSITIVE_INFINITY };
    connect('localhost:1', { limits, maxReceiveMessageLength: Number.POSITIVE_INFINITY });
  });
});
