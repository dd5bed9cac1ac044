// Call credentials: what they are told, what becomes of their metadata and of their failures, and
// that nothing of them goes over a plain connection (gRFC A54).

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  type CallCredentials,
  type CredentialsRequest,
  combineCredentials,
} from '#sluice/channel/call-credentials.js';
import { type Channel, type ChannelOptions, Metadata, Status, StatusError } from '#sluice/index.js';
import { CA_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY } from '../support/certificates.js';
import { failureOf, messagesOf, Running, signal } from '../support/running.js';

const PATH = '/test.Vault/Open';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A channel over TLS to a server that answers with what it was sent under `key`. */
async function vault(options: ChannelOptions = {}): Promise<Channel> {
  const server = running.server().unary(PATH, (_request, { metadata }) => {
    return Buffer.from(metadata.getAll('key').join());
  });
  const tls = { cert: SERVER_CERTIFICATE, key: SERVER_KEY };
  const { port } = await server.listen({ host: '127.0.0.1', tls });
  return running.channel(`localhost:${port}`, { tls: { ca: CA_CERTIFICATE }, ...options });
}

function key(value: string): CallCredentials {
  return () => new Metadata({ key: value });
}

describe('call credentials', () => {
  it('give metadata behind that of the call: first those of the channel, then its own', async () => {
    const channel = await vault({ credentials: key('b') });
    const metadata = new Metadata({ key: 'a' });
    const credentials = combineCredentials(key('c'), async () => new Metadata({ key: 'd' }));
    assert.equal(String(await channel.unary(PATH, X, { metadata, credentials })), 'a,b,c,d');
    assert.equal(String(await channel.unary(PATH, X)), 'b');
    assert.deepEqual([...metadata], [['key', 'a']]);
  });

  it('that fail later end no process, whatever another throws at once', async () => {
    const rejections: unknown[] = [];
    const onRejection = (error: unknown): void => void rejections.push(error);
    process.on('unhandledRejection', onRejection);
    const atOnce = (): never => {
      throw new StatusError(Status.UNAVAILABLE, 'at once');
    };
    for (const isCombined of [false, true]) {
      let failLate = (_error: Error): void => {};
      const late = new Promise<Metadata>((_resolve, reject) => {
        failLate = reject;
      });
      const channel = await vault(isCombined ? {} : { credentials: () => late });
      const credentials = isCombined ? combineCredentials(() => late, atOnce) : atOnce;
      const { details } = await failureOf(channel.unary(PATH, X, { credentials }));
      assert.equal(details, 'at once');
      failLate(new Error('later'));
      await new Promise(setImmediate);
    }
    process.off('unhandledRejection', onRejection);
    assert.deepEqual(rejections, []);
  });

  it('are told the call and the audience of its service', async () => {
    const channel = await vault({ authority: 'localhost:443' });
    const told: CredentialsRequest[] = [];
    const credentials: CallCredentials = (call) => {
      told.push(call);
      return new Metadata();
    };
    await channel.unary(PATH, X, { credentials });
    const serviceUrl = 'https://localhost/test.Vault';
    assert.deepEqual(told, [{ path: PATH, authority: 'localhost:443', serviceUrl }]);
  });

  it('are not asked for on a plain connection, and the call is not made', async () => {
    const server = running.server().unary(PATH, () => X);
    const channel = await running.channelTo(server);
    const credentials = (): never => assert.fail('they were asked for');
    const error = await failureOf(channel.unary(PATH, X, { credentials }));
    assert.equal(error.code, Status.UNAUTHENTICATED);
    assert.equal(
      error.details,
      'call credentials are sent over TLS only; connect with tls or send metadata instead',
    );
  });

  for (const [given, credentials, expected] of [
    [
      'an error',
      () => Promise.reject(new Error('no token')),
      '16 call credentials failed: no token',
    ],
    [
      'what is no Metadata',
      () => JSON.parse('{}'),
      '16 call credentials failed: they gave object instead of Metadata',
    ],
    [
      'nothing',
      () => JSON.parse('[]')[0],
      '16 call credentials failed: they gave nothing instead of Metadata',
    ],
    [
      'a key of the protocol',
      () => new Metadata({ 'grpc-timeout': '1S' }),
      /^16 call credentials failed: .*grpc-timeout/,
    ],
    [
      'a status that clients may use',
      () => Promise.reject(new StatusError(Status.UNAVAILABLE, 'no token service')),
      '14 no token service',
    ],
    [
      'a status that only servers may use',
      () => Promise.reject(new StatusError(Status.NOT_FOUND, 'no token')),
      '13 call credentials failed with NOT_FOUND, which is for servers: no token',
    ],
  ] as const) {
    it(`that end in ${given} end the call`, async () => {
      const channel = await vault();
      const { code, details } = await failureOf(channel.unary(PATH, X, { credentials }));
      const text = `${code} ${details}`;
      if (typeof expected === 'string') assert.equal(text, expected);
      else assert.match(text, expected);
    });
  }

  it('that take too long meet the deadline, and the signal', async () => {
    const channel = await vault();
    const asked = signal();
    const credentials = (): Promise<Metadata> => {
      asked.raise();
      return new Promise(() => {});
    };
    const late = await failureOf(channel.unary(PATH, X, { credentials, timeoutMs: 1 }));
    assert.equal(late.code, Status.DEADLINE_EXCEEDED);
    assert.match(
      late.details,
      /^deadline of 1 ms exceeded; waited \d+ ms for call credentials, which are being made; /,
    );
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { credentials, signal: controller.signal }));
    await asked.happened;
    controller.abort();
    assert.equal((await call).code, Status.CANCELLED);
  });

  it('that hang end with the channel', async () => {
    const channel = await vault({ credentials: () => new Promise(() => {}) });
    const call = failureOf(channel.unary(PATH, X));
    await channel.close();
    const { code, details } = await call;
    assert.deepEqual([code, details], [Status.UNAVAILABLE, 'the channel was closed']);
  });

  it('that hang hold no more calls and bytes than a line may', async () => {
    const gate = signal<Metadata>();
    const credentials = (): Promise<Metadata> => gate.happened;
    const limits = { waitingCalls: 2, waitingBytes: 1_000 };
    const channel = await vault({ credentials, limits });
    const waiting = [channel.unary(PATH, X)];
    const bytes = await failureOf(channel.unary(PATH, Buffer.alloc(1_000)));
    assert.match(bytes.details, /^refused by the waiting-bytes limit: 1 of 1000 bytes wait/);
    waiting.push(channel.unary(PATH, X));
    const refused = await failureOf(channel.unary(PATH, X));
    assert.equal(refused.code, Status.RESOURCE_EXHAUSTED);
    assert.equal(
      refused.details,
      'refused by the waiting-calls limit: 2 of 2 calls wait already (call credentials are being made); slow down or raise limits.waitingCalls',
    );
    gate.raise(new Metadata({ key: 'late' }));
    assert.deepEqual((await Promise.all(waiting)).map(String), ['late', 'late']);
  });

  it('are awaited before a stream is begun; what is written meanwhile is sent', async () => {
    const gate = signal<Metadata>();
    const server = running.server().bidiStreaming(PATH, async function* (requests, context) {
      yield Buffer.from(String(context.metadata.get('key')));
      yield* requests;
    });
    const tls = { cert: SERVER_CERTIFICATE, key: SERVER_KEY };
    const { port } = await server.listen({ host: '127.0.0.1', tls });
    const channel = running.channel(`localhost:${port}`, { tls: { ca: CA_CERTIFICATE } });
    const options = { credentials: () => gate.happened };
    const stream = channel.bidiStreaming(PATH, [X, X], options);
    const first = stream.next();
    gate.raise(new Metadata({ key: 'k' }));
    assert.equal(String((await first).value), 'k');
    assert.deepEqual((await messagesOf(stream)).map(String), ['x', 'x']);
  });
});
