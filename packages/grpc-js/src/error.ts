// What can be read off a value that was thrown, whatever it is.
// Not here: the errors that calls end with (call.ts).

/** The message of an Error, or the value as text. */
export function getErrorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The numeric `code` of an object, or null. */
export function getErrorCode(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'number' ? error.code : null;
}
