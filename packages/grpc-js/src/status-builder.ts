// Builds the status with which a call ends, field by field.
// Invariant: what was not given is not in the result. Not here: what a status means (constants.ts).

import type { StatusObject } from './call-interface.ts';
import type { Status } from './constants.ts';
import type { Metadata } from './metadata.ts';

export class StatusBuilder {
  private code: Status | null;
  private details: string | null;
  private metadata: Metadata | null;

  constructor() {
    this.code = null;
    this.details = null;
    this.metadata = null;
  }

  withCode(code: Status): this {
    this.code = code;
    return this;
  }

  withDetails(details: string): this {
    this.details = details;
    return this;
  }

  withMetadata(metadata: Metadata): this {
    this.metadata = metadata;
    return this;
  }

  /** What was given so far. */
  build(): Partial<StatusObject> {
    const status: Partial<StatusObject> = {};
    if (this.code !== null) status.code = this.code;
    if (this.details !== null) status.details = this.details;
    if (this.metadata !== null) status.metadata = this.metadata;
    return status;
  }
}
