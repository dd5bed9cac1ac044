// What a caller can rely on: cancellation, leaving a stream, headers and trailers, requests that
// fail, one message where one was promised, the callback level, and the server's stream limit.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { afterEach, describe, it } from 'node:test';
import {
  type CallListener,
  type Channel,
  Metadata,
  type Server,
  Status,
  StatusError,
} from '#sluice/index.js';
import { failureOf, Running, signal } from '../support/running.js';

const PATH = '/test.Calls/Method';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

/** A handler that waits until its call is over, and tells when it began and when it was aborted. */
function hanging(server: Server): { started: Promise<void>; aborted: Promise<unknown> } {
  const started = signal();
  const aborted = signal<unknown>();
  server.unary(PATH, (_request, context) => {
    started.raise();
    return new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => {
        aborted.raise(context.signal.reason);
        reject(context.signal.reason);
      });
    });
  });
  return { started: started.happened, aborted: aborted.happened };
}

/** A server of any number of messages, and a promise that its generator was ended. */
function counting(server: Server): { ended: Promise<number> } {
  const ended = signal<number>();
  server.serverStreaming(PATH, async function* () {
    let sent = 0;
    try {
      for (;;) {
        yield Buffer.from(String(sent));
        sent += 1;
      }
    } finally {
      ended.raise(sent);
    }
  });
  return { ended: ended.happened };
}

describe('an AbortSignal', () => {
  it('that aborts cancels the call, on the server too', async () => {
    const server = running.server();
    const handler = hanging(server);
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    const call = failureOf(channel.unary(PATH, X, { signal: controller.signal }));
    await handler.started;
    controller.abort();
    const error = await call;
    assert.equal(error.code, Status.CANCELLED);
    assert.equal(error.details, 'the signal was aborted');
    await handler.aborted;
  });

  it('aborted before the call: nothing is sent, nothing connects', async () => {
    const channel = running.channel('localhost:1');
    const error = await failureOf(channel.unary(PATH, X, { signal: AbortSignal.abort() }));
    assert.equal(error.code, Status.CANCELLED);
    assert.equal(channel.state, 'IDLE');
  });

  it('keeps no listener once the call is over', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    const controller = new AbortController();
    for (let i = 0; i < 3; i += 1) await channel.unary(PATH, X, { signal: controller.signal });
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });
});

describe('a response stream', () => {
  it('that is left early cancels the call, on the server too', async () => {
    const server = running.server();
    const { ended } = counting(server);
    const channel = await running.channelTo(server);
    const taken: string[] = [];
    for await (const message of channel.serverStreaming(PATH, X)) {
      taken.push(String(message));
      if (taken.length === 3) break;
    }
    assert.deepEqual(taken, ['0', '1', '2']);
    await ended;
  });

  it('that throws out of its loop cancels the call as well', async () => {
    const server = running.server();
    const { ended } = counting(server);
    const channel = await running.channelTo(server);
    await assert.rejects(async () => {
      for await (const _message of channel.serverStreaming(PATH, X)) throw new Error('mine');
    }, /^Error: mine$/);
    await ended;
  });

  it('is done once it was left, and stays done', async () => {
    const server = running.server();
    const { ended } = counting(server);
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming(PATH, X);
    await stream.next();
    await stream.return?.();
    assert.deepEqual(await stream.next(), { value: undefined, done: true });
    await ended;
  });

  it('nobody reads is held back by its window: the handler stops', async () => {
    const server = running.server();
    const gate = signal();
    let sent = 0;
    server.serverStreaming(PATH, async function* () {
      for (; sent < 1_000; sent += 1) yield Buffer.alloc(10_000);
      gate.raise();
    });
    const channel = await running.channelTo(server, { staticWindows: true });
    const stream = channel.serverStreaming(PATH, X);
    assert.equal((await stream.next()).value?.length, 10_000);
    // Other calls go on meanwhile; by then the handler has sent what it could.
    const other = '/test.Calls/Other';
    server.unary(other, (request) => request);
    for (let i = 0; i < 50; i += 1) await channel.unary(other, X);
    const stopped = sent;
    for (let i = 0; i < 50; i += 1) await channel.unary(other, X);
    assert.equal(sent, stopped);
    // The stream's window, its write quota, and the messages at either end.
    assert.ok(stopped * 10_000 < 65_535 + 65_536 + 40_000, `${stopped} messages were sent`);
    let read = 1;
    for await (const message of stream) {
      assert.equal(message.length, 10_000);
      read += 1;
    }
    assert.equal(read, 1_000);
    await gate.happened;
  });

  it('may be asked for several messages at once', async () => {
    const server = running.server().serverStreaming(PATH, () => [X, X]);
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming(PATH, X);
    const results = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()]);
    assert.deepEqual(
      results.map(({ done }) => done),
      [false, false, true, true],
    );
  });

  it('throws its status once, behind the messages', async () => {
    const server = running.server().serverStreaming(PATH, function* () {
      yield X;
      throw new StatusError(Status.DATA_LOSS, 'half');
    });
    const channel = await running.channelTo(server);
    const stream = channel.serverStreaming(PATH, X);
    assert.equal(String((await stream.next()).value), 'x');
    assert.equal((await failureOf(stream.next())).code, Status.DATA_LOSS);
    assert.equal((await stream.next()).done, true);
  });
});

