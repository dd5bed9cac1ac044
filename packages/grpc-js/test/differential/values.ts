// The small files that programs load by path: enums, durations, deadlines, targets, addresses,
// errors, options, and what each of them exports.
// Not here: logging, filters, listeners (by-path.ts).

import type { SubchannelAddress } from '@grpc/grpc-js/build/src/subchannel-address';
import { type Deep, type Observation, type Observe, outcomeOf } from './observation.ts';

type See = (name: string, act: () => unknown) => void;

const FILES: readonly string[] = [
  'backoff-timeout',
  'channel-options',
  'compression-algorithms',
  'connectivity-state',
  'constants',
  'deadline',
  'duration',
  'environment',
  'error',
  'filter',
  'filter-stack',
  'logging',
  'metadata',
  'status-builder',
  'subchannel-address',
  'uri-parser',
];

export const observe: Observe = async (grpc, deep) => {
  const seen: Observation[] = [];
  const see: See = (name, act) => {
    seen.push({ name, value: outcomeOf(act) });
  };
  for (const file of FILES) {
    see(`exports of ${file}`, () =>
      Object.entries(deep(file) as object)
        .map(([name, value]) => `${name}: ${typeof value}`)
        .sort(),
    );
  }
  const names = [
    'status',
    'logVerbosity',
    'propagate',
    'connectivityState',
    'compressionAlgorithms',
  ];
  for (const name of names) {
    see(`enum ${name}`, () => Object.entries(grpc[name as 'status']));
  }
  see('enums by path are those of the index', () => {
    const constants = deep('constants') as typeof import('@grpc/grpc-js/build/src/constants');
    return [constants.Status === grpc.status, constants.LogVerbosity === grpc.logVerbosity];
  });
  see('sizes', () => {
    const constants = deep('constants') as typeof import('@grpc/grpc-js/build/src/constants');
    return [
      constants.DEFAULT_MAX_SEND_MESSAGE_LENGTH,
      constants.DEFAULT_MAX_RECEIVE_MESSAGE_LENGTH,
    ];
  });
  statusBuilder(grpc, see);
  durations(deep, see);
  deadlines(deep, see);
  targets(deep, see);
  addresses(deep, see);
  endpoints(deep, see);
  errors(deep, see);
  channelOptions(deep, see);
  return seen;
};

function statusBuilder(grpc: Parameters<Observe>[0], see: See): void {
  see('StatusBuilder of nothing', () => new grpc.StatusBuilder().build());
  see('StatusBuilder of all', () => {
    const metadata = new grpc.Metadata();
    metadata.set('k', 'v');
    return new grpc.StatusBuilder()
      .withCode(grpc.status.ABORTED)
      .withDetails('why')
      .withMetadata(metadata)
      .build();
  });
  see('StatusBuilder of OK and empty', () =>
    new grpc.StatusBuilder().withCode(grpc.status.OK).withDetails('').build(),
  );
  see('StatusBuilder overwrites', () =>
    new grpc.StatusBuilder().withCode(1).withCode(2).withDetails('a').withDetails('b').build(),
  );
  see('StatusBuilder builds twice', () => {
    const builder = new grpc.StatusBuilder().withCode(1);
    const first = builder.build();
    const second = builder.withDetails('late').build();
    return [first, second, first === second];
  });
  see('StatusBuilder own keys', () => Object.keys(new grpc.StatusBuilder()));
}

