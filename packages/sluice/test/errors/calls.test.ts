// "Deadlines and cancellation" and "Credentials" of docs/errors.md, with what interceptors of a client
// do wrong: calls of a channel over real sockets.

import assert from 'node:assert/strict';
import { afterEach, describe, it, mock } from 'node:test';
import { ClientCall } from '#sluice/channel/call.js';
import {
  type CallRequest,
  type CallResponse,
  type Channel,
  type ClientInterceptor,
  Status,
  type StatusError,
} from '#sluice/index.js';
import { failureOf, messagesOf, Running, signal } from '../support/running.js';
import { assertListed, listed } from './listed.js';

const PATH = '/test.Calls/Echo';
const HANG = '/test.Calls/Hang';
const STREAM = '/test.Calls/Stream';
const X = Buffer.from('x');

const running = new Running();

afterEach(() => running.end());

async function echo(): Promise<Channel> {
  const server = running.server();
  server.unary(PATH, (request) => request).bidiStreaming(STREAM, (requests) => requests);
  server.unary(HANG, (request, { signal: gone }) => {
    return new Promise((resolve) => gone.addEventListener('abort', () => resolve(request)));
  });
  const channel = await running.channelTo(server);
  await channel.ready();
  return channel;
}

/** A request for ever. */
async function* endless(): AsyncGenerator<Buffer> {
  for (;;) yield X;
}

describe('the reasons for which calls are cancelled', () => {
  /** With which details this cancels its call. */
  async function cancelled(act: (channel: Channel) => Promise<unknown>): Promise<string> {
    const channel = await echo();
    const cancel = mock.method(ClientCall.prototype, 'cancel');
    try {
      await act(channel);
    } finally {
      cancel.mock.restore();
    }
    return cancel.mock.calls[0]?.arguments[0] ?? '';
  }

  const mine = /^Error: mine$/;
  const fail = (): never => {
    throw new Error('mine');
  };

  it('onPeer threw', async () => {
    const reason = await cancelled((channel) =>
      assert.rejects(channel.unary(PATH, X, { onPeer: fail }), mine),
    );
    assertListed(reason, 'onPeer threw');
  });

  it('onHeader threw', async () => {
    const reason = await cancelled((channel) =>
      assert.rejects(channel.unary(PATH, X, { onHeader: fail }), mine),
    );
    assertListed(reason, 'onHeader threw');
  });

  it('the request stream failed', async () => {
    const reason = await cancelled((channel) =>
      assert.rejects(messagesOf(channel.bidiStreaming(STREAM, { [Symbol.iterator]: fail })), mine),
    );
    assertListed(reason, 'the request stream failed');
  });

  it('the caller left the iteration', async () => {
    const reason = await cancelled(async (channel) => {
      for await (const _message of channel.bidiStreaming(STREAM, endless())) break;
    });
    assertListed(reason, 'the caller left the iteration');
  });

  it('the signal was aborted, before the call or under way', async () => {
    const channel = await echo();
    const early = await failureOf(channel.unary(PATH, X, { signal: AbortSignal.abort() }));
    assertListed(early.details, 'the signal was aborted before the call');
    const controller = new AbortController();
    const call = failureOf(channel.unary(HANG, X, { signal: controller.signal }));
    controller.abort();
    const late = await call;
    assertListed(late.details, 'the signal was aborted');
    assert.deepEqual([early.code, late.code], [Status.CANCELLED, Status.CANCELLED]);
  });

  it('the deadline, before the call or under way', async () => {
    const channel = await echo();
    const early = await failureOf(channel.unary(PATH, X, { timeoutMs: 0 }));
    assertListed(early.details, 'the deadline had passed before the call');
    const late = await failureOf(channel.unary(HANG, X, { timeoutMs: 20 }));
    assertListed(late.details, 'deadline of <n> ms exceeded; waited <n> ms for <what>');
    const codes = [early.code, late.code];
    assert.deepEqual(codes, [Status.DEADLINE_EXCEEDED, Status.DEADLINE_EXCEEDED]);
  });
});

