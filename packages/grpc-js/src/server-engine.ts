// A server of the runtime that hands its calls to the handlers of a server of this package.
// Invariant: the handler of a call is looked up by its path for each call, because programs put others
// in its place (`handlers.get(path).func`).
// Not here: how a handler is run (server-exchange.ts), ports (server-ports.ts).

import {
  createServer,
  type Server as RuntimeServer,
  type ServerCall,
  type ServerContext,
  type ServerStreamListener,
} from 'sluice';
import type { ChannelOptions } from './channel-options.ts';
import { Status } from './constants.ts';
import { BaseServerInterceptingCall } from './server-base-call.ts';
import type { Handler } from './server-call.ts';
import { callSettings, type ServerCallSettings } from './server-call-settings.ts';
import { runHandler } from './server-exchange.ts';
import type { ServerInterceptor } from './server-interceptors.ts';
import { runtimeOptions } from './server-options.ts';

/** Of a call that nobody serves. */
const NOBODY: ServerStreamListener = {
  onMessage() {},
  onHalfClose() {},
  onWritable() {},
  onCancel() {},
};

/** The ports of a server have one in common, but for those whose credentials have interceptors. */
export class ServerEngine {
  readonly server: RuntimeServer;
  private readonly handlers: ReadonlyMap<string, Handler<unknown, unknown>>;
  private readonly interceptors: readonly ServerInterceptor[];
  private readonly settings: ServerCallSettings;

  constructor(
    handlers: ReadonlyMap<string, Handler<unknown, unknown>>,
    interceptors: readonly ServerInterceptor[],
    options: ChannelOptions,
  ) {
    this.handlers = handlers;
    this.interceptors = interceptors;
    this.settings = callSettings(options);
    this.server = createServer(runtimeOptions(options)).fallback((call, context) =>
      this.serve(call, context),
    );
  }

  private serve(call: ServerCall, context: ServerContext): ServerStreamListener {
    const { path } = context;
    const handler = this.handlers.get(path);
    if (handler === undefined) {
      call.end(Status.UNIMPLEMENTED, `The server does not implement the method ${path}`);
      return NOBODY;
    }
    const base = new BaseServerInterceptingCall(call, context, handler, this.settings);
    runHandler(base, handler, this.interceptors);
    return base;
  }
}
