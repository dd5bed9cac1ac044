// A process of its own that lets one program observe one module: argv is the program's file and the
// module's name. Sends one message, `Report`, and exits; what the program left open dies with it.

import type { Deep, Observation, Observe } from './observation.ts';

/** What the program saw, or how it failed. */
export interface Report {
  readonly observations?: readonly Observation[];
  readonly failure?: string;
}

async function report(file: string, moduleName: string): Promise<Report> {
  try {
    const { observe }: { readonly observe: Observe } = require(file);
    const deep: Deep = (name) => require(`${moduleName}/build/src/${name}`);
    const observations = await observe(require(moduleName), deep);
    return { observations: JSON.parse(JSON.stringify(observations, plain)) };
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

// What JSON would turn into null or refuse.
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value;
}

const [file = '', moduleName = ''] = process.argv.slice(2);
void report(file, moduleName).then((message) => {
  process.send?.(message, () => process.exit(0));
});
