// What a service definition says of its methods in types alone: the record that typed clients and
// typed handlers are derived from.
// Invariant: `request` and `response` are what decoding gives; their `...Init` are what encoding
// takes, which may be wider (parts of a message, plain objects).
// Not here: how each family of generated code is read (one file per family beside this one).

import type { MethodKind } from '../grpc/method.ts';

/** The types of one method. */
export interface MethodTypes {
  /** One of the four kinds; all four where the definition's types do not tell. */
  readonly kind: MethodKind;
  /** A decoded request: what a handler is given. */
  readonly request: unknown;
  /** What a client may pass as a request. */
  readonly requestInit: unknown;
  /** A decoded response: what a client is given. */
  readonly response: unknown;
  /** What a handler may answer with. */
  readonly responseInit: unknown;
}

/** The kind that two `...Stream` flags mean; a flag of type `boolean` leaves it open. */
export type KindOfStreams<RequestStream, ResponseStream> = boolean extends RequestStream
  ? MethodKind
  : boolean extends ResponseStream
    ? MethodKind
    : RequestStream extends true
      ? ResponseStream extends true
        ? 'bidiStreaming'
        : 'clientStreaming'
      : ResponseStream extends true
        ? 'serverStreaming'
        : 'unary';

/**
 * A message any of whose fields may be left out, at any depth. Of a oneof that is one property, the
 * case stays (ts-proto's `$case`, protobuf-ts' `oneofKind`) and its message may be partial.
 */
export type PartialMessage<T> = { [K in keyof T]?: PartialField<T[K]> | undefined };

type PartialField<F> = F extends Builtin
  ? F
  : F extends readonly (infer Item)[]
    ? readonly PartialField<Item>[]
    : F extends { readonly $case: string } | { readonly oneofKind: string | undefined }
      ? PartialOneof<F>
      : F extends Long
        ? F | number | string
        : F extends object
          ? PartialMessage<F>
          : F;

type PartialOneof<F> = {
  [K in keyof F]: K extends '$case' | 'oneofKind' ? F[K] : PartialField<F[K]>;
};

// Functions are methods of classes such as Long, which no message has parts of.
type Builtin =
  | Date
  | Uint8Array
  | ((...args: never) => unknown)
  | bigint
  | boolean
  | number
  | string
  | null
  | undefined;

// The class of the package `long`, which `forceLong=long` generates.
interface Long {
  readonly unsigned: boolean;
  toNumber(): number;
}
