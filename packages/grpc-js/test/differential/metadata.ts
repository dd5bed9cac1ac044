// Metadata on its own: keys, values, lists, copies, options, and the forms it takes.
// Not here: what of it arrives at a peer (metadata-on-the-wire.ts).

import type { Metadata } from '@grpc/grpc-js';
import { errorOf, type Observation, type Observe, outcomeOf } from './observation.ts';

const KEYS: readonly string[] = [
  'a',
  'ABC',
  'a-b',
  'a_b',
  'a.b',
  '0',
  ':path',
  'a:b',
  '',
  ' ',
  'a b',
  'a/b',
  'k\u00e9y',
  'a\n',
  'a@b',
  'a,b',
  '__proto__',
  'constructor',
  'toString',
  'content-type',
  'te',
  'user-agent',
  'grpc-timeout',
  'grpc-custom',
  'host',
  'connection',
];

const VALUES: readonly [name: string, value: unknown][] = [
  ['plain', 'value'],
  ['empty', ''],
  ['spaces around', ' v '],
  ['inner spaces', 'a b  c'],
  ['all printable', ' !"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~'],
  ['tab', 'a\tb'],
  ['line break', 'a\nb'],
  ['carriage return', 'a\rb'],
  ['zero', 'a\0b'],
  ['delete', 'a\x7fb'],
  ['umlaut', '\u00fc'],
  ['beyond latin', '\u4e2d'],
  ['number', 1],
  ['true', true],
  ['null', null],
  ['undefined', undefined],
  ['an object', {}],
  ['a list', ['a']],
  ['a list of umlauts', ['\u00fc']],
  ['a buffer', Buffer.from('a')],
  ['bytes', new Uint8Array([1])],
];

export const observe: Observe = async (grpc, deep) => {
  const seen: Observation[] = [];
  const see = (name: string, act: () => unknown): void => {
    seen.push({ name, value: outcomeOf(act) });
  };
  const made = (fill: (metadata: Metadata) => void): Metadata => {
    const metadata = new grpc.Metadata();
    fill(metadata);
    return metadata;
  };

  for (const key of KEYS) {
    for (const method of ['set', 'add'] as const) {
      see(`${method} with key ${JSON.stringify(key)}`, () => {
        const metadata = made((m) => m[method](key, 'v'));
        return [metadata.get(key), Object.entries(metadata.getMap())];
      });
    }
    see(`get, remove of absent key ${JSON.stringify(key)}`, () => {
      const metadata = new grpc.Metadata();
      metadata.remove(key);
      return metadata.get(key);
    });
  }

  for (const [name, value] of VALUES) {
    for (const key of ['text', 'bytes-bin', 'BYTES-BIN', '-bin']) {
      for (const method of ['set', 'add'] as const) {
        see(`${method} ${key} to ${name}`, () => {
          // What plain JavaScript can pass.
          const metadata = made((m) => m[method](key, value as string));
          return [metadata.get(key), metadata.toHttp2Headers()[key.toLowerCase()]];
        });
      }
    }
  }
  for (const key of [undefined, null, 1, {}, Buffer.from('a')]) {
    see(`a key that is ${JSON.stringify(key) ?? 'undefined'} throws`, () => {
      try {
        new grpc.Metadata().set(key as unknown as string, 'v');
        return 'no';
      } catch (error) {
        return error instanceof TypeError;
      }
    });
  }

  lists(grpc, see, made);
  copies(grpc, see, made);
  options(grpc, see);
  forms(grpc, see, made, deep);
  shape(grpc, see);
  return seen;
};

type See = (name: string, act: () => unknown) => void;
type Made = (fill: (metadata: Metadata) => void) => Metadata;
type Grpc = Parameters<Observe>[0];

