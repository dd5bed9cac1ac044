// @grpc/grpc-js under the storm, with its defaults. It shows no depth of its queues.
// Not here: the program that runs on it (grpc-js-program.ts).

import * as grpc from '@grpc/grpc-js';
import { connectProgram, type GrpcJsModule, serveProgram } from './grpc-js-program.ts';
import type { AwaitTurn, ClientRuntime, ServingRuntime } from './runtime.ts';

const GRPC_JS: GrpcJsModule = { grpc, channelOptions: {}, statsOf: () => null };

/** Connects a client. */
export function connectGrpcJs(port: number): Promise<ClientRuntime> {
  return connectProgram(GRPC_JS, port);
}

/** Starts a server. */
export function serveGrpcJs(awaitTurn: AwaitTurn): Promise<ServingRuntime> {
  return serveProgram(GRPC_JS, awaitTurn);
}
