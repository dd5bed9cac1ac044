// Metadata between this package and the runtime below it: what is kept, what is left out.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata as Original } from '@grpc/grpc-js';
import { Metadata } from '@sluice/grpc-js/build/src/metadata';
import { fromSluice, isMetadata, toSluice } from '@sluice/grpc-js/build/src/metadata-bridge';
import { Metadata as SluiceMetadata } from 'sluice';

function made(fill: (metadata: Metadata) => void): Metadata {
  const metadata = new Metadata();
  fill(metadata);
  return metadata;
}

test('the fields to send are flat, in order, with bytes as base64 without padding', () => {
  const metadata = made((m) => {
    m.add('K', '1');
    m.add('k', '2');
    m.add('x', 'y');
    m.add('b-bin', Buffer.from([1]));
    m.add('b-bin', Buffer.from([1, 2]));
    m.add('b-bin', Buffer.from([1, 2, 3]));
    m.add('b-bin', Buffer.alloc(0));
  });
  assert.deepEqual(toSluice(metadata).toFields(), [
    ...['k', '1', 'k', '2', 'x', 'y'],
    ...['b-bin', 'AQ', 'b-bin', 'AQI', 'b-bin', 'AQID', 'b-bin', ''],
  ]);
});

test('fields of the protocol, names with a colon and missing values are not sent', () => {
  const metadata = made((m) => {
    m.set(':path', '/forged');
    m.set('a:b', 'v');
    m.set('content-type', 'text/html');
    m.set('te', 'x');
    m.set('grpc-timeout', '1S');
    m.set('grpc-status', '0');
    m.set('host', 'h');
    m.set('connection', 'close');
    m.set('user-agent', 'mine');
    // What plain JavaScript can pass.
    m.set('missing', undefined as unknown as string);
    m.set('nothing-bin', null as unknown as Buffer);
    m.set('grpc-custom', 'v');
  });
  assert.deepEqual(toSluice(metadata).toFields(), ['grpc-custom', 'v']);
});

test('spaces around a text are not sent, those inside are', () => {
  const metadata = made((m) => {
    m.add('k', '  a  b ');
    m.add('k', '   ');
    m.add('k', '');
  });
  assert.deepEqual(toSluice(metadata).toFields(), ['k', 'a  b', 'k', '', 'k', '']);
});

test('what is sent does not change with the metadata it was made from', () => {
  const metadata = made((m) => m.set('k', '1'));
  const sent = toSluice(metadata);
  metadata.add('k', '2');
  assert.deepEqual(sent.toFields(), ['k', '1']);
  assert.equal(toSluice(new Metadata()).size, 0);
});

test('metadata of another copy of the package are sent too', () => {
  const original = new Original();
  original.set('k', 'v');
  // A class of another package: alike in what is public, another to the compiler.
  const metadata = original as unknown as Metadata;
  assert.ok(isMetadata(metadata));
  assert.deepEqual(toSluice(metadata).toFields(), ['k', 'v']);
});

test('only metadata are taken for metadata', () => {
  assert.ok(isMetadata(new Metadata()));
  class Mine extends Metadata {}
  assert.ok(isMetadata(new Mine()));
  for (const other of [undefined, null, {}, new Map(), 'text', { internalRepr: new Map() }]) {
    assert.ok(!isMetadata(other));
  }
});

test('received texts of a key are joined, received bytes are one by one', () => {
  const received = SluiceMetadata.fromFields([
    ...['content-type', 'application/grpc'],
    ...['k', '1', 'x', 'y', 'k', '2, 3'],
    ...['b-bin', 'AQ==,Ag', 'b-bin', 'AwQ'],
    ...['set-cookie', 'a=1', 'set-cookie', 'b=2'],
    ...['cookie', 'a=1', 'cookie', 'b=2'],
    ...['authorization', 'Bearer first', 'authorization', 'Bearer second'],
    ...['user-agent', 'theirs'],
  ]);
  assert.deepEqual(fromSluice(received).toJSON(), {
    k: ['1, 2, 3'],
    x: ['y'],
    'b-bin': [Buffer.from([1]), Buffer.from([2]), Buffer.from([3, 4])],
    'set-cookie': ['a=1', 'b=2'],
    cookie: ['a=1; b=2'],
    authorization: ['Bearer first'],
    'user-agent': ['theirs'],
  });
});

test('received bytes of a key of gRPC are one value: the first', () => {
  const received = SluiceMetadata.fromFields([
    ...['grpc-status-details-bin', 'AQ==', 'grpc-status-details-bin', 'Ag=='],
    ...['grpc-x-bin', 'AQ==,Ag=='],
  ]);
  assert.deepEqual(fromSluice(received).toJSON(), {
    'grpc-status-details-bin': [Buffer.from([1])],
    'grpc-x-bin': [Buffer.from([1])],
  });
});

test('received fields of the protocol alone are empty metadata', () => {
  const received = SluiceMetadata.fromFields([
    'content-type',
    'application/grpc',
    'te',
    'trailers',
  ]);
  assert.deepEqual(fromSluice(received), new Metadata());
  assert.deepEqual(fromSluice(new SluiceMetadata()), new Metadata());
});

test('a received key may be one that objects inherit', () => {
  const received = SluiceMetadata.fromFields(['__proto__', 'v', 'constructor', 'w']);
  const metadata = fromSluice(received);
  assert.deepEqual(metadata.get('__proto__'), ['v']);
  assert.deepEqual(metadata.get('constructor'), ['w']);
});
