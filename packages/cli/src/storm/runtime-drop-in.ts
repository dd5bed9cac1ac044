// @sluice/grpc-js under the storm: what runs on @grpc/grpc-js, unchanged. Its own limits are wide, for
// programs that lean on patience: they end what would not end, after more calls than a storm of seconds
// can drain. The storm gives it those that Sluice has by default, by the one option that there is for it;
// @grpc/grpc-js has no such limits and would ignore the option.

import * as dropIn from '@sluice/grpc-js';
import { statsOf } from '@sluice/grpc-js/build/src/sluice-stats.js';
import { defaultClientLimits } from 'sluice';
import { connectProgram, type GrpcJsModule, serveProgram } from './grpc-js-program.ts';
import type { AwaitTurn, ClientRuntime, ServingRuntime } from './runtime.ts';

const DROP_IN: GrpcJsModule = {
  // The same names and types but for private fields, which make classes of two packages differ.
  grpc: dropIn as unknown as GrpcJsModule['grpc'],
  channelOptions: { 'sluice.options': { limits: defaultClientLimits } },
  statsOf,
};

/** Connects a client. */
export function connectDropIn(port: number): Promise<ClientRuntime> {
  return connectProgram(DROP_IN, port);
}

/** Starts a server. */
export function serveDropIn(awaitTurn: AwaitTurn): Promise<ServingRuntime> {
  return serveProgram(DROP_IN, awaitTurn);
}
