import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  acceptEncoding,
  EncodingBit,
  encodingBit,
  parseAcceptEncoding,
} from '#sluice/grpc/compression-names.js';
import { contentSubtype, isGrpcContentType } from '#sluice/grpc/content-type.js';

test('content types of gRPC are told from others, with their subtype', () => {
  const cases: [string, string | undefined][] = [
    ['application/grpc', ''],
    ['application/grpc+proto', 'proto'],
    ['application/grpc+json', 'json'],
    ['Application/GRPC+Proto', 'proto'],
    ['application/grpc;charset=utf-8', ''],
    ['application/grpc ; charset=utf-8', ''],
    ['application/grpc+proto; charset=utf-8', 'proto'],
    ['application/grpc+', ''],
    ['application/grpc-web', undefined],
    ['application/grpc-web+proto', undefined],
    ['application/grpcx', undefined],
    ['application/json', undefined],
    ['text/html', undefined],
    [' application/grpc', undefined],
    ['', undefined],
  ];
  for (const [value, subtype] of cases) {
    assert.equal(contentSubtype(value), subtype, value);
    assert.equal(isGrpcContentType(value), subtype !== undefined, value);
  }
});

test('an accept list is read as the known encodings in it; identity is always accepted', () => {
  const { identity, gzip, deflate } = EncodingBit;
  const cases: [string, number][] = [
    [acceptEncoding(), identity | gzip | deflate],
    ['', identity],
    ['gzip', identity | gzip],
    ['identity, deflate ,gzip', identity | gzip | deflate],
    ['br,zstd,deflate', identity | deflate],
    ['GZIP,__proto__,toString', identity],
    [acceptEncoding(), identity | gzip | deflate],
  ];
  for (const [list, mask] of cases) {
    assert.equal(parseAcceptEncoding(list), mask, list);
    assert.equal(parseAcceptEncoding(list), mask, `${list} again`);
  }
});

test('only the encodings that can be decoded are known', () => {
  for (const name of ['identity', 'gzip', 'deflate']) assert.ok(encodingBit(name) !== 0);
  for (const name of ['', 'br', 'Gzip', 'snappy', '__proto__']) {
    assert.equal(encodingBit(name), 0);
  }
});
