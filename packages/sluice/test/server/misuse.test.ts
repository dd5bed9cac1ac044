// What programs without types can get wrong on a server: an error where it was made or a call that
// fails, and never a call left open, another connection harmed or the process ended.

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type {
  CallHandler,
  Server,
  ServerInterceptor,
  ServerOptions,
  ServerResponse,
  Shedding,
  UnaryHandler,
} from '#sluice/index.js';
import { Status } from '#sluice/index.js';
import { failureOf, Running } from '../support/running.js';

const PATH = '/test.Misuse/Method';
const X = Buffer.from('x');
const IDLE = { onMessage() {}, onHalfClose() {}, onWritable() {}, onCancel() {} };
const pass: ServerInterceptor = (request, next) => next(request);

const running = new Running();

afterEach(() => running.end());

/** What `onHandlerError` is told of a call that fails with INTERNAL and leaves nothing behind. */
async function reported(options: ServerOptions, add: (server: Server) => void): Promise<string> {
  const errors: unknown[] = [];
  const onHandlerError = (error: unknown): unknown => errors.push(error);
  const server = running.server({ ...options, onHandlerError });
  add(server);
  const channel = await running.channelTo(server);
  const error = await failureOf(channel.unary(PATH, X));
  assert.deepEqual([error.code, error.details], [Status.INTERNAL, 'the handler failed']);
  assert.equal(server.stats().limits['total-handlers']?.depth, 0);
  assert.equal(server.stats().connections.length, 1);
  assert.equal(errors.length, 1);
  return String(errors[0]);
}

describe('a handler', () => {
  it('that is no function is refused when it is added', () => {
    const none = undefined as unknown as UnaryHandler;
    const server = running.server();
    const message = `the handler of ${PATH} is undefined; it must be a function`;
    assert.throws(() => server.unary(PATH, none), { name: 'TypeError', message });
    assert.throws(() => server.bidiStreaming(PATH, none as never), { message });
    assert.throws(() => server.handle(PATH, none as never), { message });
    const intercepted = running.server({ interceptors: [pass] });
    assert.throws(() => intercepted.serverStreaming(PATH, none as never), { message });
    assert.throws(() => intercepted.fallback(none as never), /the handler of the fallback is/);
  });

  for (const [where, interceptors] of [
    ['', []],
    [' behind an interceptor', [pass]],
  ] as const) {
    it(`of callbacks${where} that answers with none fails`, async () => {
      const none = (() => undefined) as unknown as CallHandler;
      const text = await reported({ interceptors }, (server) => server.handle(PATH, none));
      assert.equal(
        text,
        `TypeError: the handler of ${PATH} answered with undefined, not its callbacks`,
      );
    });

    it(`of callbacks${where} that ends with what is no status fails`, async () => {
      for (const [code, details] of [
        [{}, ''],
        [Status.OK, {}],
        [Status.ABORTED, new Error('x')],
      ]) {
        const text = await reported({ interceptors }, (server) =>
          server.handle(PATH, (call) => {
            call.end(code as Status, details as string);
            return IDLE;
          }),
        );
        assert.match(text, /^TypeError: the (code|details) of a status must be /);
      }
    });
  }
});

describe('an interceptor', () => {
  it('that is no function is refused: those behind it would never run', () => {
    const none = undefined as unknown as ServerInterceptor;
    assert.throws(() => running.server({ interceptors: [pass, none, pass] }), {
      name: 'TypeError',
      message: 'interceptors[1] is undefined; it must be a function',
    });
  });

  const answers: [string, (response: ServerResponse) => unknown][] = [
    ['nothing', () => undefined],
    ['a trailer that is no Metadata', (response) => ({ ...response, trailer: { a: 'b' } })],
    ['a header that is no Metadata', (response) => ({ ...response, header: undefined })],
  ];
  for (const [what, change] of answers) {
    it(`that answers with ${what} fails its call`, async () => {
      const changing: ServerInterceptor = async (request, next) =>
        change(await next(request)) as ServerResponse;
      for (const add of [
        (server: Server) => server.unary(PATH, (request) => request),
        (server: Server) => server.bidiStreaming(PATH, (requests) => requests),
      ]) {
        assert.equal(
          await reported({ interceptors: [changing] }, add),
          `TypeError: an interceptor of ${PATH} gave no response; return what next gave`,
        );
      }
    });
  }
});

describe('shedding', () => {
  for (const [what, answer] of [
    ['true', true],
    ['[object Promise]', Promise.resolve(undefined)],
  ] as const) {
    it(`that answers with ${what} refuses the call`, async () => {
      const shed = (() => answer) as unknown as Shedding;
      const text = await reported({ shed }, (server) => server.unary(PATH, (request) => request));
      assert.equal(
        text,
        `TypeError: shed answered with ${what}; it takes a StatusError or undefined`,
      );
    });
  }
});