describe('onHeader and onTrailer', () => {
  it('are told once each, the headers before any message', async () => {
    const server = running.server().serverStreaming(PATH, function* (_request, context) {
      context.sendHeader(new Metadata([['x-first', 'header']]));
      context.trailer.set('x-last', 'trailer');
      yield X;
    });
    const channel = await running.channelTo(server);
    const events: string[] = [];
    const stream = channel.serverStreaming(PATH, X, {
      onHeader: (header) => events.push(`header ${header.get('x-first')}`),
      onTrailer: (trailer) => events.push(`trailer ${trailer.get('x-last')}`),
    });
    for await (const message of stream) events.push(String(message));
    // The trailers may be here before the last message was looked at.
    assert.equal(events[0], 'header header');
    assert.deepEqual(events.slice(1).sort(), ['trailer trailer', 'x']);
  });

  it('onTrailer comes before the error, and the error carries the trailers too', async () => {
    const server = running.server().unary(PATH, () => {
      throw new StatusError(Status.ABORTED, 'no', { metadata: new Metadata([['x-why', 'so']]) });
    });
    const channel = await running.channelTo(server);
    let seen: string | undefined;
    const error = await failureOf(
      channel.unary(PATH, X, {
        onTrailer: (trailer) => {
          seen = trailer.get('x-why');
        },
      }),
    );
    assert.equal(seen, 'so');
    assert.equal(error.metadata.get('x-why'), 'so');
  });
});

