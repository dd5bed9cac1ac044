// A gRPC method as both ends of a call see it: its path, its kind, and the codecs of its messages.
// Invariant: plain data, made once per method and shared by all its calls; a codec may throw, and
// what it throws becomes the status of one call. Not here: where methods come from (service/).

/** Who sends how many messages. */
export type MethodKind = 'unary' | 'serverStreaming' | 'clientStreaming' | 'bidiStreaming';

/** Turns messages into bytes and back. Either may throw. */
export interface Codec<T> {
  encode(message: T): Uint8Array;
  /** The buffer is the codec's to keep; a message may be a view into it. */
  decode(bytes: Buffer): T;
}

/** A method. `I` is what clients send, `O` what servers answer. */
export interface Method<I, O> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly kind: MethodKind;
  readonly request: Codec<I>;
  readonly response: Codec<O>;
}