function durations(deep: Deep, see: See): void {
  const duration = deep('duration') as typeof import('@grpc/grpc-js/build/src/duration');
  for (const ms of [0, 1, 999, 1000, 1500, 1001.5, 123456789, -1, -1500, 2 ** 31]) {
    see(`msToDuration ${ms}`, () => duration.msToDuration(ms));
    see(`there and back ${ms}`, () => duration.durationToMs(duration.msToDuration(ms)));
  }
  for (const nanos of [0, 1, 1000, 1_000_000, 5_000_000, 50_000_000, 500_000_000, 123_456_789]) {
    see(`durationToString 3s ${nanos}`, () => duration.durationToString({ seconds: 3, nanos }));
    see(`durationToMs 3s ${nanos}`, () => duration.durationToMs({ seconds: 3, nanos }));
  }
  const texts = [
    '0s',
    '1s',
    '1.5s',
    '0.001s',
    '1.123456789s',
    '1.1234567891s',
    '1.s',
    '.5s',
    '-1s',
  ];
  for (const text of [...texts, '1', '', 's', '1ms', ' 1s', '1e3s', '01s', '1.5S']) {
    see(`parseDuration ${JSON.stringify(text)}`, () => duration.parseDuration(text));
  }
  for (const seconds of ['0', '12', '-3', '', 'x', '9007199254740993']) {
    see(`durationMessageToDuration ${JSON.stringify(seconds)}`, () =>
      duration.durationMessageToDuration({ seconds, nanos: 7 }),
    );
  }
  const shapes: readonly unknown[] = [
    { seconds: 1, nanos: 2 },
    { seconds: '1', nanos: 2 },
    { seconds: 1 },
    { nanos: 2 },
    { seconds: '1', nanos: '2' },
    {},
    'text',
    5,
  ];
  for (const shape of shapes) {
    see(`isDuration ${JSON.stringify(shape)}`, () => [
      duration.isDuration(shape),
      duration.isDurationMessage(shape),
    ]);
  }
}

function deadlines(deep: Deep, see: See): void {
  const deadline = deep('deadline') as typeof import('@grpc/grpc-js/build/src/deadline');
  const { POSITIVE_INFINITY, NEGATIVE_INFINITY, NaN: NOT_A_NUMBER } = Number;
  see('minDeadline of none', () => deadline.minDeadline());
  see('minDeadline of one date', () => deadline.minDeadline(new Date(5)));
  see('minDeadline of several', () => deadline.minDeadline(7, new Date(5), POSITIVE_INFINITY, 9));
  see('minDeadline with NaN', () => deadline.minDeadline(NOT_A_NUMBER, 9));
  for (const value of [
    0,
    1.5,
    1e12,
    8.64e15,
    8.64e15 + 1e4,
    POSITIVE_INFINITY,
    NEGATIVE_INFINITY,
  ]) {
    see(`deadlineToString ${value}`, () => deadline.deadlineToString(value));
  }
  see('deadlineToString NaN', () => deadline.deadlineToString(NOT_A_NUMBER));
  see('deadlineToString of a date', () => deadline.deadlineToString(new Date(1e12)));
  const pairs: readonly [Date | number, Date | number][] = [
    [0, 1234],
    [new Date(1000), new Date(1000)],
    [new Date(2000), 1000],
    [0, 0.4],
  ];
  for (const [start, end] of pairs) {
    see(`formatDateDifference ${Number(start)} ${Number(end)}`, () =>
      deadline.formatDateDifference(start, end),
    );
  }
  // A clock that stands still, so that both see the same time left.
  const now = Date.now;
  Date.now = () => 1e12;
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...args: [] | [number]) {
      super(args[0] ?? 1e12);
    }
  } as unknown as DateConstructor;
  try {
    const lefts = [-5, 0, 0.5, 1, 999, 1e8 - 1, 1e8 - 0.5, 1e8, 1e11 - 1, 1e11, 6e12, 3.6e14];
    for (const left of [...lefts, 2 ** 31 - 2, 2 ** 31 - 1, 2 ** 31, 1e15]) {
      see(`getDeadlineTimeoutString +${left}`, () =>
        deadline.getDeadlineTimeoutString(1e12 + left),
      );
      see(`getRelativeTimeout +${left}`, () => deadline.getRelativeTimeout(1e12 + left));
    }
    for (const odd of [POSITIVE_INFINITY, NEGATIVE_INFINITY, NOT_A_NUMBER]) {
      see(`getDeadlineTimeoutString ${odd}`, () => deadline.getDeadlineTimeoutString(odd));
      see(`getRelativeTimeout ${odd}`, () => deadline.getRelativeTimeout(odd));
    }
    see('getRelativeTimeout of a date', () => deadline.getRelativeTimeout(new Date(1e12 + 9)));
  } finally {
    globalThis.Date = RealDate;
    Date.now = now;
  }
}

