// Client interceptors around calls of every kind: what they see and may change, answers and attempts
// of their own, and what ends them.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { ChildCall, ParentCall } from '#sluice/channel/call-options.js';
import type { CallRequest, CallResponse, ClientInterceptor } from '#sluice/channel/interceptor.js';
import { type Channel, Metadata, Status, StatusError } from '#sluice/index.js';
import { jsonMethod } from '../support/json-method.js';
import { failureOf, messagesOf, Running, signal } from '../support/running.js';

const PATH = '/test.Calls/Method';
const TYPED = jsonMethod<{ n: number }, { n: number }>(PATH, 'unary');
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** Changes each message of a stream, and notes how the iteration ended. */
async function* mapped(
  messages: AsyncIterable<unknown>,
  change: (message: unknown) => unknown,
  ended: () => void = () => {},
): AsyncGenerator<unknown> {
  try {
    for await (const message of messages) yield change(message);
  } finally {
    ended();
  }
}

const marked = (mark: string) => (message: unknown) => Buffer.from(`${message}${mark}`);

/** Puts a mark behind every message that passes, in either direction. */
function marking(mark: string): ClientInterceptor {
  return async (request, next) => {
    const change = marked(mark);
    const response = await next(
      request.stream
        ? { ...request, message: mapped(request.message, change) }
        : { ...request, message: change(request.message) },
    );
    return response.stream
      ? { ...response, message: mapped(response.message, change) }
      : { ...response, message: change(response.message) };
  };
}

function withMetadata(request: CallRequest, key: string, value: string): CallRequest {
  const metadata = request.options.metadata?.clone() ?? new Metadata();
  return { ...request, options: { ...request.options, metadata: metadata.append(key, value) } };
}

async function echo(): Promise<Channel> {
  const server = running.server();
  server.unary(PATH, (request) => request);
  server.bidiStreaming('/test.Calls/Bidi', (requests) => requests);
  server.serverStreaming('/test.Calls/Server', (request) => [request, request]);
  server.clientStreaming('/test.Calls/Client', async (requests) => {
    return Buffer.concat(await messagesOf(requests));
  });
  return running.channelTo(server);
}

/** A server whose streams go on for ever, and a promise that one was ended by its client. */
async function endless(): Promise<{ channel: Channel; ended: Promise<void> }> {
  const ended = signal();
  const server = running.server().bidiStreaming(PATH, async function* () {
    try {
      for (;;) yield X;
    } finally {
      ended.raise();
    }
  });
  return { channel: await running.channelTo(server), ended: ended.happened };
}

