// The four kinds of calls as a channel offers them, by path with bytes or by method with messages.
// Invariant: a call without interceptors goes to the wire from here, and costs nothing for those
// that have some. Not here: the overloads that give these functions their types (channel.ts),
// interceptors (intercepted-call.ts), what a call does (call.ts).

import { StatusError } from '../grpc/status-error.ts';
import type { Messages } from '../transport/message-pump.ts';
import { beginCall, type CallTarget, methodOf, pathOf } from './begin-call.ts';
import { checkCallOptions, checkRequests } from './call-arguments.ts';
import type { CallPlacer } from './call-handle.ts';
import type { CallOptions } from './call-options.ts';
import { InterceptedCall, isIntercepted } from './intercepted-call.ts';
import { InterceptedStream, onlyMessage } from './intercepted-stream.ts';
import { pumpRequests } from './request-pump.ts';
import { ResponseStream } from './response-stream.ts';
import { encodeRequest } from './typed-messages.ts';
import { UnaryCall } from './unary-call.ts';

/** One request, one response. */
export function startUnary(
  placer: CallPlacer,
  target: CallTarget,
  request: unknown,
  options: CallOptions,
): Promise<unknown> {
  if (isIntercepted(placer, options)) {
    return interceptedUnary(placer, target, request, options);
  }
  return new Promise((resolve, reject) => {
    checkCallOptions(options);
    const method = methodOf(target, 'unary');
    const bytes = encodeRequest(method, request);
    const listener = new UnaryCall(method, options, resolve, reject);
    listener.begin(beginCall(placer, pathOf(target), options, listener), bytes);
  });
}

/** One request, many responses. */
export function startServerStreaming(
  placer: CallPlacer,
  target: CallTarget,
  request: unknown,
  options: CallOptions,
): AsyncIterableIterator<unknown> {
  if (isIntercepted(placer, options)) {
    const call = new InterceptedCall(placer, target, 'serverStreaming', options);
    return new InterceptedStream(call, [request]);
  }
  checkCallOptions(options);
  const method = methodOf(target, 'serverStreaming');
  const listener = new ResponseStream(method, options);
  let bytes: Uint8Array;
  try {
    bytes = encodeRequest(method, request);
  } catch (error) {
    // As of any call: an error of the iteration. A value that is no message is thrown here and now.
    if (!(error instanceof StatusError)) throw error;
    listener.refuse(error);
    return listener;
  }
  listener.begin(beginCall(placer, pathOf(target), options, listener), bytes);
  return listener;
}

/** Many requests, one response. */
export function startClientStreaming(
  placer: CallPlacer,
  target: CallTarget,
  requests: Messages<unknown>,
  options: CallOptions,
): Promise<unknown> {
  if (isIntercepted(placer, options)) {
    return interceptedClientStreaming(placer, target, requests, options);
  }
  return new Promise((resolve, reject) => {
    checkCallOptions(options);
    const method = methodOf(target, 'clientStreaming');
    checkRequests(requests, pathOf(target));
    const listener = new UnaryCall(method, options, resolve, reject);
    const call = beginCall(placer, pathOf(target), options, listener);
    listener.begin(call, undefined);
    pumpRequests(requests, method, call, listener);
  });
}

/** Many requests, many responses. */
export function startBidiStreaming(
  placer: CallPlacer,
  target: CallTarget,
  requests: Messages<unknown>,
  options: CallOptions,
): AsyncIterableIterator<unknown> {
  if (isIntercepted(placer, options)) {
    const call = new InterceptedCall(placer, target, 'bidiStreaming', options);
    checkRequests(requests, call.path);
    return new InterceptedStream(call, requests);
  }
  checkCallOptions(options);
  const method = methodOf(target, 'bidiStreaming');
  checkRequests(requests, pathOf(target));
  const listener = new ResponseStream(method, options);
  const call = beginCall(placer, pathOf(target), options, listener);
  listener.begin(call, undefined);
  pumpRequests(requests, method, call, listener);
  return listener;
}

// Async, so that misuse is a rejection here as well.

async function interceptedUnary(
  placer: CallPlacer,
  target: CallTarget,
  request: unknown,
  options: CallOptions,
): Promise<unknown> {
  return new InterceptedCall(placer, target, 'unary', options).unary(request);
}

async function interceptedClientStreaming(
  placer: CallPlacer,
  target: CallTarget,
  requests: Messages<unknown>,
  options: CallOptions,
): Promise<unknown> {
  const call = new InterceptedCall(placer, target, 'clientStreaming', options);
  checkRequests(requests, call.path);
  return onlyMessage(new InterceptedStream(call, requests));
}
