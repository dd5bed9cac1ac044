// Response headers and trailers that are more than the client takes (RFC 9113 §6.5.2).

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Metadata, Status, StatusError } from '#sluice/index.js';
import { cutStatus } from '#sluice/transport/response-status.js';
import { failureOf, Running, signal } from '../support/running.js';
import { request, ServerEnd } from '../support/server-end.js';

const PATH = '/test.Large/Status';
const OTHER = '/test.Large/Other';
const X = Buffer.from('x');

describe('a status that is more than the client takes', () => {
  const LONG = 'x'.repeat(5_000);

  it('keeps its code, the start of its details, and trailers that fit', () => {
    const trailers = ['a', 'b'];
    assert.equal(cutStatus(Status.ABORTED, LONG, trailers, 16_384), undefined);
    assert.equal(cutStatus(Status.ABORTED, LONG, trailers, 5_290), undefined);
    const cut = cutStatus(Status.ABORTED, LONG, trailers, 5_289);
    const why =
      "status and trailers of about 5290 bytes exceed the client's limit of 5289; send less";
    assert.deepEqual(cut, {
      code: Status.ABORTED,
      details: `${'x'.repeat(256)}... (cut: ${why})`,
      trailers,
    });
    const large = cutStatus(Status.ABORTED, LONG, ['a', LONG], 5_000);
    assert.equal(large?.code, Status.ABORTED);
    assert.deepEqual(large.trailers, []);
    assert.equal(cutStatus(Status.ABORTED, LONG, [], 300)?.details, '');
  });

  it('counts characters as they are encoded', () => {
    assert.equal(cutStatus(Status.ABORTED, '\u20ac'.repeat(100), [], 1_156), undefined);
    assert.notEqual(cutStatus(Status.ABORTED, '\u20ac'.repeat(100), [], 1_155), undefined);
  });

  it('is no success any more', () => {
    const cut = cutStatus(Status.OK, '', ['a', LONG], 2_000);
    assert.equal(cut?.code, Status.RESOURCE_EXHAUSTED);
    assert.match(cut.details, /^status and trailers of about 5289 bytes exceed the client/);
    assert.deepEqual(cut.trailers, []);
  });
});

it('a client that sets no limit is sent all of it', async () => {
  const end = await ServerEnd.ready();
  end.peer.headers(1, request(), { endStream: true });
  await end.settle();
  end.call().end(Status.ABORTED, 'x'.repeat(20_000));
  await end.settle();
  assert.equal(end.peer.field(1, 'grpc-message')?.length, 20_000);
  await end.finish();
});

describe('a handler that sends more than its client takes', () => {
  const running = new Running();
  const large = 'x'.repeat(200_000);

  afterEach(() => running.end());

  it('fails its own call; the others of the connection go on', async () => {
    const server = running.server();
    const begun = signal();
    const release = signal();
    let fail: (header: Metadata, trailer: Metadata) => void = () => {};
    server
      .unary(PATH, (message, { header, trailer }) => {
        fail(header, trailer);
        return message;
      })
      .unary(OTHER, async (message) => {
        begun.raise();
        await release.happened;
        return message;
      });
    const channel = await running.channelTo(server);
    const other = channel.unary(OTHER, X);
    await begun.happened;
    fail = () => {
      throw new StatusError(Status.NOT_FOUND, large);
    };
    const cut = await failureOf(channel.unary(PATH, X));
    assert.equal(cut.code, Status.NOT_FOUND);
    assert.match(cut.details, /^x{256}\.\.\. \(cut: status and trailers of about 200256 bytes/);
    fail = (_header, trailer) => trailer.set('x-large', large);
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.RESOURCE_EXHAUSTED);
    fail = (header) => header.set('x-large', large);
    const { code, details } = await failureOf(channel.unary(PATH, X));
    assert.equal(code, Status.RESOURCE_EXHAUSTED);
    assert.match(
      details,
      /^response headers of about 200\d+ bytes exceed the client's limit of 16384; send less metadata$/,
    );
    release.raise();
    assert.equal(String(await other), 'x');
    assert.equal(server.stats().limits['total-handlers']?.depth, 0);
  });

  it('a path that is more than the server takes fails its own call too', async () => {
    const server = running.server();
    server.unary(PATH, (message) => message);
    const channel = await running.channelTo(server);
    await channel.unary(PATH, X);
    const error = await failureOf(channel.unary(`${PATH}${large}`, X));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(channel.stats().connections.length, 1);
    assert.equal(String(await channel.unary(PATH, X)), 'x');
  });
});