function lists(grpc: Grpc, see: See, made: Made): void {
  const three = (): Metadata =>
    made((m) => {
      m.add('k', '1');
      m.add('K', '2');
      m.add('other', 'x');
      m.add('k', '3');
      m.add('b-bin', Buffer.from([0, 255]));
      m.add('B-Bin', Buffer.alloc(0));
    });
  see('add keeps order', () => three().get('k'));
  see('get is case-insensitive', () => three().get('K'));
  see('get of bytes', () => three().get('b-bin'));
  see('get of nothing', () => new grpc.Metadata().get('k'));
  see('set replaces all', () => {
    const m = three();
    m.set('K', 'new');
    return [m.get('k'), m.toJSON()];
  });
  see('set keeps the place of the key', () => {
    const m = three();
    m.set('k', 'new');
    return Object.keys(m.getMap());
  });
  see('remove', () => {
    const m = three();
    m.remove('K');
    return [m.get('k'), Object.keys(m.getMap())];
  });
  see('add after remove comes last', () => {
    const m = three();
    m.remove('k');
    m.add('k', 'again');
    return Object.keys(m.getMap());
  });
  see('remove returns', () => [new grpc.Metadata().remove('k') as unknown]);
  see('set returns', () => [new grpc.Metadata().set('k', 'v') as unknown]);
  see('add returns', () => [new grpc.Metadata().add('k', 'v') as unknown]);
  see('getMap has the first', () => three().getMap());
  see('getMap keys', () => Object.keys(three().getMap()));
  see('getMap has a prototype', () => Object.getPrototypeOf(three().getMap()) === Object.prototype);
  see('getMap of nothing', () => new grpc.Metadata().getMap());
  see('a list that was got is the list itself', () => {
    const m = three();
    m.get('k').push('4');
    return m.get('k');
  });
  see('a list of nothing is not kept', () => {
    const m = new grpc.Metadata();
    m.get('k').push('4');
    return m.get('k');
  });
  see('bytes are kept, not copied', () => {
    const bytes = Buffer.from([1]);
    const m = made((all) => all.set('b-bin', bytes));
    bytes[0] = 2;
    return [m.get('b-bin')[0] === bytes, m.get('b-bin')];
  });
  see('getMap copies bytes', () => {
    const m = three();
    return m.getMap()['b-bin'] === m.get('b-bin')[0];
  });
  see('an emptied list', () => {
    const m = three();
    m.get('k').length = 0;
    return [m.get('k'), m.getMap(), m.toJSON(), m.toHttp2Headers()];
  });
}

function copies(grpc: Grpc, see: See, made: Made): void {
  const source = (): Metadata =>
    made((m) => {
      m.set('k', 'v');
      m.set('b-bin', Buffer.from([1, 2]));
      m.setOptions({ waitForReady: true });
      m.setOpaque('o', 1);
    });
  see('clone has the fields', () => source().clone().toJSON());
  see('clone is independent', () => {
    const m = source();
    const copy = m.clone();
    copy.add('k', 'w');
    copy.set('new', 'x');
    m.remove('b-bin');
    return [m.toJSON(), copy.toJSON()];
  });
  see('clone copies bytes', () => {
    const m = source();
    return m.clone().get('b-bin')[0] === m.get('b-bin')[0];
  });
  see('clone has the options', () => {
    const m = source();
    return [m.clone().getOptions(), m.clone().getOptions() === m.getOptions()];
  });
  see('clone has the opaque data', () => source().clone().getOpaque('o') ?? 'none');
  see('clone is a Metadata', () => source().clone() instanceof grpc.Metadata);
  see('merge appends', () => {
    const m = source();
    const other = made((o) => {
      o.add('k', 'w');
      o.add('z', '1');
    });
    m.merge(other);
    return [m.toJSON(), other.toJSON(), Object.keys(m.getMap())];
  });
  see('merge leaves options and opaque data', () => {
    const m = new grpc.Metadata();
    m.merge(source());
    return [m.getOptions(), m.getOpaque('o') ?? 'none'];
  });
  see('merge with itself', () => {
    const m = source();
    m.merge(m);
    return m.toJSON();
  });
  see('merge does not share lists', () => {
    const m = new grpc.Metadata();
    const other = source();
    m.merge(other);
    m.add('k', 'more');
    return other.get('k');
  });
  see('merge returns', () => [new grpc.Metadata().merge(source()) as unknown]);
}

function options(grpc: Grpc, see: See): void {
  see('options by default', () => new grpc.Metadata().getOptions());
  see('options given', () => new grpc.Metadata({ waitForReady: true, corked: false }).getOptions());
  see('options are kept by reference', () => {
    const given = { idempotentRequest: true };
    const m = new grpc.Metadata(given);
    return m.getOptions() === given;
  });
  see('options replaced', () => {
    const m = new grpc.Metadata({ waitForReady: true });
    m.setOptions({ cacheableRequest: true });
    return m.getOptions();
  });
  see('opaque data', () => {
    const m = new grpc.Metadata();
    const before = m.getOpaque('k') ?? 'none';
    m.setOpaque('k', { deep: [1] });
    m.setOpaque('K', 2);
    return [before, m.getOpaque('k'), m.getOpaque('K'), m.toJSON(), m.toHttp2Headers()];
  });
}

