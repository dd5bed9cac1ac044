// The sides that run in Node, by the name they have in the report. Each module is loaded only in
// the process that needs it, so that no side pays for another's code.

import { packageVersion } from '../../package-version.ts';
import type { GrpcModule } from './grpc-js.ts';
import type { Side } from './side.ts';

async function original(): Promise<Side> {
  const { grpcJsSide } = await import('./grpc-js.ts');
  const { shop } = await import('./typed-grpc-js.ts');
  const module = await import('@grpc/grpc-js');
  return grpcJsSide({ module, version: packageVersion('@grpc/grpc-js'), shop });
}

/** The same program. Its generated code imports the original by name, so there are no typed calls. */
async function dropIn(): Promise<Side> {
  const { grpcJsSide } = await import('./grpc-js.ts');
  // The same types, but for private fields and enums, which TypeScript takes by their declaration.
  const module = (await import('@sluice/grpc-js')) as unknown as GrpcModule;
  return grpcJsSide({ module, version: packageVersion('@sluice/grpc-js') });
}

export const SIDE_MODULES: Readonly<Record<string, () => Promise<Side>>> = {
  sluice: async () => (await import('./sluice.ts')).sluice,
  'grpc-js': original,
  'drop-in': dropIn,
  http2: async () => (await import('./http2.ts')).bareHttp2,
};