function targets(deep: Deep, see: See): void {
  const uri = deep('uri-parser') as typeof import('@grpc/grpc-js/build/src/uri-parser');
  const uris = [
    'localhost',
    'localhost:50051',
    'dns:localhost:50051',
    'dns:///localhost:50051',
    'dns://8.8.8.8/localhost',
    'dns://8.8.8.8/',
    'dns://8.8.8.8',
    'unix:/tmp/a',
    'unix:a',
    'unix:///tmp/a',
    'unix-abstract:a',
    'ipv4:1.2.3.4:5,6.7.8.9:10',
    'ipv6:[::1]:5',
    '[::1]:5',
    'DNS:a',
    'a+b-c.d:x',
    '1:2',
    '//authority/path',
    '//authority',
    '/path',
    '://x',
    ':x',
    '',
    'scheme:',
    'a b:c',
    'xds:///a?b=c#d',
    'a\nb',
  ];
  for (const text of uris) {
    see(`parseUri ${JSON.stringify(text)}`, () => uri.parseUri(text));
    see(`parseUri and back ${JSON.stringify(text)}`, () => {
      const parsed = uri.parseUri(text);
      return parsed === null ? null : uri.uriToString(parsed);
    });
  }
  see('parseUri has all keys', () => Object.keys(uri.parseUri('a') ?? {}));
  see('uriToString of a path', () => uri.uriToString({ path: 'p' }));
  see('uriToString of empty parts', () =>
    uri.uriToString({ scheme: '', authority: '', path: 'p' }),
  );
  const hosts = [
    'a',
    'a:1',
    'a:',
    ':1',
    'a:b',
    'a:1:2',
    '::1',
    '[::1]',
    '[::1]:80',
    '[::1]:',
    '[::1]80',
    '[::1',
    '[a]:80',
    '[]:80',
    '1.2.3.4:99999',
    'a:01',
    'a:-1',
    'a:1.5',
    '',
  ];
  for (const text of hosts) {
    see(`splitHostPort ${JSON.stringify(text)}`, () => uri.splitHostPort(text));
  }
  see('splitHostPort keys', () => Object.keys(uri.splitHostPort('a') ?? {}));
  for (const host of ['a', '::1', '1.2.3.4', '[::1]']) {
    see(`combineHostPort ${host}`, () => [
      uri.combineHostPort({ host }),
      uri.combineHostPort({ host, port: 80 }),
      uri.combineHostPort({ host, port: 0 }),
    ]);
  }
  const methods = ['/a.b.C/D', 'a.b.C/D', '/a.b.C/', '/a.b.C', '/', '', '/a/b/c', '//x', 'abc'];
  for (const method of methods) {
    see(`extractServiceName ${JSON.stringify(method)}`, () => uri.extractServiceName(method));
    see(`computeServiceUrl ${JSON.stringify(method)}`, () => uri.computeServiceUrl('h:1', method));
  }
  for (const host of ['h', 'h:443', '[::1]:5', '::1', '', 'h:x', '[::1]']) {
    see(`computeServiceUrl of host ${JSON.stringify(host)}`, () =>
      uri.computeServiceUrl(host, '/a.B/C'),
    );
  }
}

const HOST: SubchannelAddress = { host: '1.2.3.4', port: 5 };
const PATH: SubchannelAddress = { path: '/tmp/a' };
const SIX: SubchannelAddress = { host: '::1', port: 5 };

function addresses(deep: Deep, see: See): void {
  const file = deep(
    'subchannel-address',
  ) as typeof import('@grpc/grpc-js/build/src/subchannel-address');
  for (const address of [HOST, PATH, SIX, { host: 'name', port: 0 }]) {
    see(`address ${JSON.stringify(address)}`, () => [
      file.isTcpSubchannelAddress(address),
      file.subchannelAddressToString(address),
    ]);
  }
  const others = [HOST, PATH, SIX, { host: '1.2.3.4', port: 6 }, { path: '1.2.3.4:5' }, undefined];
  for (const one of others) {
    for (const two of others) {
      see(`equal ${JSON.stringify(one)} ${JSON.stringify(two)}`, () =>
        file.subchannelAddressEqual(one, two),
      );
    }
  }
  for (const text of ['1.2.3.4', '::1', '/tmp/a', 'name', '1.2.3.4:5', '']) {
    see(`stringToSubchannelAddress ${JSON.stringify(text)}`, () => [
      file.stringToSubchannelAddress(text),
      file.stringToSubchannelAddress(text, 80),
      file.stringToSubchannelAddress(text, 0),
    ]);
  }
}

