// Sluice as a peer of the interop cases, in a process of its own:
// `sluice-process.js server|client`, with the options of peer-commands.ts.

import { runPeer } from './peer-commands.ts';
import { connectSluice } from './sluice-client.ts';
import { serveSluice } from './sluice-server.ts';

void runPeer({ serve: serveSluice, connect: connectSluice });
