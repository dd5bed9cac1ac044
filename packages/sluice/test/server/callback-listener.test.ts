// A handler with callbacks: what its callbacks throw ends its own call and nothing else.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import {
  type CallHandler,
  type Server,
  type ServerCall,
  type ServerStreamListener,
  Status,
} from '#sluice/index.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Callbacks/Method';
const ECHO = '/test.Callbacks/Echo';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A handler whose callbacks do what is given, and nothing otherwise. */
function handler(change: (call: ServerCall) => Partial<ServerStreamListener>): CallHandler {
  return (call) => {
    call.request(2);
    return { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel() {}, ...change(call) };
  };
}

function handlersOf(server: Server): number | undefined {
  return server.stats().limits.handlers?.depth;
}

describe('a callback that throws', () => {
  const thrown = new Error('secret of the server');
  const fail = (): void => {
    throw thrown;
  };
  const cases: readonly (readonly [string, CallHandler])[] = [
    ['onMessage', handler(() => ({ onMessage: fail }))],
    ['onHalfClose', handler(() => ({ onHalfClose: fail }))],
    [
      'onWritable',
      handler((call) => ({
        onMessage: () => {
          while (call.send(Buffer.alloc(10_000))) {}
        },
        onWritable: fail,
      })),
    ],
  ];
  for (const [name, handle] of cases) {
    it(`${name}: the call ends with INTERNAL, its slot is free, the connection goes on`, async () => {
      const errors: unknown[] = [];
      const server = running.server({ onHandlerError: (error) => errors.push(error) });
      server.handle(PATH, handle).unary(ECHO, (request) => request);
      const channel = await running.channelTo(server);
      const other = channel.unary(ECHO, Buffer.alloc(100_000));
      const failure = await failureOf(drained(channel.serverStreaming(PATH, X)));
      assert.equal(failure.code, Status.INTERNAL);
      assert.deepEqual(errors, [thrown]);
      assert.equal((await other).length, 100_000);
      assert.equal(handlersOf(server), 0);
      assert.equal(server.stats().connections.length, 1);
    });
  }

  it('onCancel: its slot is free', async () => {
    const begun = signal();
    const over = signal<string>();
    const server = running.server({ onHandlerError() {} });
    const onCancel = (reason: string): void => {
      over.raise(reason);
      throw thrown;
    };
    server.handle(
      PATH,
      handler(() => ({ onMessage: () => begun.raise(), onCancel })),
    );
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    await begun.happened;
    controller.abort();
    assert.equal((await call).code, Status.CANCELLED);
    assert.equal(await over.happened, 'the peer reset the stream with CANCEL');
    assert.equal(handlersOf(server), 0);
  });
});

describe('a call that ends while its handler begins', () => {
  /** Ends with a status once it hears that the call is over, as handlers do. */
  function serve(
    server: Server,
    begin: (call: ServerCall) => void,
  ): { over: ReturnType<typeof signal<string>> } {
    const over = signal<string>();
    server.handle(PATH, (call) => {
      begin(call);
      const onCancel = (reason: string): void => {
        over.raise(reason);
        call.end(Status.CANCELLED);
      };
      return { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel };
    });
    return { over };
  }

  it('because its connection is closed: the callbacks hear of it, the slot is free', async () => {
    const server = running.server();
    const { over } = serve(server, () => void server.close());
    const channel = await running.channelTo(server);
    const call = failureOf(channel.unary(PATH, X));
    assert.equal(await over.happened, 'the server was closed');
    assert.equal((await call).code, Status.UNAVAILABLE);
    assert.equal(server.stats().limits['total-handlers']?.depth, 0);
  });

  it('because it writes on and on: the callbacks hear of it, the slot is free', async () => {
    const server = running.server();
    const { over } = serve(server, (call) => {
      for (let i = 0; i < 100; i += 1) call.send(Buffer.alloc(100_000));
    });
    const channel = await running.channelTo(server);
    const error = await failureOf(drained(channel.serverStreaming(PATH, X)));
    assert.equal(error.code, Status.RESOURCE_EXHAUSTED);
    assert.match(await over.happened, /^refused by the queued-bytes limit: /);
    assert.equal(server.stats().limits['total-handlers']?.depth, 0);
  });
});

describe('a reporter of errors that throws', () => {
  it('is heard of by the process; the call has its status and its slot is free', async () => {
    const broken = new Error('the reporter broke');
    const uncaught = signal<unknown>();
    process.setUncaughtExceptionCaptureCallback(uncaught.raise);
    try {
      const server = running.server({
        onHandlerError() {
          throw broken;
        },
      });
      server.unary(PATH, () => {
        throw new Error('the handler broke');
      });
      const channel = await running.channelTo(server);
      assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.INTERNAL);
      assert.equal(await uncaught.happened, broken);
      assert.equal(handlersOf(server), 0);
    } finally {
      process.setUncaughtExceptionCaptureCallback(null);
    }
  });
});

async function drained(stream: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const message of stream) bytes += message.length;
  return bytes;
}
