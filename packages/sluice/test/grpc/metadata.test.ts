import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invalidBinKey, Metadata } from '#sluice/grpc/metadata.js';
import { mulberry32 } from '../support/random.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test('a key may have several values; get gives the first, set replaces them all', () => {
  const metadata = new Metadata();
  metadata.append('x-a', '1').append('x-b', '2').append('X-A', '3');
  assert.equal(metadata.get('x-a'), '1');
  assert.equal(metadata.get('X-a'), '1');
  assert.deepEqual(metadata.getAll('x-A'), ['1', '3']);
  assert.deepEqual([...metadata.keys()], ['x-a', 'x-b']);
  assert.equal(metadata.size, 3);
  metadata.set('x-a', '4');
  assert.deepEqual(
    [...metadata],
    [
      ['x-b', '2'],
      ['x-a', '4'],
    ],
  );
  assert.equal(metadata.has('X-B'), true);
  assert.equal(metadata.delete('X-B'), true);
  assert.equal(metadata.delete('x-b'), false);
  assert.equal(metadata.has('x-b'), false);
  assert.equal(metadata.get('x-b'), undefined);
  assert.deepEqual(metadata.getAll('x-b'), []);
});

test('metadata can be made from pairs, a record or other metadata', () => {
  const expected = [
    ['x-a', '1'],
    ['x-a', '2'],
    ['x-b-bin', Buffer.from([9])],
  ];
  const fromPairs = new Metadata([
    ['x-a', '1'],
    ['x-a', '2'],
    ['x-b-bin', bytes(9)],
  ]);
  const fromRecord = new Metadata({ 'x-a': ['1', '2'], 'x-b-bin': bytes(9) });
  assert.deepEqual([...fromPairs], expected);
  assert.deepEqual([...fromRecord], expected);
  assert.deepEqual([...new Metadata(fromRecord)], expected);
});

test('binary values travel as base64 without padding and come back as bytes', () => {
  const cases: [Uint8Array, string][] = [
    [bytes(), ''],
    [bytes(0), 'AA'],
    [bytes(0, 1), 'AAE'],
    [bytes(0, 1, 2), 'AAEC'],
    [bytes(0xfb, 0xff, 0xfe), '+//+'],
  ];
  for (const [value, text] of cases) {
    const metadata = new Metadata({ 'x-bin': value });
    assert.deepEqual(metadata.toFields(), ['x-bin', text]);
    assert.deepEqual(Uint8Array.from(metadata.get('x-bin') ?? []), value);
  }
});

test('random bytes survive the way through fields', () => {
  const random = mulberry32(7);
  for (let run = 0; run < 500; run++) {
    const values = Array.from({ length: 1 + (run % 3) }, () =>
      Buffer.from(Array.from({ length: Math.floor(random() * 40) }, () => random() * 256)),
    );
    const sent = new Metadata({ 'k-bin': values });
    assert.deepEqual(Metadata.fromFields(sent.toFields()).getAll('k-bin'), values);
    const list = values.map((value) => value.toString('base64')).join(run & 1 ? ',' : ' , ');
    assert.deepEqual(Metadata.fromFields(['k-bin', list]).getAll('k-bin'), values);
    assert.equal(invalidBinKey(['k-bin', list]), undefined);
  }
});

test('received binary values are accepted with and without padding, and as lists', () => {
  const metadata = Metadata.fromFields(['a-bin', 'AA==', 'a-bin', 'AAE=,AAEC , ', 'b-bin', 'AA']);
  assert.deepEqual(
    metadata.getAll('a-bin').map((value) => [...value]),
    [[0], [0, 1], [0, 1, 2], []],
  );
  assert.deepEqual([...(metadata.get('b-bin') ?? [])], [0]);
  assert.equal(metadata.get('a-bin')?.buffer.byteLength, 1);
});

test('a received binary value that is not base64 reads as absent and is found by name', () => {
  for (const bad of [
    'A',
    'AAAAA',
    'A===',
    'AA=',
    'AA=A',
    'A A=',
    '-_-_',
    'AA==AA==',
    '\u00e4AAA',
  ]) {
    const fields = ['x-ok-bin', 'AA', 'x-text', bad, 'x-bad-bin', bad];
    const metadata = Metadata.fromFields(fields);
    assert.equal(invalidBinKey(fields), 'x-bad-bin', bad);
    assert.equal(metadata.get('x-bad-bin'), undefined);
    assert.deepEqual(metadata.getAll('x-bad-bin'), []);
    assert.deepEqual([...metadata.keys()], ['x-ok-bin', 'x-text', 'x-bad-bin']);
    assert.equal([...metadata].length, 2);
    assert.equal(invalidBinKey(fields, 6), undefined);
  }
  assert.equal(invalidBinKey(['a-bin', 'AA,A']), 'a-bin');
});