describe('a stream of requests', () => {
  it('that throws cancels the call; the caller gets its own error', async () => {
    const started = signal();
    const aborted = signal();
    const server = running.server().clientStreaming(PATH, async (requests, context) => {
      started.raise();
      context.signal.addEventListener('abort', () => aborted.raise());
      for await (const _request of requests);
      return X;
    });
    const channel = await running.channelTo(server);
    const requests = async function* (): AsyncGenerator<Buffer> {
      yield X;
      await started.happened;
      throw new Error('out of requests');
    };
    await assert.rejects(channel.clientStreaming(PATH, requests()), /^Error: out of requests$/);
    await aborted.happened;
  });

  it('that throws in a bidi call ends the iteration with its own error', async () => {
    const server = running.server().bidiStreaming(PATH, (requests) => requests);
    const channel = await running.channelTo(server);
    const answered = signal();
    const requests = async function* (): AsyncGenerator<Buffer> {
      yield X;
      await answered.happened;
      throw new Error('out of requests');
    };
    const stream = channel.bidiStreaming(PATH, requests());
    assert.equal(String((await stream.next()).value), 'x');
    answered.raise();
    await assert.rejects(stream.next(), /^Error: out of requests$/);
  });

  it('that has a message of the wrong type is refused with a TypeError', async () => {
    const server = running.server().clientStreaming(PATH, async (requests) => {
      for await (const _request of requests);
      return X;
    });
    const channel = await running.channelTo(server);
    const requests = ['text'] as unknown as Buffer[];
    await assert.rejects(channel.clientStreaming(PATH, requests), {
      name: 'TypeError',
      message: /a request must be a Uint8Array/,
    });
  });

  it('is ended when the server answers before it is through', async () => {
    const server = running.server().clientStreaming(PATH, () => Buffer.from('enough'));
    const channel = await running.channelTo(server);
    const ended = signal();
    const requests = async function* (): AsyncGenerator<Buffer> {
      try {
        for (;;) yield Buffer.alloc(1_000);
      } finally {
        ended.raise();
      }
    };
    assert.equal(String(await channel.clientStreaming(PATH, requests())), 'enough');
    await ended.happened;
  });

  it('goes no faster than the server reads', async () => {
    const read = signal();
    const server = running.server({ staticWindows: true });
    server.clientStreaming(PATH, async (requests) => {
      await read.happened;
      let count = 0;
      for await (const _request of requests) count += 1;
      return Buffer.from(String(count));
    });
    const other = '/test.Calls/Other';
    server.unary(other, (request) => request);
    const channel = await running.channelTo(server);
    let pulled = 0;
    const requests = function* (): Generator<Buffer> {
      for (; pulled < 1_000; pulled += 1) yield Buffer.alloc(10_000);
    };
    const answer = channel.clientStreaming(PATH, requests());
    for (let i = 0; i < 50; i += 1) await channel.unary(other, X);
    const stopped = pulled;
    for (let i = 0; i < 50; i += 1) await channel.unary(other, X);
    assert.equal(pulled, stopped);
    assert.ok(stopped * 10_000 < 65_535 + 65_536 + 40_000, `${stopped} messages were pulled`);
    read.raise();
    assert.equal(String(await answer), '1000');
  });
});

describe('one response message', () => {
  it('none at all with status OK is INTERNAL', async () => {
    const server = running.server().serverStreaming(PATH, () => []);
    const channel = await running.channelTo(server);
    for (const call of [channel.unary(PATH, X), channel.clientStreaming(PATH, [X])]) {
      const error = await failureOf(call);
      assert.equal(error.code, Status.INTERNAL);
      assert.equal(error.details, 'the server sent status OK without a message');
    }
  });

  it('two of them are INTERNAL', async () => {
    const server = running.server().serverStreaming(PATH, () => [X, X]);
    const channel = await running.channelTo(server);
    for (const call of [channel.unary(PATH, X), channel.clientStreaming(PATH, [X])]) {
      const error = await failureOf(call);
      assert.equal(error.code, Status.INTERNAL);
      assert.equal(error.details, 'the server sent more than one response message');
    }
  });

  it('followed by an error is the error', async () => {
    const server = running.server().serverStreaming(PATH, function* () {
      yield X;
      throw new StatusError(Status.ABORTED, 'after all');
    });
    const channel = await running.channelTo(server);
    assert.equal((await failureOf(channel.unary(PATH, X))).code, Status.ABORTED);
  });

  it('a request of the wrong type is refused with a TypeError', async () => {
    const server = running.server().unary(PATH, (request) => request);
    const channel = await running.channelTo(server);
    const text = 'text' as unknown as Buffer;
    await assert.rejects(channel.unary(PATH, text), {
      name: 'TypeError',
      message: /a request must be a Uint8Array/,
    });
  });
});

class Recorder implements CallListener {
  readonly events: string[] = [];
  readonly ended = signal();
  private waiters: { readonly event: string; readonly resolve: () => void }[] = [];

  private note(event: string): void {
    this.events.push(event);
    for (const waiter of this.waiters) if (waiter.event === event) waiter.resolve();
  }

  /** Resolves when the event happens next. */
  next(event: string): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push({ event, resolve });
    });
  }

  onHeader(): void {
    this.note('header');
  }

  onMessage(message: Buffer): void {
    this.note(`message ${message}`);
  }

  onWritable(): void {
    this.note('writable');
  }

  onEnd(code: Status, details: string): void {
    this.note(`end ${code} ${details}`.trimEnd());
    this.ended.raise();
  }
}

