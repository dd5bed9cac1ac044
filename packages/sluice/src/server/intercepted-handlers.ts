// Joins a chain of interceptors with a handler of each kind: what comes out is a handler again.
// Invariants: nothing is read or answered ahead of whoever iterates; header and trailer of the
// outermost answer are what the client gets; what breaks the chain's contract is an error of the
// server, never of the client.
// Not here: the chain (interceptor.ts).

import { Metadata } from '../grpc/metadata.ts';
import type { Messages } from '../transport/message-pump.ts';
import { CallbackBridge } from './callback-bridge.ts';
import type { CallHandler } from './callback-listener.ts';
import type { ServerContext } from './context.ts';
import { isGenerator, noMessage, responsesOf } from './handler-answers.ts';
import { InterceptedAnswers } from './intercepted-answers.ts';
import {
  runChain,
  type ServerInterceptor,
  type ServerRequest,
  type ServerResponse,
  type StreamServerRequest,
  type StreamServerResponse,
} from './interceptor.ts';
import type { BidiStreamingHandler, ClientStreamingHandler } from './streaming-handler.ts';
import type { ServerStreamingHandler, UnaryHandler } from './unary-handler.ts';

type Chain = readonly ServerInterceptor[];

// Interceptors handle messages of all methods and so know none of their types: what they hand on is
// theirs to answer for, and what does not fit shows in the handler or the codec.

/** A unary handler behind a chain. */
export function interceptUnary<I, O>(
  chain: Chain,
  handler: UnaryHandler<I, O>,
): UnaryHandler<I, O> {
  const last = async (request: ServerRequest): Promise<ServerResponse> => {
    const { context } = request;
    if (request.stream) throw wrongShape(context, 'handed on a stream for');
    const message = await handler(request.message as I, context);
    if (isGenerator(message)) throw noMessage(context.path);
    return { stream: false, header: context.header, message, trailer: context.trailer };
  };
  return async (message, context) => {
    const request: ServerRequest = { stream: false, method: context.method, context, message };
    const response = checked(await runChain(chain, 0, request, last), context);
    if (response.stream) throw wrongShape(context, 'answered with a stream for');
    context.replaceMetadata(response.header, response.trailer);
    return response.message as O;
  };
}

/** A server-streaming handler behind a chain. */
export function interceptServerStreaming<I, O>(
  chain: Chain,
  handler: ServerStreamingHandler<I, O>,
): ServerStreamingHandler<I, O> {
  const last = async (request: StreamServerRequest): Promise<ServerResponse> => {
    const message = await single(request.message, request.context, 'handed on');
    const { context } = request;
    return streamed(context, responsesOf(handler(message as I, context), context.path));
  };
  return (message, context) => answers<O>(chain, new OneMessage(message), context, last);
}

/** A client-streaming handler behind a chain. */
export function interceptClientStreaming<I, O>(
  chain: Chain,
  handler: ClientStreamingHandler<I, O>,
): ClientStreamingHandler<I, O> {
  const last = async ({ context, message }: StreamServerRequest): Promise<ServerResponse> => {
    const answer = await handler(message as AsyncIterable<I>, context);
    if (isGenerator(answer)) throw noMessage(context.path);
    return streamed(context, new OneMessage(answer));
  };
  return async (messages, context) => {
    const response = await streamResponse(chain, messages, context, last);
    return (await single(response.message, context, 'answered with')) as O;
  };
}

/** A bidirectional handler behind a chain. */
export function interceptBidiStreaming<I, O>(
  chain: Chain,
  handler: BidiStreamingHandler<I, O>,
): BidiStreamingHandler<I, O> {
  const last = async ({ context, message }: StreamServerRequest): Promise<ServerResponse> =>
    streamed(context, responsesOf(handler(message as AsyncIterable<I>, context), context.path));
  return (messages, context) => answers<O>(chain, messages, context, last);
}

/** A callback handler behind a chain; it becomes one of streams. */
export function interceptCallbacks(
  chain: Chain,
  handler: CallHandler,
): BidiStreamingHandler<Buffer, Uint8Array> {
  return (messages, context) => {
    const bridges: CallbackBridge[] = [];
    const last = async (request: StreamServerRequest): Promise<ServerResponse> => {
      const requests = request.message as AsyncIterable<Buffer>;
      const bridge = new CallbackBridge(handler, requests, request.context);
      bridges.push(bridge);
      return streamed(request.context, bridge);
    };
    // Of responses that an interceptor dropped the handler hears once the call is over.
    return answers<Uint8Array>(chain, messages, context, last, () => {
      for (const bridge of bridges.splice(0)) void bridge.return();
    });
  };
}

function answers<O>(
  chain: Chain,
  messages: AsyncIterable<unknown>,
  context: ServerContext,
  last: (request: StreamServerRequest) => Promise<ServerResponse>,
  onOver: () => void = nothing,
): InterceptedAnswers<O> {
  return new InterceptedAnswers(async () => {
    const response = await streamResponse(chain, messages, context, last);
    return response.message as AsyncIterable<O>;
  }, onOver);
}

function nothing(): void {}

async function streamResponse(
  chain: Chain,
  message: AsyncIterable<unknown>,
  context: ServerContext,
  last: (request: StreamServerRequest) => Promise<ServerResponse>,
): Promise<StreamServerResponse> {
  const request: ServerRequest = { stream: true, method: context.method, context, message };
  const answer = await runChain(chain, 0, request, async (inner) => {
    if (!inner.stream) throw wrongShape(context, 'handed on a single message for');
    return last(inner);
  });
  const response = checked(answer, context);
  if (!response.stream) throw wrongShape(context, 'answered with a single message for');
  context.replaceMetadata(response.header, response.trailer);
  return response;
}

function streamed(context: ServerContext, messages: Messages<unknown>): StreamServerResponse {
  const { header, trailer } = context;
  const message = Symbol.asyncIterator in messages ? messages : iterated(messages);
  return { stream: true, header, message, trailer };
}

async function* iterated(messages: Iterable<unknown>): AsyncGenerator<unknown, void, undefined> {
  yield* messages;
}

async function single(
  messages: AsyncIterable<unknown>,
  context: ServerContext,
  did: string,
): Promise<unknown> {
  let count = 0;
  let only: unknown;
  for await (const message of messages) {
    count += 1;
    only = message;
  }
  if (count === 1) return only;
  throw new TypeError(`an interceptor ${did} ${count} messages for ${context.path}; it takes one`);
}

// What programs without types answer with must not be found out when the status is due.
function checked(response: ServerResponse, context: ServerContext): ServerResponse {
  const given: Partial<ServerResponse> | undefined = response;
  if (given?.header instanceof Metadata && given.trailer instanceof Metadata) return response;
  throw new TypeError(`an interceptor of ${context.path} gave no response; return what next gave`);
}

function wrongShape(context: ServerContext, did: string): TypeError {
  const { path, kind } = context.method;
  return new TypeError(`an interceptor ${did} ${path}, which is ${kind}`);
}

/** An iterable of one message, as often as it is iterated over. */
class OneMessage implements AsyncIterable<unknown> {
  private readonly message: unknown;

  constructor(message: unknown) {
    this.message = message;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    yield this.message;
  }
}
