// The h2spec cases that this server is right to fail, each with the rule that says so: none today.
// Invariant: the list is exact. A case on it that passes, or that h2spec does not have, fails the
// run as a stale exception; a case that is not on it has to pass.

/** One case that may fail, and why. */
export interface H2specException {
  /** Section and number of the case, as h2spec's own arguments name it. */
  readonly id: string;
  readonly why: string;
}

export const H2SPEC_EXCEPTIONS: readonly H2specException[] = [];