function forms(grpc: Grpc, see: See, made: Made, deep: Parameters<Observe>[1]): void {
  const full = (): Metadata =>
    made((m) => {
      m.add('k', '1');
      m.add('k', '2, 3');
      m.add('one-bin', Buffer.from([1]));
      m.add('two-bin', Buffer.from([1, 2]));
      m.add('three-bin', Buffer.from([251, 255, 254]));
      m.add('many-bin', Buffer.from('a'));
      m.add('many-bin', Buffer.from('b'));
      m.add('empty-bin', Buffer.alloc(0));
    });
  see('toHttp2Headers', () => full().toHttp2Headers());
  see('toHttp2Headers keys', () => Object.keys(full().toHttp2Headers()));
  see('toHttp2Headers of nothing', () => new grpc.Metadata().toHttp2Headers());
  see('toHttp2Headers is a copy', () => {
    const m = full();
    (m.toHttp2Headers().k as string[]).push('x');
    return m.get('k');
  });
  see('toJSON', () => full().toJSON());
  see('toJSON of nothing', () => new grpc.Metadata().toJSON());
  see('JSON.stringify', () => JSON.stringify({ metadata: full() }));
  see('a round trip', () => {
    // As a receiver has them: texts.
    const headers = full().toHttp2Headers() as { [key: string]: string[] };
    return grpc.Metadata.fromHttp2Headers(headers).toJSON();
  });
  const from = (headers: { [key: string]: unknown }): unknown => {
    const lines: unknown[] = [];
    const logger = { error: (...args: unknown[]) => lines.push(args.length) };
    grpc.setLogger(logger);
    try {
      const { Metadata } = deep('metadata') as typeof import('@grpc/grpc-js/build/src/metadata');
      const result = Metadata.fromHttp2Headers(headers as { [key: string]: string });
      return [result.toJSON(), result.getOptions(), lines.length];
    } finally {
      grpc.setLogger(console);
    }
  };
  const received: readonly [name: string, headers: { [key: string]: unknown }][] = [
    ['nothing', {}],
    ['pseudo-headers', { ':path': '/a', ':status': '200', x: '1' }],
    ['a text', { k: 'a, b' }],
    ['a list', { 'set-cookie': ['a=1', 'b=2'] }],
    ['an undefined value', { k: undefined, 'k-bin': undefined }],
    ['an upper-case key', { Key: 'v' }],
    ['bytes', { 'k-bin': 'AQI=' }],
    ['bytes without padding', { 'k-bin': 'AQI' }],
    ['a list of bytes in one text', { 'k-bin': 'AQ==,Ag, AwQ' }],
    ['a list of bytes of a key grpc-x-bin in one text', { 'grpc-x-bin': 'AQ,Ag' }],
    ['a list of bytes', { 'k-bin': ['AQ==', 'Ag'] }],
    ['a list of joined bytes', { 'k-bin': ['AQ==,Ag', 'Aw'] }],
    ['empty bytes', { 'k-bin': '' }],
    ['bytes that are not base64', { 'k-bin': '!!!' }],
    ['bytes in the other alphabet', { 'k-bin': '-_-_' }],
    ['an illegal value', { bad: '\u00fc', good: 'v' }],
    ['an illegal value in a list', { bad: ['fine', 'a\nb', 'late'], good: 'v' }],
    ['an illegal key', { 'a b': 'v', good: 'v' }],
    ['a number', { k: 1, good: 'v' }],
    ['an empty key', { '': 'v', good: 'v' }],
    [
      'fields of the protocol',
      { 'content-type': 'application/grpc', te: 'trailers', 'grpc-status': '0' },
    ],
    ['the key __proto__', JSON.parse('{"__proto__": "v"}')],
  ];
  for (const [name, headers] of received) see(`fromHttp2Headers with ${name}`, () => from(headers));
}

function shape(grpc: Grpc, see: See): void {
  see('own keys', () => Object.keys(new grpc.Metadata()));
  see('own keys after use', () => {
    const m = new grpc.Metadata();
    m.set('k', 'v');
    m.setOpaque('o', 1);
    return Object.keys(m);
  });
  see('methods', () => Object.getOwnPropertyNames(grpc.Metadata.prototype).sort());
  see('statics', () => Object.getOwnPropertyNames(grpc.Metadata).sort());
  see('arity of the constructor', () => grpc.Metadata.length);
  see('internalRepr', () => {
    const m = new grpc.Metadata();
    m.add('k', 'v');
    const { internalRepr } = m as unknown as { internalRepr: Map<string, unknown> };
    return [internalRepr instanceof Map, [...internalRepr]];
  });
  see('a subclass', () => {
    class Mine extends grpc.Metadata {
      readonly mine = 1;
    }
    const m = new Mine();
    m.set('k', 'v');
    return [m.toJSON(), m.clone() instanceof Mine];
  });
  see('called without new', () => {
    try {
      (grpc.Metadata as unknown as () => void)();
      return 'nothing';
    } catch (error) {
      return (errorOf(error) as { name: string }).name;
    }
  });
}
