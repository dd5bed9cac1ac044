// The handlers of a service: their types, derived from its definition, and how they are found on
// the object that has them.
// Invariants: a handler keeps its object as `this`; a name that the service does not have is an
// error where it can only be a mistake, on a plain object.
// Not here: service definitions (service/).

import type { MethodTypesOf } from '../service/any-service.ts';
import type { MethodTypes } from '../service/method-types.ts';
import type { ServiceMethod } from '../service/service-method.ts';
import type { ServerContext } from './context.ts';
import type { BidiStreamingHandler, ClientStreamingHandler } from './streaming-handler.ts';
import type { ServerStreamingHandler, UnaryHandler } from './unary-handler.ts';

/**
 * The handlers of a service, by the local names of its methods; a plain object or an instance of a
 * class. What is left out answers UNIMPLEMENTED, or goes to the fallback.
 */
export type ServiceHandlers<S> = {
  readonly [K in keyof MethodTypesOf<S>]?: HandlerOf<MethodTypesOf<S>[K]> | undefined;
};

/** The handler of one method. */
export type HandlerOf<M> = M extends MethodTypes
  ? [M['kind']] extends ['unary']
    ? UnaryHandler<M['request'], M['responseInit']>
    : [M['kind']] extends ['serverStreaming']
      ? ServerStreamingHandler<M['request'], M['responseInit']>
      : [M['kind']] extends ['clientStreaming']
        ? ClientStreamingHandler<M['request'], M['responseInit']>
        : [M['kind']] extends ['bidiStreaming']
          ? BidiStreamingHandler<M['request'], M['responseInit']>
          : UntypedHandler
  : never;

/**
 * Where a definition's types do not tell the kind (@grpc/proto-loader without generated types): the
 * handler has to know whether it is given a message or an AsyncIterable of messages.
 */
export type UntypedHandler = UntypedMethod['handle'];

interface UntypedMethod {
  // A method and no property: its parameter may be narrowed by who writes the handler.
  handle(request: unknown, context: ServerContext): unknown;
}

/** A method and what was found for it, bound to its object. */
export interface FoundHandler {
  readonly method: ServiceMethod;
  readonly handler: (request: unknown, context: ServerContext) => unknown;
}

/**
 * Finds the handlers of a service's methods on `handlers`.
 * @throws TypeError if it has a name that the service does not have (on a plain object), something
 * under a method's name that is no function, or no handler at all
 */
export function handlersOf(methods: readonly ServiceMethod[], handlers: object): FoundHandler[] {
  const found: FoundHandler[] = [];
  for (const method of methods) {
    for (const name of [method.name, method.alias]) {
      const member: unknown = name === undefined ? undefined : Reflect.get(handlers, name);
      if (name === undefined || member === undefined) continue;
      if (typeof member !== 'function') {
        throw new TypeError(`the handler of ${name} is ${typeof member}; it must be a function`);
      }
      found.push({ method, handler: member.bind(handlers) });
      break;
    }
  }
  checkNames(methods, handlers, found.length);
  return found;
}

function checkNames(methods: readonly ServiceMethod[], handlers: object, foundCount: number): void {
  const known = new Set(methods.flatMap(({ name, alias }) => [name, alias]));
  const names = methods.map(({ name }) => name).join(', ');
  if (isPlain(handlers)) {
    const unknown = Object.keys(handlers).find((name) => !known.has(name));
    if (unknown !== undefined) {
      throw new TypeError(`the service has no method ${unknown}; it has ${names}`);
    }
  } else if (foundCount === 0) {
    throw new TypeError(`no method of the service has a handler; it has ${names}`);
  }
}

// Instances of classes have members of their own beside their handlers.
function isPlain(handlers: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(handlers);
  return prototype === null || prototype === Object.prototype;
}
