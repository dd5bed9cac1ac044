// StatusError: the one error that users of Sluice see.
// Invariants: making one for a refusal costs well under a microsecond (no stack, no Metadata object
// until read), and `instanceof` holds between two copies of the package. Codes are in status.ts;
// which fault becomes which code is the transport's.

import { Metadata } from './metadata.ts';
import { type Status, statusName } from './status.ts';

// Shared by all copies of the package in a process.
const brand: symbol = Symbol.for('sluice.StatusError');

/** What a `StatusError` may carry beside its code and details. */
export interface StatusErrorOptions {
  /** Sent in (or received from) the trailers. */
  readonly metadata?: Metadata | undefined;
  /** The error behind this one; stays in this process. */
  readonly cause?: unknown;
}

/**
 * The outcome of an RPC that did not end with OK. A handler throws one to choose its status; a
 * caller receives one. `message` is "14 UNAVAILABLE: details".
 */
export class StatusError extends Error {
  /** The status code; never OK in an error that Sluice makes. */
  readonly code: Status;
  /** The text of `grpc-message`, decoded; may be empty. */
  readonly details: string;
  // Private to the engine, so that printing an error shows code and details and no internals.
  #metadata: Metadata | null;

  /** @throws TypeError for a code that is none, details that are no text, metadata that are none */
  constructor(code: Status, details = '', options?: StatusErrorOptions) {
    checkStatus(code, details);
    if (options?.metadata !== undefined) checkMetadata(options.metadata);
    // `cause` becomes a property only if it is given, as with any Error.
    if (options !== undefined && options.cause !== undefined) {
      super(statusMessage(code, details), { cause: options.cause });
    } else {
      super(statusMessage(code, details));
    }
    this.code = code;
    this.details = details;
    this.#metadata = options?.metadata ?? null;
  }

  /** The trailing metadata; made when first read, empty if there are none. */
  get metadata(): Metadata {
    this.#metadata ??= new Metadata();
    return this.#metadata;
  }

  /**
   * An error without a stack trace, for outcomes that overload makes frequent and whose stack would
   * show nothing of the caller's code.
   */
  static refusal(code: Status, details: string, options?: StatusErrorOptions): StatusError {
    return withoutStack(() => new StatusError(code, details, options));
  }

  /** As `refusal`, for a call that ended with this status and these trailers. */
  static ended(code: Status, details: string, trailer: Metadata): StatusError {
    const error = StatusError.refusal(code, details);
    error.#metadata = trailer;
    return error;
  }

  /** Holds for errors of every copy of the package; subclasses are told apart as usual. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    // A subclass inherits this method and has to be told apart, by `this`.
    // biome-ignore lint/complexity/noThisInStatic: see above
    if (this !== StatusError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && brand in value;
  }
}

Object.defineProperty(StatusError.prototype, brand, { value: true });
Object.defineProperty(StatusError.prototype, 'name', {
  value: 'StatusError',
  writable: true,
  configurable: true,
});

/**
 * What programs without types give may be anything, and must not reach a header block.
 * @throws TypeError
 */
export function checkStatus(code: unknown, details: unknown): void {
  if (!Number.isInteger(code)) {
    throw new TypeError(`the code of a status must be one of Status, not ${String(code)}`);
  }
  if (typeof details === 'string') return;
  throw new TypeError(
    `the details of a status must be a string, not ${typeof details}; an error goes into options.cause`,
  );
}

function checkMetadata(metadata: object): void {
  // That of another copy of the package will do.
  if ('toFields' in metadata) return;
  throw new TypeError('the metadata of a StatusError must be a Metadata of this package');
}

function statusMessage(code: Status, details: string): string {
  const start = `${code} ${statusName(code)}`;
  return details === '' ? start : `${start}: ${details}`;
}

/** Makes an error whose stack would show nothing of anybody's code, and take a kilobyte. */
export function withoutStack<E extends Error>(make: () => E): E {
  if (!stackTraceLimitIsWritable()) return make();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = make();
  Error.stackTraceLimit = limit;
  return error;
}

// Under --frozen-intrinsics an assignment would throw.
const limitDescriptor: PropertyDescriptor | undefined = Object.getOwnPropertyDescriptor(
  Error,
  'stackTraceLimit',
);

function stackTraceLimitIsWritable(): boolean {
  return limitDescriptor === undefined
    ? Object.isExtensible(Error)
    : limitDescriptor.writable === true;
}
