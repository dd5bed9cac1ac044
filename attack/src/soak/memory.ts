// The live memory of a process: what is left after collections, in MB of 10^6 bytes.
// Invariants: asked at quiet moments only, since a collection under load would disturb the load and
// count what is under way; compiled code is not counted, which V8 makes and throws away for many
// minutes, by half a megabyte, and which no caller can leak. Needs --expose-gc.

import { getHeapCodeStatistics } from 'node:v8';

/** So that what finalizers and closing handles let go of is collected too. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** heapUsed and external after two forced collections, less compiled code. */
export async function liveMB(): Promise<number> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run this process with --expose-gc');
  gc();
  await turns(3);
  gc();
  const { heapUsed, external } = process.memoryUsage();
  const code = getHeapCodeStatistics();
  return (
    (heapUsed + external - code.code_and_metadata_size - code.bytecode_and_metadata_size) / 1e6
  );
}
