// Handlers whose call is over before they are: whoever waits for a request hears of it, whatever it
// was that ended the call.

import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { afterEach, it } from 'node:test';
import { type ServerContext, Status, StatusError } from '#sluice/index.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Calls/Method';
const X = Buffer.from('x');
const running = new Running();

afterEach(() => running.end());

it('a handler that an interceptor answered for is told when it reads on', async () => {
  const heard = signal<unknown>();
  const server = running.server({
    interceptors: [
      (request, next) => {
        next(request).catch(() => {});
        throw new StatusError(Status.ABORTED, 'answered already');
      },
    ],
  });
  server.clientStreaming(PATH, async (requests) => {
    try {
      for await (const _ of requests);
    } catch (error) {
      heard.raise(error);
    }
    return X;
  });
  const channel = await running.channelTo(server);
  const end = signal();
  const requests = (async function* () {
    await end.happened;
    yield X;
  })();
  const error = await failureOf(channel.clientStreaming(PATH, requests));
  assert.equal(error.message, '10 ABORTED: answered already');
  assert.equal(String(await heard.happened), 'StatusError: 1 CANCELLED: the call has ended');
  end.raise();
});

it('a handler that asks for a request of which only a part came is told', async () => {
  const begun = signal<ServerContext>();
  const arrived = signal();
  const heard = signal<unknown>();
  const server = running.server();
  server.clientStreaming(PATH, async (requests, context) => {
    begun.raise(context);
    await arrived.happened;
    try {
      for await (const _ of requests);
    } catch (error) {
      heard.raise(error);
    }
    return X;
  });
  const { port } = await server.listen({ host: '127.0.0.1' });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': PATH,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  stream.resume();
  stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
  await begun.happened;
  // Its answer comes behind what was sent before it.
  session.ping(() => arrived.raise());
  assert.equal(String(await heard.happened), 'StatusError: 1 CANCELLED: the client is gone');
  const closed = new Promise((resolve) => session.once('close', resolve));
  session.close();
  await closed;
});
