// What a handler knows of the call it serves. Everything is made when it is asked for: a handler
// that reads nothing costs nothing.
// Invariant: what is cancelled stays so, and each child is told once.

import type { ChildCall, ParentCall } from '../channel/call-options.ts';
import { Metadata } from '../grpc/metadata.ts';
import type { MethodKind } from '../grpc/method.ts';
import { Status } from '../grpc/status.ts';
import { StatusError, withoutStack } from '../grpc/status-error.ts';
import type { Peer } from '../transport/peer.ts';
import type { ServerStream } from '../transport/server-stream.ts';
import { callText } from '../transport/stall.ts';

/** A method, as interceptors and handlers see it. */
export interface MethodInfo {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** `bidiStreaming` for callback handlers and the fallback: anything may come, either way. */
  readonly kind: MethodKind;
}

/** Who runs the handler of a context. */
export interface CallAborter {
  abort(error: StatusError): void;
}

const NO_FIELDS: readonly string[] = [];

/**
 * Given to every handler with the request. As `parent` of calls that the handler makes, it hands on
 * its deadline and cancellation.
 */
export class ServerContext implements ParentCall {
  /** The method that is served. */
  readonly method: MethodInfo;
  /** The client: its address, and its certificate where TLS asked for one. */
  readonly peer: Peer;
  private readonly stream: ServerStream;
  private readonly aborter: CallAborter;
  private readonly receivedAtMs: number;
  private controller: AbortController | undefined;
  private cancelReason: string | undefined;
  private received: Metadata | undefined;
  private heading: Metadata | undefined;
  private trailing: Metadata | undefined;
  private children: Set<ChildCall> | undefined;

  constructor(
    method: MethodInfo,
    stream: ServerStream,
    peer: Peer,
    aborter: CallAborter,
    receivedAtMs: number,
  ) {
    this.method = method;
    this.peer = peer;
    this.stream = stream;
    this.aborter = aborter;
    this.receivedAtMs = receivedAtMs;
    this.controller = undefined;
    this.cancelReason = undefined;
    this.received = undefined;
    this.heading = undefined;
    this.trailing = undefined;
    this.children = undefined;
  }

  /** `/package.Service/Method`, as the client sent it. */
  get path(): string {
    return this.stream.head.path;
  }

  /** `:authority` of the request. */
  get authority(): string {
    return this.stream.head.authority;
  }

  /** Request metadata. */
  get metadata(): Metadata {
    this.received ??= Metadata.fromFields(this.stream.head.metadata);
    return this.received;
  }

  /** The client's deadline; undefined when it set none. */
  get deadline(): Date | undefined {
    const { timeoutMs } = this.stream.head;
    if (timeoutMs < 0) return undefined;
    return new Date(performance.timeOrigin + this.receivedAtMs + timeoutMs);
  }

  /** Milliseconds to the client's deadline, at least 0; undefined when it set none. */
  get remainingMs(): number | undefined {
    const { timeoutMs } = this.stream.head;
    if (timeoutMs < 0) return undefined;
    return Math.max(0, this.receivedAtMs + timeoutMs - performance.now());
  }

  /** Aborts when the client cancels, its deadline passes, the connection is lost, or by `abort`. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.cancelReason !== undefined) this.controller.abort(reasonOf(this.cancelReason));
    }
    return this.controller.signal;
  }

  /** True once the call is over for the client; a handler may stop. */
  get cancelled(): boolean {
    return this.cancelReason !== undefined;
  }

  /**
   * Response headers to send: they go with the first message or the status, or with `sendHeader`.
   * What is set after that is not sent.
   */
  get header(): Metadata {
    this.heading ??= new Metadata();
    return this.heading;
  }

  /** Trailers to send with the status. */
  get trailer(): Metadata {
    this.trailing ??= new Metadata();
    return this.trailing;
  }

  /**
   * Compresses the responses by this encoding ("gzip"), `identity` for none; default the server's.
   * Set it before the response headers. A client that does not take the encoding gets identity.
   * @throws RangeError for an encoding that is not known, Error once the response headers were sent
   */
  set compress(encoding: string) {
    this.stream.compress(encoding);
  }

  /**
   * Sends response headers now, once; without it they go with the first message or the status.
   * @param header sent behind what `header` has
   */
  sendHeader(header?: Metadata): void {
    const fields = this.heading?.toFields() ?? NO_FIELDS;
    this.heading = undefined;
    this.stream.sendHead(header === undefined ? fields : [...fields, ...header.toFields()]);
  }

  /**
   * What the call waits for now, since when, and what would release it: one sentence, for people. On
   * Linux the kernel is asked for its queues of the socket, which takes a moment: not for each call.
   */
  explain(): string {
    const isOver = this.cancelled || this.stream.isEnded;
    return callText(isOver, isOver ? undefined : this.stream.stall(true));
  }

  /**
   * Ends the call with this error, from wherever the context is known: beside its handler, or while
   * what it has sent waits for a client that does not read. The status comes behind what was sent;
   * `signal` aborts, and what the handler still answers or throws is dropped. A call that has ended
   * keeps the status it has.
   * @throws TypeError for what is no StatusError, or one of OK
   */
  abort(error: StatusError): void {
    if (!(error instanceof StatusError) || error.code === Status.OK) {
      throw new TypeError(`abort takes a StatusError that is not OK, not ${String(error)}`);
    }
    this.aborter.abort(error);
  }

  /** `child` hears of the cancellation, at once if it has happened, until `unfollow`. */
  follow(child: ChildCall): void {
    if (this.cancelReason !== undefined) {
      child.cancel(this.cancelReason);
      return;
    }
    this.children ??= new Set();
    this.children.add(child);
  }

  /** `child` needs no telling any more. */
  unfollow(child: ChildCall): void {
    this.children?.delete(child);
  }

  /** Called by the server. */
  cancel(reason: string): void {
    if (this.cancelReason !== undefined) return;
    this.cancelReason = reason;
    this.controller?.abort(reasonOf(reason));
    const { children } = this;
    this.children = undefined;
    if (children === undefined) return;
    for (const child of children) child.cancel(reason);
  }

  /** Called by the server: what interceptors made of the handler's metadata. */
  replaceMetadata(header: Metadata, trailer: Metadata): void {
    this.heading = header;
    this.trailing = trailer;
  }

  /** Called by the server before each message and the status. */
  flushHeader(): void {
    if (this.heading !== undefined && this.heading.size > 0) this.sendHeader();
  }

  /** The trailers a handler has set, flat. */
  trailerFields(): readonly string[] {
    return this.trailing?.toFields() ?? NO_FIELDS;
  }
}

function reasonOf(text: string): Error {
  return withoutStack(() => new Error(text));
}
