// What a user of the module under test could see, as plain JSON, so that what two of them showed can be
// compared. Not here: the programs that observe, the comparison (run.ts).

/** One thing that was seen, by a name that is unique in its program. */
export interface Observation {
  readonly name: string;
  readonly value: unknown;
}

/** An error as programs match on it: no stack, no cause. */
export function errorOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, details } = error as Error & {
    readonly code?: unknown;
    readonly details?: unknown;
  };
  return { name: error.name, message: error.message, code, details };
}

/** What `act` returns, or how it throws. */
export function outcomeOf(act: () => unknown): unknown {
  try {
    return { returned: act() ?? null };
  } catch (error) {
    return { threw: errorOf(error) };
  }
}

/** The file `build/src/<file>.js` of the module under test. */
export type Deep = (file: string) => unknown;

/** What a program exports as `observe`. */
export type Observe = (
  grpc: typeof import('@grpc/grpc-js'),
  deep: Deep,
) => Promise<readonly Observation[]>;
