// Target strings (gRPC naming) and the options of a channel: what is understood, and what is said
// of what is not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTarget } from '#sluice/channel/target.js';
import { type ChannelOptions, connect } from '#sluice/index.js';

function tcp(host: string, port: number, authority: string): unknown {
  return { endpoint: { kind: 'tcp', host, port }, authority };
}

function unix(path: string): unknown {
  return { endpoint: { kind: 'unix', path }, authority: 'localhost' };
}

describe('a target', () => {
  for (const [target, parsed] of [
    ['localhost:50051', tcp('localhost', 50_051, 'localhost:50051')],
    ['127.0.0.1:1', tcp('127.0.0.1', 1, '127.0.0.1:1')],
    ['a-host.example.com:65535', tcp('a-host.example.com', 65_535, 'a-host.example.com:65535')],
    ['host', tcp('host', 443, 'host:443')],
    ['[::1]:8080', tcp('::1', 8_080, '[::1]:8080')],
    ['[2001:db8::1]', tcp('2001:db8::1', 443, '[2001:db8::1]:443')],
    ['dns:host:1', tcp('host', 1, 'host:1')],
    ['dns:///host:1', tcp('host', 1, 'host:1')],
    ['dns://8.8.8.8/host:1', tcp('host', 1, 'host:1')],
    ['ipv4:127.0.0.1:1', tcp('127.0.0.1', 1, '127.0.0.1:1')],
    ['ipv6:[::1]:1', tcp('::1', 1, '[::1]:1')],
    ['unix:/run/a.sock', unix('/run/a.sock')],
    ['unix:///run/a.sock', unix('/run/a.sock')],
    ['unix:relative.sock', unix('relative.sock')],
  ] as const) {
    it(`${target}`, () => {
      assert.deepEqual(parseTarget(target), parsed);
    });
  }

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
    'a host:1',
    'http://host:1',
    'host:1/path',
    'dns:///',
    'unix:',
  ]) {
    it(`${JSON.stringify(target)} is refused by name, with the forms that are understood`, () => {
      assert.throws(
        () => connect(target),
        new TypeError(
          `target ${JSON.stringify(target)} is not understood; use "host:port", "[v6]:port", "dns:///host:port" or "unix:/path"`,
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
