// @grpc/grpc-js as a peer of the interop cases, in a process of its own:
// `grpc-js-process.js server|client`, with the options of peer-commands.ts.

import { connectGrpcJs } from './grpc-js-client.ts';
import { serveGrpcJs } from './grpc-js-server.ts';
import { runPeer } from './peer-commands.ts';

void runPeer({ serve: serveGrpcJs, connect: connectGrpcJs });