describe('interceptors', () => {
  it('see a unary call as its caller does, and change what is sent and given', async () => {
    const server = running.server().unary(PATH, (request, context) => {
      context.sendHeader(new Metadata({ 'x-header': 'h' }));
      context.trailer.set('x-trailer', `${context.metadata.get('x-added')}`);
      return request;
    });
    const seen: unknown[] = [];
    const interceptor: ClientInterceptor = async (request, next) => {
      assert.ok(!request.stream);
      seen.push(request.method, Object.keys(request.options), request.message);
      const added = withMetadata({ ...request, message: { n: 2 } }, 'x-added', 'a');
      const response = await next(added);
      assert.ok(!response.stream);
      seen.push(response.message, response.header.get('x-header'));
      seen.push(response.trailer.get('x-trailer'));
      const trailer = new Metadata({ 'x-trailer': 'changed' });
      return { ...response, message: { n: 3 }, trailer };
    };
    const channel = await running.channelTo(server, { interceptors: [interceptor] });
    const told: unknown[] = [];
    const answer = await channel.unary(
      TYPED,
      { n: 1 },
      {
        timeoutMs: 60_000,
        onHeader: (header) => told.push(header.get('x-header')),
        onTrailer: (trailer) => told.push(trailer.get('x-trailer')),
      },
    );
    assert.deepEqual(answer, { n: 3 });
    const method = { path: PATH, kind: 'unary' };
    assert.deepEqual(seen, [method, ['timeoutMs'], { n: 1 }, { n: 2 }, 'h', 'a']);
    assert.deepEqual(told, ['h', 'changed']);
  });

  it('run in order: those of the channel outside, those of the call inside', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server, { interceptors: [marking('1'), marking('2')] });
    const options = { interceptors: [marking('3')] };
    assert.equal(String(await channel.unary(PATH, X, options)), 'x123321');
    assert.equal(String(await channel.unary(PATH, X)), 'x1221');
  });

  it('pass the messages of every kind of stream', async () => {
    const channel = await echo();
    const options = { interceptors: [marking('.')] };
    const many = [Buffer.from('a'), Buffer.from('b')];
    const bidi = await messagesOf(channel.bidiStreaming('/test.Calls/Bidi', many, options));
    assert.deepEqual(bidi.map(String), ['a..', 'b..']);
    const server = await messagesOf(channel.serverStreaming('/test.Calls/Server', X, options));
    assert.deepEqual(server.map(String), ['x..', 'x..']);
    const one = await channel.clientStreaming('/test.Calls/Client', many, options);
    assert.equal(String(one), 'a.b..');
  });

  it('see the headers of a stream before its messages, and its trailers behind them', async () => {
    const server = running.server().serverStreaming(PATH, (_request, context) => {
      context.sendHeader(new Metadata({ 'x-header': 'h' }));
      context.trailer.set('x-trailer', 't');
      return [X];
    });
    const seen: unknown[] = [];
    const interceptor: ClientInterceptor = async (request, next) => {
      const response = await next(request);
      assert.ok(response.stream);
      seen.push(response.header.get('x-header'), response.trailer.size);
      const ended = (): void => {
        seen.push(response.trailer.get('x-trailer'));
      };
      return { ...response, message: mapped(response.message, (message) => message, ended) };
    };
    const channel = await running.channelTo(server, { interceptors: [interceptor] });
    const stream = channel.serverStreaming(PATH, X, {
      onHeader: (header) => seen.push(header.get('x-header')),
      onTrailer: (trailer) => seen.push(trailer.get('x-trailer')),
    });
    await messagesOf(stream);
    assert.deepEqual(seen, ['h', 0, 'h', 't', 't']);
  });

  it('may answer without making the call', async () => {
    const channel = running.channel('127.0.0.1:1');
    const empty = { header: new Metadata(), trailer: new Metadata() };
    const interceptors: ClientInterceptor[] = [
      async (request): Promise<CallResponse> =>
        request.stream
          ? { stream: true, ...empty, message: mapped(request.message, marked('!')) }
          : { stream: false, ...empty, message: marked('!')(request.message) },
    ];
    const options = { interceptors };
    assert.equal(String(await channel.unary(PATH, X, options)), 'x!');
    const stream = await messagesOf(channel.bidiStreaming(PATH, [X, X], options));
    assert.deepEqual(stream.map(String), ['x!', 'x!']);
    assert.equal(String(await channel.clientStreaming(PATH, [X], options)), 'x!');
  });

  it('fail the call with what they throw, as it is', async () => {
    const channel = await echo();
    const error = new Error('mine');
    for (const interceptors of [
      [(): never => assert.fail(error)],
      [() => Promise.reject(error)],
      [marking('.'), () => Promise.reject(error)],
    ]) {
      const same = (thrown: unknown): boolean => thrown === error;
      await assert.rejects(channel.unary(PATH, X, { interceptors }), same);
      await assert.rejects(channel.clientStreaming(PATH, [X], { interceptors }), same);
      const stream = channel.bidiStreaming(PATH, [X], { interceptors });
      await assert.rejects(stream.next(), same);
      assert.deepEqual(await stream.next(), { value: undefined, done: true });
    }
    const silent: ClientInterceptor = () => Promise.resolve(JSON.parse('null'));
    await assert.rejects(channel.unary(PATH, X, { interceptors: [silent] }), {
      name: 'TypeError',
      message: `an interceptor of ${PATH} gave no response; return what next gave`,
    });
  });

  it('see how a call failed, and may fail it otherwise', async () => {
    const server = running.server().unary(PATH, () => {
      throw new StatusError(Status.NOT_FOUND, 'no such thing');
    });
    server.serverStreaming('/test.Calls/Server', () => {
      throw new StatusError(Status.NOT_FOUND, 'no such thing');
    });
    const interceptor: ClientInterceptor = async (request, next) => {
      try {
        return await next(request);
      } catch (error) {
        assert.ok(error instanceof StatusError);
        throw new StatusError(Status.UNAVAILABLE, `after ${error.details}`);
      }
    };
    const channel = await running.channelTo(server, { interceptors: [interceptor] });
    const text = '14 UNAVAILABLE: after no such thing';
    assert.equal((await failureOf(channel.unary(PATH, X))).message, text);
    // No header came: the stream failed as a whole, where it could be tried again.
    const stream = channel.serverStreaming('/test.Calls/Server', X);
    assert.equal((await failureOf(stream.next())).message, text);
  });

  it('leave no stream behind that they do not answer with', async () => {
    const { channel, ended } = await endless();
    const picky: ClientInterceptor = async (request, next) => {
      await next(request);
      throw new Error('not that one');
    };
    const stream = channel.bidiStreaming(PATH, [], { interceptors: [picky] });
    await assert.rejects(stream.next(), /not that one/);
    await ended;
  });
});