describe('an interceptor', () => {
  /** An attempt whose end nobody waits for, seen by the interceptor that made it. */
  function watched(): {
    attempt(response: Promise<CallResponse>): void;
    seen: Promise<StatusError>;
  } {
    const seen = signal<StatusError>();
    return {
      attempt: (response) => void failureOf(response).then(seen.raise),
      seen: seen.happened,
    };
  }

  function toHang(request: CallRequest): CallRequest {
    return { ...request, method: { ...request.method, path: HANG } };
  }

  it('sees that the call was answered without its attempt', async () => {
    const channel = await echo();
    const { attempt, seen } = watched();
    const twice: ClientInterceptor = (request, next) => {
      attempt(next(toHang(request)));
      return next(request);
    };
    await channel.unary(PATH, X, { interceptors: [twice] });
    const { code, details } = await seen;
    assertListed(details, 'the call was answered without it');
    assert.equal(code, Status.CANCELLED);
  });

  it('that throws beside its attempt', async () => {
    const channel = await echo();
    const { attempt, seen } = watched();
    const throwing: ClientInterceptor = (request, next) => {
      attempt(next(toHang(request)));
      throw new Error('mine');
    };
    const stream = channel.bidiStreaming(STREAM, endless(), { interceptors: [throwing] });
    await assert.rejects(stream.next(), /^Error: mine$/);
    const { code, details } = await seen;
    assertListed(details, 'an interceptor or onHeader threw');
    assert.equal(code, Status.CANCELLED);
  });

  it('that works on when the call is over makes no attempt', async () => {
    const channel = await echo();
    const { attempt, seen } = watched();
    const over = signal();
    const slow: ClientInterceptor = async (request, next) => {
      await over.happened;
      attempt(next(request));
      return new Promise(() => {});
    };
    const late = await failureOf(channel.unary(PATH, X, { interceptors: [slow], timeoutMs: 5 }));
    assertListed(late.details, 'deadline of <n> ms exceeded; an interceptor was still at work');
    assert.equal(late.code, Status.DEADLINE_EXCEEDED);
    over.raise();
    const { code, details } = await seen;
    assertListed(details, 'the call ended before its interceptors');
    assert.equal(code, Status.CANCELLED);
  });

  it('that works on when the signal was aborted', async () => {
    const channel = await echo();
    const controller = new AbortController();
    const stuck: ClientInterceptor = () => new Promise(() => {});
    const options = { interceptors: [stuck], signal: controller.signal };
    const call = failureOf(channel.unary(PATH, X, options));
    controller.abort();
    const { code, details } = await call;
    assertListed(details, 'the signal was aborted; an interceptor was still at work');
    assert.equal(code, Status.CANCELLED);
  });

  const wrong = (interceptor: unknown): { interceptors: ClientInterceptor[] } => ({
    interceptors: [interceptor as ClientInterceptor],
  });
  const other: ClientInterceptor = async (request, next) => {
    const { header, trailer } = await next(request);
    return request.stream
      ? { stream: false, header, trailer, message: X }
      : { stream: true, header, trailer, message: endless() };
  };
  const otherRequest: ClientInterceptor = (request, next) =>
    next(
      request.stream
        ? { ...request, stream: false, message: X }
        : { ...request, stream: true, message: endless() },
    );

  it('that answers with what the call is not', async () => {
    const channel = await echo();
    const text = 'an interceptor of <path> must answer with stream: <true or false>, as next does';
    const misuse = { name: 'TypeError', message: listed(text) };
    await assert.rejects(channel.unary(PATH, X, wrong(other)), misuse);
    await assert.rejects(messagesOf(channel.bidiStreaming(STREAM, [X], wrong(other))), misuse);
  });

  it('that hands on what the call is not', async () => {
    const channel = await echo();
    const text = 'next was given a request with stream: <true or false>; <path> is <kind>';
    const misuse = { name: 'TypeError', message: listed(text) };
    await assert.rejects(channel.unary(PATH, X, wrong(otherRequest)), misuse);
    const stream = channel.bidiStreaming(STREAM, [X], wrong(otherRequest));
    await assert.rejects(messagesOf(stream), misuse);
  });

  it('that gives nothing', async () => {
    const channel = await echo();
    await assert.rejects(
      channel.unary(
        PATH,
        X,
        wrong(async () => {}),
      ),
      {
        name: 'TypeError',
        message: listed('an interceptor of <path> gave no response; return what next gave'),
      },
    );
  });

  it('that sends requests twice which can be iterated once', async () => {
    const channel = await echo();
    const twice: ClientInterceptor = async (request, next) => {
      const first = await next(request);
      if (first.stream) await messagesOf(first.message);
      const second = await next(request);
      if (second.stream) await messagesOf(second.message);
      return second;
    };
    async function* once(): AsyncGenerator<Buffer> {
      yield X;
    }
    await assert.rejects(messagesOf(channel.bidiStreaming(STREAM, once(), wrong(twice))), {
      name: 'TypeError',
      message: listed(
        'the requests of <path> can be iterated once only; to send them again, make the call with an array or keep them in the interceptor',
      ),
    });
  });
});
