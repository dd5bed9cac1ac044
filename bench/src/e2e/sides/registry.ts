// The sides that run in Node, by the name they have in the report. Each module is loaded only in
// the process that needs it, so that no side pays for another's code.

import type { Side } from './side.ts';

export const SIDE_MODULES: Readonly<Record<string, () => Promise<Side>>> = {
  sluice: async () => (await import('./sluice.ts')).sluice,
  'grpc-js': async () => (await import('./grpc-js.ts')).grpcJs,
  http2: async () => (await import('./http2.ts')).bareHttp2,
};