describe('an interceptor that calls next again', () => {
  const again: ClientInterceptor = async (request, next) => {
    try {
      return await next(request);
    } catch {
      return next(request);
    }
  };

  it('tries a unary call again', async () => {
    let calls = 0;
    const server = running.server().unary(PATH, (request) => {
      calls += 1;
      if (calls === 1) throw new StatusError(Status.UNAVAILABLE, 'once');
      return request;
    });
    const channel = await running.channelTo(server, { interceptors: [again] });
    assert.equal(String(await channel.unary(PATH, X)), 'x');
    assert.equal(calls, 2);
  });

  /** A server that fails the first stream after its first request. */
  async function failingOnce(): Promise<Channel> {
    let calls = 0;
    const server = running.server().clientStreaming(PATH, async (requests) => {
      calls += 1;
      for await (const _request of requests) {
        if (calls === 1) throw new StatusError(Status.UNAVAILABLE, 'once');
      }
      return X;
    });
    return running.channelTo(server, { interceptors: [again] });
  }

  it('tries a stream again whose requests can be iterated again', async () => {
    const channel = await failingOnce();
    assert.equal(String(await channel.clientStreaming(PATH, [X, X])), 'x');
  });

  it('is told when they cannot', async () => {
    function* once(): Generator<Buffer> {
      yield X;
    }
    async function* onceAsync(): AsyncGenerator<Buffer> {
      yield X;
    }
    for (const requests of [once(), onceAsync()]) {
      const channel = await failingOnce();
      await assert.rejects(channel.clientStreaming(PATH, requests), {
        name: 'TypeError',
        message: `the requests of ${PATH} can be iterated once only; to send them again, make the call with an array or keep them in the interceptor`,
      });
    }
  });

  it('has no more time than the call', async () => {
    const left: number[] = [];
    const server = running.server().unary(PATH, (_request, { remainingMs }) => {
      left.push(remainingMs ?? 0);
      throw new StatusError(Status.UNAVAILABLE, 'always');
    });
    const slowly: ClientInterceptor = async (request, next) => {
      try {
        return await next(request);
      } catch {
        for (const start = performance.now(); performance.now() < start + 20; );
        return next(request);
      }
    };
    const channel = await running.channelTo(server, { interceptors: [slowly] });
    await failureOf(channel.unary(PATH, X, { timeoutMs: 3_600_000 }));
    assert.equal(left.length, 2);
    assert.ok((left[1] ?? 0) <= 3_600_000 - 20, `${left[1]} ms`);
  });
});