test('received fields of the protocol do not show; user-agent does, and is not sent on', () => {
  const fields = [
    [':path', '/a/b'],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'grpc-go/1.85'],
    ['grpc-timeout', '1S'],
    ['grpc-accept-encoding', 'gzip'],
    ['grpc-trace-bin', 'AA'],
    ['x-a', '1'],
  ].flat();
  const metadata = Metadata.fromFields(fields);
  assert.deepEqual([...metadata.keys()], ['user-agent', 'grpc-trace-bin', 'x-a']);
  assert.equal(metadata.size, 3);
  assert.equal(metadata.get('user-agent'), 'grpc-go/1.85');
  for (const key of [':path', 'te', 'content-type', 'grpc-timeout']) {
    assert.equal(metadata.get(key), undefined);
    assert.equal(metadata.has(key), false);
    assert.deepEqual(metadata.getAll(key), []);
  }
  const sent = ['grpc-trace-bin', 'AA', 'x-a', '1'];
  assert.deepEqual(metadata.toFields(), sent);
  assert.deepEqual(metadata.clone().toFields(), sent);
  assert.deepEqual(new Metadata().merge(metadata).toFields(), sent);
  metadata.set('x-b', '2');
  assert.deepEqual(metadata.toFields(), [...sent, 'x-b', '2']);
  assert.equal(metadata.get('user-agent'), 'grpc-go/1.85');
});

test('received fields are never changed, and begin where it is said', () => {
  const fields: readonly string[] = Object.freeze([':status', '200', 'x-a', '1', 'x-b', '2']);
  const metadata = Metadata.fromFields(fields, 2);
  metadata.delete('x-a');
  metadata.append('x-c', '3');
  assert.deepEqual(metadata.toFields(), ['x-b', '2', 'x-c', '3']);
  assert.deepEqual(Metadata.fromFields(fields, 6).toFields(), []);
});

test('the fields to send do not change with the metadata they came from', () => {
  const metadata = new Metadata({ 'x-a': '1' });
  const fields = metadata.toFields();
  assert.equal(metadata.toFields(), fields);
  metadata.set('x-a', '2').append('x-b', '3');
  metadata.delete('x-b');
  assert.deepEqual(fields, ['x-a', '1']);
  assert.deepEqual(metadata.toFields(), ['x-a', '2']);
});

test('a clone and its original change independently', () => {
  const original = new Metadata({ 'x-a': '1' });
  const copy = original.clone();
  original.append('x-b', 'original');
  copy.append('x-b', 'copy');
  assert.equal(original.get('x-b'), 'original');
  assert.equal(copy.get('x-b'), 'copy');
});

test('merge appends, even metadata to itself', () => {
  const metadata = new Metadata({ 'x-a': '1' });
  metadata.merge(new Metadata({ 'x-a': '2', 'x-b': '3' }));
  assert.deepEqual(metadata.toFields(), ['x-a', '1', 'x-a', '2', 'x-b', '3']);
  metadata.merge(metadata);
  assert.equal(metadata.size, 6);
});

test('a key outside 0-9 a-z _ . - is turned away by name', () => {
  for (const key of ['', 'a b', 'a:b', ':path', 'a\n', '\u00e4', 'k\u0130', 'a/b']) {
    assert.throws(
      () => new Metadata().set(key, 'x'),
      (error: unknown) => error instanceof TypeError && error.message.includes(`"${key}"`),
      key,
    );
  }
});

test('keys of the protocol cannot be set, those that are metadata by design can', () => {
  const reserved = ['Content-Type', 'te', 'user-agent', 'connection', 'host', 'content-length'];
  reserved.push('grpc-status', 'GRPC-Timeout', 'grpc-encoding', 'grpc-anything');
  for (const key of reserved) {
    assert.throws(() => new Metadata().append(key, 'x'), /reserved/, key);
  }
  const metadata = new Metadata({ 'grpc-retry-pushback-ms': '10' });
  metadata.set('grpc-status-details-bin', bytes(1)).set('grpcx', 'y');
  assert.equal(metadata.size, 3);
});

test('a value of the wrong type or with unprintable characters is turned away by key', () => {
  const loose: { set(key: string, value: string | Uint8Array): unknown } = new Metadata();
  assert.throws(() => loose.set('x-a-bin', 'text'), /"x-a-bin" takes a Uint8Array/);
  assert.throws(() => loose.set('x-a', bytes(1)), /"x-a" takes a string/);
  for (const bad of ['a\nb', 'a\n', '\r\nx: y', 'caf\u00e9', '\u007f', 'a\tb', '\0']) {
    assert.throws(() => loose.set('x-a', bad), /"x-a" has a character.*"x-a-bin"/);
  }
  assert.deepEqual(new Metadata({ 'x-a': ' \t a  ~ ', 'x-b': '' }).toFields(), [
    'x-a',
    'a  ~',
    'x-b',
    '',
  ]);
});

test('__proto__ and constructor are keys like any other', () => {
  const metadata = Metadata.fromFields(['__proto__', '1', '__proto__', '2', 'constructor', '3']);
  assert.deepEqual(metadata.getAll('__proto__'), ['1', '2']);
  assert.equal(JSON.stringify(metadata), '{"__proto__":["1","2"],"constructor":["3"]}');
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
  metadata.set('__proto__', '4');
  assert.equal(metadata.get('__proto__'), '4');
  assert.equal(new Metadata().get('__proto__'), undefined);
  assert.equal(new Metadata().has('constructor'), false);
});
