// What a program's callbacks throw: never into the transport that called them, always into the process,
// as an exception that nobody caught.

/** Throws in the next tick. */
export function throwLater(error: unknown): void {
  process.nextTick(rethrow, error);
}

function rethrow(error: unknown): never {
  throw error;
}