function endpoints(deep: Deep, see: See): void {
  const file = deep(
    'subchannel-address',
  ) as typeof import('@grpc/grpc-js/build/src/subchannel-address');
  const both = { addresses: [HOST, PATH] };
  const turned = { addresses: [PATH, HOST] };
  const one = { addresses: [HOST] };
  const none = { addresses: [] };
  see('endpointEqual', () => [
    file.endpointEqual(both, { addresses: [HOST, PATH] }),
    file.endpointEqual(both, turned),
    file.endpointEqual(both, one),
    file.endpointEqual(none, { addresses: [] }),
  ]);
  see('endpointToString', () => [both, one, none].map((each) => file.endpointToString(each)));
  see('endpointHasAddress', () => [
    file.endpointHasAddress(both, { path: '/tmp/a' }),
    file.endpointHasAddress(both, SIX),
    file.endpointHasAddress(none, HOST),
  ]);
  const filled = (): import('@grpc/grpc-js/build/src/subchannel-address').EndpointMap<number> => {
    const map = new file.EndpointMap<number>();
    map.set(both, 1);
    map.set(one, 2);
    map.set({ addresses: [SIX] }, 3);
    return map;
  };
  see('EndpointMap get in any order', () => [filled().get(both), filled().get(turned)]);
  see('EndpointMap absent', () => [
    filled().get({ addresses: [PATH] }) ?? 'none',
    filled().has(none),
  ]);
  see('EndpointMap size', () => [filled().size, new file.EndpointMap<number>().size]);
  see('EndpointMap set again', () => {
    const map = filled();
    map.set(turned, 9);
    return [map.size, [...map.entries()]];
  });
  see('EndpointMap getForSubchannelAddress', () => {
    const map = filled();
    return [HOST, PATH, SIX, { path: 'x' }].map(
      (address) => map.getForSubchannelAddress(address) ?? 'none',
    );
  });
  see('EndpointMap deleteMissing', () => {
    const map = filled();
    return [map.deleteMissing([turned, none]), map.size, [...map.keys()]];
  });
  see('EndpointMap delete, clear', () => {
    const map = filled();
    map.delete(turned);
    const left = [...map.values()];
    map.clear();
    return [left, map.size];
  });
  see('EndpointMap iterators', () => {
    const map = filled();
    return [[...map.keys()], [...map.values()], [...map.entries()]];
  });
}

function errors(deep: Deep, see: See): void {
  const error = deep('error') as typeof import('@grpc/grpc-js/build/src/error');
  const values: readonly [name: string, value: unknown][] = [
    ['an Error', new Error('m')],
    ['a TypeError', new TypeError('t')],
    ['a text', 's'],
    ['undefined', undefined],
    ['null', null],
    ['a number', 5],
    ['an object', {}],
    ['a status', { code: 3, message: 'm' }],
    ['a system error', Object.assign(new Error('m'), { code: 'ENOENT' })],
    ['an error with a code', Object.assign(new Error('m'), { code: 14 })],
    ['a status with NaN', { code: Number.NaN }],
  ];
  for (const [name, value] of values) {
    see(`getErrorMessage of ${name}`, () => error.getErrorMessage(value));
    see(`getErrorCode of ${name}`, () => error.getErrorCode(value));
  }
}

function channelOptions(deep: Deep, see: See): void {
  const file = deep('channel-options') as typeof import('@grpc/grpc-js/build/src/channel-options');
  see('recognizedOptions', () => file.recognizedOptions);
  see('channelOptionsEqual', () => {
    const list: number[] = [];
    return [
      file.channelOptionsEqual({}, {}),
      file.channelOptionsEqual({ a: 1, b: 2 }, { b: 2, a: 1 }),
      file.channelOptionsEqual({ a: 1 }, { a: '1' }),
      file.channelOptionsEqual({ a: 1 }, { b: 1 }),
      file.channelOptionsEqual({ a: 1 }, { a: 1, b: 1 }),
      file.channelOptionsEqual({ a: undefined }, {}),
      file.channelOptionsEqual({ a: list }, { a: list }),
      file.channelOptionsEqual({ a: [] }, { a: [] }),
      file.channelOptionsEqual({ a: Number.NaN }, { a: Number.NaN }),
    ];
  });
}
