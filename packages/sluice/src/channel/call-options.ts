// What a caller sets for one call, and what a channel sets for all of its calls.
// Invariant: plain data; a setting that is absent costs a call one read.
// Not here: how a call carries them out (call.ts), the settings of connections (channel-options.ts).

import type { Metadata } from '../grpc/metadata.ts';
import type { Peer } from '../transport/peer.ts';
import type { CallCredentials } from './call-credentials.ts';
import type { ClientInterceptor } from './interceptor.ts';

/** A call in progress that another one can end with. */
export interface ChildCall {
  /** The parent was cancelled, its deadline has passed, or its client is gone. */
  cancel(reason: string): void;
}

/** The call that a handler is serving, as calls made on its behalf see it: a `ServerContext`. */
export interface ParentCall {
  /** When its caller stops waiting; undefined for never. */
  readonly deadline: Date | undefined;
  /** `child` is told when this call is cancelled, at once if it was, until `unfollow`. */
  follow(child: ChildCall): void;
  unfollow(child: ChildCall): void;
}

/** Per call. */
export interface CallOptions {
  /** Milliseconds from now to the deadline; none by default. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call when it aborts; its reason is then the `cause` of the StatusError. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The call being served that this one is made for: its deadline holds here as well, and its
   * cancellation ends this call. gRPC "propagation", which is never implicit here.
   */
  readonly parent?: ParentCall | undefined;
  /** Request metadata. */
  readonly metadata?: Metadata | undefined;
  /** Metadata made for each call, behind those of the channel's own credentials; TLS only. */
  readonly credentials?: CallCredentials | undefined;
  /** Wait for a connection even while the backend is unreachable; default false. */
  readonly waitForReady?: boolean | undefined;
  /**
   * `:authority` of the request; default the channel's. For servers that tell tenants apart by it: TLS
   * has checked the name of the channel, not this one.
   */
  readonly authority?: string | undefined;
  /** Name of the encoding that compresses request messages ("gzip"); default the channel's. */
  readonly compress?: string | undefined;
  /** Bytes of one request message; default the channel's, which is no limit. */
  readonly maxSendMessageLength?: number | undefined;
  /** Bytes of one response message; default the channel's, which is 4 MiB. */
  readonly maxReceiveMessageLength?: number | undefined;
  /** Run around this call, inside those of the channel; the first is the outermost. */
  readonly interceptors?: readonly ClientInterceptor[] | undefined;
  /**
   * The server that answered the call, once, before `onHeader`; of a call that failed the last one it
   * was sent to, before `onTrailer`. Never of a call that was not sent. Interceptors that make a call
   * more than once have it called for each.
   */
  readonly onPeer?: ((peer: Peer) => void) | undefined;
  /** Response headers, once. */
  readonly onHeader?: ((header: Metadata) => void) | undefined;
  /** Trailers, once, before the call ends. */
  readonly onTrailer?: ((trailer: Metadata) => void) | undefined;
}

/** What a channel sets for all of its calls. */
export interface CallDefaults {
  /** `:authority` of requests. */
  readonly authority: string;
  /** What protects calls on their way; `local` is a unix socket. */
  readonly security: 'tls' | 'local' | 'none';
  readonly credentials: CallCredentials | undefined;
  readonly compress: string | undefined;
  /** Bytes. */
  readonly maxSendMessageLength: number;
  readonly interceptors: readonly ClientInterceptor[] | undefined;
}

/** What a service config sets for one method; the stricter of this and the caller's limits holds. */
export interface MethodSettings {
  readonly timeoutMs?: number | undefined;
  readonly waitForReady?: boolean | undefined;
  readonly maxRequestBytes?: number | undefined;
  readonly maxResponseBytes?: number | undefined;
}
