// What a client library has to offer for the interop cases to be written once: unary calls and
// streams over protobuf-es methods, with the compressed flag of what was received.
// Invariant: a call that ends with a status other than OK rejects with CallStatus, whatever the
// library throws. Not here: the cases (cases.ts), the libraries (grpc-js-client.ts, sluice-client.ts).

import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';

/** A metadata field; bytes for a key that ends with `-bin`. */
export type Field = readonly [string, string | Uint8Array];

/** Per call. */
export interface CaseOptions {
  /** Compresses the requests with gzip; default false. */
  readonly compress?: boolean;
  /** The case reads `compressed` of what it receives; default false, and then it is false. */
  readonly watchCompression?: boolean;
  readonly metadata?: readonly Field[];
  /** Milliseconds. */
  readonly timeoutMs?: number;
}

/** A received message. */
export interface Received<T> {
  readonly message: T;
  /** The flag before the message's length: whether the message came compressed. */
  readonly compressed: boolean;
}

/** Header and trailer values by key, as text or bytes. */
export interface CaseMetadata {
  values(key: string): readonly (string | Uint8Array)[];
}

/** What a unary call gave. */
export interface UnaryReply<T> extends Received<T> {
  readonly header: CaseMetadata;
  readonly trailer: CaseMetadata;
}

/** A call with a stream of requests, of responses, or of both. */
export interface CaseStream<I, O> {
  /** @param compressed false: this message goes uncompressed in a call that compresses */
  send(message: I, compressed?: boolean): void;
  /** Half-closes. */
  end(): void;
  /** The next response; undefined when the call has ended with OK. */
  receive(): Promise<Received<O> | undefined>;
  cancel(): void;
  /** Valid once a response came. */
  header(): CaseMetadata;
  /** Valid once the call has ended. */
  trailer(): CaseMetadata;
}

export interface CaseClient {
  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly input: I; readonly output: O },
    request: MessageInitShape<I>,
    options: CaseOptions,
  ): Promise<UnaryReply<MessageShape<O>>>;
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { readonly input: I; readonly output: O },
    options: CaseOptions,
  ): CaseStream<MessageInitShape<I>, MessageShape<O>>;
  close(): void;
}

/** How a call ended that did not end with OK. */
export class CallStatus extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: number, details: string) {
    super(`the call ended with status ${code}: ${details}`);
    this.code = code;
    this.details = details;
  }
}

/** `/package.Service/Method`. */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}