describe('a stream with interceptors', () => {
  it('that is left early cancels the call, and ends what interceptors iterate over', async () => {
    const { channel, ended } = await endless();
    const left = signal();
    const interceptor: ClientInterceptor = async (request, next) => {
      const response = await next(request);
      assert.ok(response.stream);
      return { ...response, message: mapped(response.message, (message) => message, left.raise) };
    };
    let taken = 0;
    for await (const _message of channel.bidiStreaming(PATH, [], { interceptors: [interceptor] })) {
      taken += 1;
      if (taken === 3) break;
    }
    await Promise.all([ended, left.happened]);
  });

  it('that is left before its first message cancels the call', async () => {
    const { channel, ended } = await endless();
    const answered = signal();
    const interceptor: ClientInterceptor = async (request, next) => {
      const response = await next(request);
      answered.raise();
      assert.ok(response.stream);
      return { ...response, message: mapped(response.message, (message) => message) };
    };
    const stream = channel.bidiStreaming(PATH, [], { interceptors: [interceptor] });
    await answered.happened;
    await stream.return?.();
    await ended;
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
  });

  it('that is left while interceptors are at work is not made any more', async () => {
    let served = 0;
    const server = running.server().bidiStreaming(PATH, (requests) => {
      served += 1;
      return requests;
    });
    const gate = signal();
    const tried = signal<StatusError>();
    const interceptor: ClientInterceptor = async (request, next) => {
      await gate.happened;
      const attempt = next(request);
      tried.raise(await failureOf(attempt));
      return attempt;
    };
    const channel = await running.channelTo(server);
    const stream = channel.bidiStreaming(PATH, [X], { interceptors: [interceptor] });
    await stream.return?.();
    gate.raise();
    assert.equal((await tried.happened).message, '1 CANCELLED: the caller left the iteration');
    assert.equal(served, 0);
  });

  it('reads no message ahead: a caller who does not read holds the handler back', async () => {
    let sent = 0;
    const server = running.server().serverStreaming(PATH, async function* () {
      for (; sent < 1_000; sent += 1) yield Buffer.alloc(10_000);
    });
    const other = '/test.Calls/Other';
    server.unary(other, (request) => request);
    const channel = await running.channelTo(server, { staticWindows: true });
    const interceptor: ClientInterceptor = async (request, next) => {
      const response = await next(request);
      assert.ok(response.stream);
      return { ...response, message: mapped(response.message, (message) => message) };
    };
    const stream = channel.serverStreaming(PATH, X, { interceptors: [interceptor] });
    await stream.next();
    for (let i = 0; i < 20; i += 1) await channel.unary(other, X);
    assert.ok(sent < 100, `${sent} were sent`);
    await stream.return?.();
  });

  it('pulls no request ahead: a server that does not read holds the caller back', async () => {
    const gate = signal();
    const server = running.server().clientStreaming(PATH, async (requests) => {
      await gate.happened;
      await messagesOf(requests);
      return X;
    });
    const other = '/test.Calls/Other';
    server.unary(other, (request) => request);
    const channel = await running.channelTo(server);
    let pulled = 0;
    function* requests(): Generator<Buffer> {
      for (; pulled < 1_000; pulled += 1) yield Buffer.alloc(10_000);
    }
    const pass: ClientInterceptor = (request, next) => {
      assert.ok(request.stream);
      return next({ ...request, message: mapped(request.message, (message) => message) });
    };
    const call = channel.clientStreaming(PATH, requests(), { interceptors: [pass] });
    for (let i = 0; i < 20; i += 1) await channel.unary(other, X);
    assert.ok(pulled < 100, `${pulled} were pulled`);
    gate.raise();
    await call;
    assert.equal(pulled, 1_000);
  });

  it('that nobody iterates over fails without an unhandled rejection', async () => {
    const channel = running.channel('127.0.0.1:1');
    const interceptors = [() => Promise.reject(new Error('mine'))];
    channel.bidiStreaming(PATH, [X], { interceptors });
    await new Promise(setImmediate);
  });

  it('sends the error of its requests to its caller', async () => {
    const channel = await echo();
    function* failing(): Generator<Buffer> {
      yield X;
      throw new Error('my requests');
    }
    const options = { interceptors: [marking('.')] };
    const call = channel.clientStreaming('/test.Calls/Client', failing(), options);
    await assert.rejects(call, /^Error: my requests$/);
  });

  it('has one message where a client streams, no more and no less', async () => {
    const server = running.server();
    server.bidiStreaming(PATH, (requests) => requests);
    const options = { interceptors: [marking('.')] };
    const channel = await running.channelTo(server);
    const none = await failureOf(channel.clientStreaming(PATH, [], options));
    assert.equal(none.message, '13 INTERNAL: the server sent status OK without a message');
    const two = await failureOf(channel.clientStreaming(PATH, [X, X, X], options));
    assert.equal(two.message, '13 INTERNAL: the server sent more than one response message');
  });
});