describe('the callback level', () => {
  async function echo(): Promise<Channel> {
    const server = running.server().bidiStreaming(PATH, (requests) => requests);
    const channel = await running.channelTo(server);
    await channel.ready();
    return channel;
  }

  it('gives messages only when they are asked for, then the end', async () => {
    const channel = await echo();
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    call.send(Buffer.from('a'));
    call.send(Buffer.from('b'));
    call.halfClose();
    const first = recorder.next('message a');
    call.request(1);
    await first;
    // The second message and the end are here by now or soon; neither is handed over.
    await channel.unary('/no/such', X).catch(() => {});
    assert.deepEqual(recorder.events, ['header', 'message a']);
    call.request(1);
    await recorder.ended.happened;
    assert.deepEqual(recorder.events, ['header', 'message a', 'message b', 'end 0']);
    assert.equal(call.isEnded, true);
  });

  it('send() says false past the quota, and onWritable follows', async () => {
    const channel = await echo();
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    const writable = recorder.next('writable');
    assert.equal(call.send(Buffer.alloc(10)), true);
    assert.equal(call.send(Buffer.alloc(100_000)), false);
    call.request(2);
    await writable;
    assert.equal(call.send(Buffer.alloc(10)), true);
    call.request(1);
    call.halfClose();
    await recorder.ended.happened;
    assert.equal(recorder.events.at(-1), 'end 0');
  });

  it('a writer that ignores false is stopped before it holds more than the queue may', async () => {
    const channel = await echo();
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    const message = Buffer.alloc(100_000);
    let sent = 0;
    while (!call.isEnded && sent < 1_000) {
      call.send(message);
      sent += 1;
    }
    await recorder.ended.happened;
    assert.ok(sent < 50, `${sent} messages of 100 kB were taken`);
    assert.match(recorder.events.at(-1) ?? '', /^end 8 refused by the queued-bytes limit: /);
  });

  it('cancel() ends the call once; what comes later is ignored', async () => {
    const channel = await echo();
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    call.send(X);
    call.cancel();
    call.cancel();
    call.send(X);
    call.halfClose();
    call.request(1);
    assert.deepEqual(recorder.events, ['end 1 cancelled by the caller']);
  });

  it('a call made while there is no connection waits, then may write', async () => {
    const server = running.server().bidiStreaming(PATH, (requests) => requests);
    const channel = await running.channelTo(server);
    const recorder = new Recorder();
    const call = channel.call(PATH, {}, recorder);
    const writable = recorder.next('writable');
    assert.equal(call.send(X), false);
    await writable;
    assert.equal(call.send(X), true);
    call.halfClose();
    call.request(3);
    await recorder.ended.happened;
    assert.deepEqual(recorder.events, ['writable', 'header', 'message x', 'message x', 'end 0']);
  });
});

describe('the stream limit of the server', () => {
  it('is waited for by the client and never passed on the server', async () => {
    let now = 0;
    let most = 0;
    const server = running.server({ limits: { streams: 5 } });
    server.unary(PATH, async (request) => {
      now += 1;
      most = Math.max(most, now);
      await new Promise(setImmediate);
      now -= 1;
      return request;
    });
    const channel = await running.channelTo(server);
    await Promise.all(Array.from({ length: 300 }, () => channel.unary(PATH, X)));
    assert.equal(most, 5);
    assert.equal(server.stats().limits.streams?.acted, 0);
  });

  it('is kept when calls are cancelled all the time', async () => {
    const server = running.server({ limits: { streams: 5 } });
    server.unary(PATH, async (request) => {
      await new Promise(setImmediate);
      return request;
    });
    const channel = await running.channelTo(server);
    await channel.ready();
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => {
        const controller = new AbortController();
        const call = channel.unary(PATH, X, { signal: controller.signal });
        if (i % 3 === 0) setImmediate(() => controller.abort());
        return call.then(
          () => Status.OK,
          (error: unknown) => (error instanceof StatusError ? error.code : -1),
        );
      }),
    );
    assert.ok(outcomes.every((code) => code === Status.OK || code === Status.CANCELLED));
    assert.equal(server.stats().limits.streams?.acted, 0);
  });
});
