// The authority of single calls, and what is no authority.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { type Channel, type ChannelOptions, Status, StatusError } from '#sluice/index.js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Tenants/Who';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A channel to a server that answers with the authority it was called by. */
async function tenants(options: ChannelOptions = {}): Promise<Channel> {
  const server = running.server().unary(PATH, (_request, { authority }) => Buffer.from(authority));
  return await running.channelTo(server, options);
}

describe('the authority of a call', () => {
  it('is that of the option, and of the channel for calls without', async () => {
    const channel = await tenants({ authority: 'common.example' });
    assert.equal(String(await channel.unary(PATH, X, { authority: 'one.example' })), 'one.example');
    assert.equal(String(await channel.unary(PATH, X)), 'common.example');
    const two = await channel.unary(PATH, X, { authority: 'two.example:443' });
    assert.equal(String(two), 'two.example:443');
  });

  it('goes on every attempt of a call that is retried', async () => {
    const seen: string[] = [];
    const server = running.server().unary(PATH, (_request, { authority }) => {
      seen.push(authority);
      if (seen.length < 3) throw new StatusError(Status.UNAVAILABLE, 'again');
      return X;
    });
    const retryPolicy = {
      maxAttempts: 3,
      initialBackoff: '0.001s',
      maxBackoff: '0.001s',
      backoffMultiplier: 1,
      retryableStatusCodes: ['UNAVAILABLE'],
    };
    const channel = await running.channelTo(server, {
      serviceConfig: { methodConfig: [{ name: [{}], retryPolicy }] },
    });
    await channel.unary(PATH, X, { authority: 'one.example' });
    assert.deepEqual(seen, ['one.example', 'one.example', 'one.example']);
  });

  it('is what call credentials are asked for', async () => {
    const server = running.server().unary(PATH, () => X);
    const tls = { cert: SERVER_CERTIFICATE, key: SERVER_KEY };
    const { port } = await server.listen({ host: '127.0.0.1', tls });
    const asked: string[] = [];
    const channel = running.channel(`localhost:${port}`, {
      tls: { ca: CA_CERTIFICATE },
      credentials({ authority, serviceUrl }) {
        asked.push(authority, serviceUrl);
        throw new Error('enough');
      },
    });
    await failureOf(channel.unary(PATH, X, { authority: 'one.example:443' }));
    assert.deepEqual(asked, ['one.example:443', 'https://one.example/test.Tenants']);
  });

  it('is refused where it could not stand in a header, before anything is sent', async () => {
    const channel = await tenants();
    for (const authority of ['', 'a b', 'a/b', 'user@host', 'a\r\nb']) {
      await assert.rejects(channel.unary(PATH, X, { authority }), {
        name: 'TypeError',
        message: `authority is ${JSON.stringify(authority)}; it must be "host" or "host:port"`,
      });
    }
  });
});
