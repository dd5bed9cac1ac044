// What a handler knows of the call it serves. Everything is made when it is asked for: a handler
// that reads nothing costs nothing.

import { Metadata } from '../grpc/metadata.ts';
import type { ServerStream } from '../transport/server-stream.ts';

/** Given to every handler with the request. */
export class ServerContext {
  private readonly stream: ServerStream;
  private readonly peerName: string;
  private readonly receivedAtMs: number;
  private controller: AbortController | undefined;
  private cancelReason: string | undefined;
  private received: Metadata | undefined;
  private trailing: Metadata | undefined;

  constructor(stream: ServerStream, peerName: string, receivedAtMs: number) {
    this.stream = stream;
    this.peerName = peerName;
    this.receivedAtMs = receivedAtMs;
    this.controller = undefined;
    this.cancelReason = undefined;
    this.received = undefined;
    this.trailing = undefined;
  }

  /** `/package.Service/Method`. */
  get path(): string {
    return this.stream.head.path;
  }

  /** `:authority` of the request. */
  get authority(): string {
    return this.stream.head.authority;
  }

  /** Address of the client. */
  get peer(): string {
    return this.peerName;
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

  /** Aborts when the client cancels, its deadline passes or the connection is lost. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.cancelReason !== undefined) this.controller.abort(new Error(this.cancelReason));
    }
    return this.controller.signal;
  }

  /** True once the call is over for the client; a handler may stop. */
  get cancelled(): boolean {
    return this.cancelReason !== undefined;
  }

  /** Trailers to send with the status. */
  get trailer(): Metadata {
    this.trailing ??= new Metadata();
    return this.trailing;
  }

  /** Sends response headers now; without it they go with the first message or the status. */
  sendHeader(header: Metadata = new Metadata()): void {
    this.stream.sendHead(header.toFields());
  }

  /** Called by the server. */
  cancel(reason: string): void {
    this.cancelReason = reason;
    this.controller?.abort(new Error(reason));
  }

  /** The trailers a handler has set, flat. */
  trailerFields(): readonly string[] {
    return this.trailing?.toFields() ?? NO_FIELDS;
  }
}

const NO_FIELDS: readonly string[] = [];