describe('an interceptor that does not come back', () => {
  const stuck: ClientInterceptor = () => new Promise(() => {});

  it('meets the deadline of the call', async () => {
    const channel = await running.channelTo(running.server(), { interceptors: [stuck] });
    const text = 'deadline of 5 ms exceeded; an interceptor was still at work';
    const unary = await failureOf(channel.unary(PATH, X, { timeoutMs: 5 }));
    assert.equal(unary.code, Status.DEADLINE_EXCEEDED);
    assert.equal(unary.details, text);
    const stream = channel.serverStreaming(PATH, X, { timeoutMs: 5 });
    assert.equal((await failureOf(stream.next())).details, text);
  });

  it('meets the signal of the call', async () => {
    const channel = await running.channelTo(running.server(), { interceptors: [stuck] });
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    controller.abort();
    const { code, details } = await call;
    assert.equal(code, Status.CANCELLED);
    assert.equal(details, 'the signal was aborted; an interceptor was still at work');
    const late = await failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    assert.equal(
      late.details,
      'the signal was aborted before the call; an interceptor was still at work',
    );
  });

  it('meets the end and the deadline of the parent call', async () => {
    const channel = await running.channelTo(running.server(), { interceptors: [stuck] });
    const parent: ParentCall & { child: ChildCall | undefined } = {
      child: undefined,
      deadline: undefined,
      follow(child) {
        this.child = child;
      },
      unfollow() {
        this.child = undefined;
      },
    };
    const call = failureOf(channel.unary(PATH, X, { parent }));
    parent.child?.cancel('gone');
    const text = 'the parent call was cancelled: gone; an interceptor was still at work';
    assert.equal((await call).details, text);
    assert.equal(parent.child, undefined);
    const late = { ...parent, deadline: new Date(Date.now() + 5) };
    const error = await failureOf(channel.unary(PATH, X, { parent: late }));
    assert.match(error.details, /^deadline of \d+ ms exceeded; an interceptor was still at work$/);
  });

  it('has the last word on an attempt that met its deadline', async () => {
    const server = running.server().unary(PATH, () => new Promise(() => {}));
    const fallback: ClientInterceptor = async (request, next) => {
      try {
        return await next(request);
      } catch {
        const empty = { header: new Metadata(), trailer: new Metadata() };
        return { stream: false, ...empty, message: Buffer.from('cached') };
      }
    };
    const channel = await running.channelTo(server, { interceptors: [fallback] });
    assert.equal(String(await channel.unary(PATH, X, { timeoutMs: 5 })), 'cached');
  });
});
