// How a betterment is shown: a program that gets the module under test by name, looks for one thing,
// and prints what it saw as one line of JSON. It says nothing of which module should pass.

/** The module under test; both are used by the types of the published one. */
export type Grpc = typeof import('@grpc/grpc-js');

export interface Verdict {
  /** Whether the module does what the betterment claims. */
  readonly holds: boolean;
  /** Figures, for whoever reads a failure. */
  readonly seen: Readonly<Record<string, unknown>>;
}

/** Runs `prove` with the module that the command line names, prints the verdict, and ends the process. */
export function main(prove: (grpc: Grpc) => Promise<Verdict>): void {
  const name = process.argv[2] ?? '';
  // The module under test is chosen at run time; that it has this shape is what other tests show.
  const grpc = require(name) as Grpc;
  prove(grpc).then(
    (verdict) => {
      process.stdout.write(`${JSON.stringify(verdict)}\n`, () => process.exit(0));
    },
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`, () =>
        process.exit(1),
      );
    },
  );
}
