// Which handler a call goes to: by its path, else to the fallback.
// Invariants: a path has one handler; routes may be added while the server listens, and are looked
// up for each call; interceptors are around every handler that is found here.

import type { Method } from '../grpc/method.ts';
import { type AnyService, serviceMethods } from '../service/any-service.ts';
import type { CallHandler } from './callback-listener.ts';
import type { ServerContext } from './context.ts';
import {
  interceptBidiStreaming,
  interceptCallbacks,
  interceptClientStreaming,
  interceptServerStreaming,
  interceptUnary,
} from './intercepted-handlers.ts';
import type { ServerInterceptor } from './interceptor.ts';
import {
  BidiStreamingRoute,
  CallbackRoute,
  ClientStreamingRoute,
  type Route,
  ServerStreamingRoute,
  UnaryRoute,
} from './route.ts';
import {
  byteMethod,
  checkPath,
  type MethodOptions,
  type MethodTarget,
  servedMethod,
} from './served-method.ts';
import { handlersOf } from './service-handlers.ts';
import type { BidiStreamingHandler, ClientStreamingHandler } from './streaming-handler.ts';
import type { ServerStreamingHandler, UnaryHandler } from './unary-handler.ts';

/** The routes of a server. */
export class Router {
  /** In the order they were added. */
  readonly services: AnyService[];
  private readonly routes: Map<string, Route>;
  private readonly interceptors: readonly ServerInterceptor[];
  private readonly defaults: MethodOptions;
  private fallbackHandler: CallHandler | undefined;

  /** @param defaults settings of methods that have none of their own */
  constructor(interceptors: readonly ServerInterceptor[], defaults: MethodOptions) {
    this.services = [];
    this.routes = new Map();
    // What is around a handler never changes: a list that grew later would guard some and not others.
    this.interceptors = [...interceptors];
    this.defaults = defaults;
    this.fallbackHandler = undefined;
  }

  /** The route of a call; undefined when nobody serves it. */
  find(path: string): Route | undefined {
    const route = this.routes.get(path);
    if (route !== undefined || this.fallbackHandler === undefined) return route;
    return this.callbacks(path, this.fallbackHandler, this.defaults);
  }

  /** Whether a handler was added for this path; the fallback is none. */
  isRegistered(path: string): boolean {
    return this.routes.has(path);
  }

  /** Throws for a path that is taken. */
  addUnary<I, O>(
    target: MethodTarget<I, O>,
    handler: UnaryHandler<I, O>,
    options: MethodOptions | undefined,
  ): void {
    const method = servedMethod(target, 'unary', this.optionsOf(options));
    const { interceptors } = this;
    const run = interceptors.length === 0 ? handler : interceptUnary(interceptors, handler);
    this.add(new UnaryRoute(method, run), handler);
  }

  addServerStreaming<I, O>(
    target: MethodTarget<I, O>,
    handler: ServerStreamingHandler<I, O>,
    options: MethodOptions | undefined,
  ): void {
    const method = servedMethod(target, 'serverStreaming', this.optionsOf(options));
    const { interceptors } = this;
    const run =
      interceptors.length === 0 ? handler : interceptServerStreaming(interceptors, handler);
    this.add(new ServerStreamingRoute(method, run), handler);
  }

  addClientStreaming<I, O>(
    target: MethodTarget<I, O>,
    handler: ClientStreamingHandler<I, O>,
    options: MethodOptions | undefined,
  ): void {
    const method = servedMethod(target, 'clientStreaming', this.optionsOf(options));
    const { interceptors } = this;
    const run =
      interceptors.length === 0 ? handler : interceptClientStreaming(interceptors, handler);
    this.add(new ClientStreamingRoute(method, run), handler);
  }

  addBidiStreaming<I, O>(
    target: MethodTarget<I, O>,
    handler: BidiStreamingHandler<I, O>,
    options: MethodOptions | undefined,
  ): void {
    const method = servedMethod(target, 'bidiStreaming', this.optionsOf(options));
    const { interceptors } = this;
    const run = interceptors.length === 0 ? handler : interceptBidiStreaming(interceptors, handler);
    this.add(new BidiStreamingRoute(method, run), handler);
  }

  addCallbacks(path: string, handler: CallHandler, options: MethodOptions | undefined): void {
    checkPath(path);
    this.add(this.callbacks(path, handler, this.optionsOf(options)), handler);
  }

  /** Throws as the others do, and then nothing of the service is added. */
  addService(service: AnyService, handlers: object, options: MethodOptions | undefined): void {
    const found = handlersOf(serviceMethods(service), handlers);
    for (const { method } of found) this.checkFree(method.path);
    for (const { method, handler } of found) this.addHandler(method, handler, options);
    this.services.push(service);
  }

  setFallback(handler: CallHandler): void {
    checkHandler('the fallback', handler);
    if (this.fallbackHandler !== undefined) throw new Error('the server has a fallback already');
    this.fallbackHandler = handler;
  }

  // The types of `ServiceHandlers` hold each handler to the kind and the messages of its method;
  // what a program without types gets wrong shows as the failure of its calls.
  private addHandler(
    method: Method<unknown, unknown>,
    handler: (request: unknown, context: ServerContext) => unknown,
    options: MethodOptions | undefined,
  ): void {
    switch (method.kind) {
      case 'unary':
        this.addUnary(method, handler, options);
        return;
      case 'serverStreaming':
        this.addServerStreaming(
          method,
          handler as ServerStreamingHandler<unknown, unknown>,
          options,
        );
        return;
      case 'clientStreaming':
        this.addClientStreaming(method, handler, options);
        return;
      default:
        this.addBidiStreaming(method, handler as BidiStreamingHandler<unknown, unknown>, options);
    }
  }

  private callbacks(path: string, handler: CallHandler, options: MethodOptions): Route {
    const method = byteMethod(path, options);
    const { interceptors } = this;
    if (interceptors.length === 0) return new CallbackRoute(method, handler);
    return new BidiStreamingRoute(method, interceptCallbacks(interceptors, handler));
  }

  private optionsOf(options: MethodOptions | undefined): MethodOptions {
    if (options === undefined) return this.defaults;
    const { maxReceiveMessageLength, maxSendMessageLength, compress } = options;
    return {
      maxReceiveMessageLength: maxReceiveMessageLength ?? this.defaults.maxReceiveMessageLength,
      maxSendMessageLength: maxSendMessageLength ?? this.defaults.maxSendMessageLength,
      compress: compress ?? this.defaults.compress,
    };
  }

  private add(route: Route, handler: unknown): void {
    checkHandler(route.path, handler);
    this.checkFree(route.path);
    this.routes.set(route.path, route);
  }

  private checkFree(path: string): void {
    if (this.routes.has(path)) throw new Error(`${path} has a handler already`);
  }
}

function checkHandler(what: string, handler: unknown): void {
  if (typeof handler === 'function') return;
  throw new TypeError(`the handler of ${what} is ${typeof handler}; it must be a function`);
}
